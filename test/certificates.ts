// Certificates for tests, made by the command openssl: an authority, and what it signs, as PEM files in a folder.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface CertificateOptions {
  /** Subject Alternative Names as openssl writes them, such as `DNS:localhost,IP:127.0.0.1`. */
  readonly sans?: string;
  /** It ended yesterday. */
  readonly isExpired?: boolean;
}

export interface Certificate {
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
}

export class Authority implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "certificates-test-"));
  readonly #ca: Certificate;

  constructor(name = "authority") {
    this.#ca = { cert: join(this.folder, "ca.crt"), key: join(this.folder, "ca.key") };
    const { cert, key } = this.#ca;
    openssl("req", "-x509", ...newKey(key), "-days", "2", "-subj", `/CN=${name}`, "-out", cert);
  }

  /** Path of the authority's certificate. */
  get cert(): string {
    return this.#ca.cert;
  }

  /** A new key with a certificate. */
  issue(name: string, { sans, isExpired = false }: CertificateOptions = {}): Certificate {
    const [cert, key, request, extensions] = ["crt", "key", "csr", "ext"].map((end) =>
      join(this.folder, `${name}.${end}`),
    );
    openssl("req", "-new", ...newKey(key!), "-subj", `/CN=${name}`, "-out", request!);
    writeFileSync(extensions!, sans === undefined ? "" : `subjectAltName=${sans}\n`);
    const days = isExpired ? "-1" : "2";
    const signed = ["-req", "-in", request!, "-CA", this.#ca.cert, "-CAkey", this.#ca.key, "-CAcreateserial"];
    openssl("x509", ...signed, "-days", days, "-extfile", extensions!, "-out", cert!);
    return { cert: cert!, key: key! };
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

function newKey(path: string): string[] {
  return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path];
}

function openssl(...args: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  if (exitCode !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}
