// What an exporter with TLS and a password needs, and what its clients need: an authority, certificates, a configuration.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Authority, type Certificate, type CertificateOptions } from "./certificates.ts";
import type { StartOptions } from "./exporter-process.ts";

export const USER = "prometheus";
export const PASSWORD = "correct horse";

const HASH = Bun.password.hashSync(PASSWORD, { algorithm: "bcrypt", cost: 4 });

export class Protection implements Disposable {
  readonly authority = new Authority();
  readonly server: Certificate = this.authority.issue("server", { sans: "DNS:localhost,IP:127.0.0.1" });
  readonly path = join(this.authority.folder, "web.yml");

  /** `tls`: more keys of tls_server_config. The certificate has names relative to the file. */
  constructor(tls: Readonly<Record<string, unknown>> = {}) {
    this.write({
      tls_server_config: { cert_file: "server.crt", key_file: "server.key", ...tls },
      basic_auth_users: { [USER]: HASH },
    });
  }

  /** Replaces the configuration. */
  write(configuration: unknown): void {
    // JSON is YAML too.
    writeFileSync(this.path, JSON.stringify(configuration));
  }

  issue(name: string, options?: CertificateOptions): Certificate {
    return this.authority.issue(name, options);
  }

  /** For ExporterProcess.start. */
  get start(): Required<Pick<StartOptions, "args" | "request">> {
    return {
      args: ["--web-config", this.path],
      request: {
        tls: { ca: Bun.file(this.authority.cert) },
        headers: { Authorization: `Basic ${btoa(`${USER}:${PASSWORD}`)}` },
      },
    };
  }

  [Symbol.dispose](): void {
    this.authority[Symbol.dispose]();
  }
}
