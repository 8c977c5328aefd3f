// Certificate, key and rules with which connections begin TLS. Made once for a configuration, used for each connection.

import type { X509Certificate } from "node:crypto";
import type { Socket, TLSOptions } from "bun";
import { requires, type TlsSettings, verifies, WebConfigError } from "./web-config.ts";

/** Loaded only for TLS: an import would load them at each start of the executable, which then takes 1 MB more. */
const modules = () => ({ ...process.getBuiltinModule("node:crypto"), ...process.getBuiltinModule("node:tls") });

/** The certificates and the key of the settings, in PEM. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string | undefined;
}

/** The part of Bun's socket that the rules for clients read after a handshake. */
export type ShakenSocket = Pick<Socket, "authorized" | "getAuthorizationError" | "getPeerX509Certificate">;

export const NO_CERTIFICATE = "it has no certificate";

export class TlsContext {
  /** For `upgradeTLS`. */
  readonly options: TLSOptions & { readonly secureContext: unknown };
  readonly settings: TlsSettings;
  readonly #allowedSans: ReadonlySet<string> | undefined;

  /** Throws WebConfigError if certificate or key is invalid, or they do not belong together. */
  constructor(settings: TlsSettings, { cert, key, clientCa }: TlsMaterial) {
    checkMaterial(settings, { cert, key, clientCa });
    this.settings = settings;
    this.#allowedSans = settings.clientAllowedSans && new Set(settings.clientAllowedSans.map(canonicalName));
    const { minVersion, maxVersion, clientAuth } = settings;
    const { constants, createSecureContext } = modules();
    try {
      const { context } = createSecureContext({
        cert,
        key,
        ca: clientCa,
        minVersion,
        maxVersion,
        // A session that is resumed would not verify the client's certificate again, which may have expired since.
        secureOptions: constants.SSL_OP_NO_TICKET,
      });
      const requestCert = clientAuth !== "NoClientCert";
      // BoringSSL itself refuses a client without a certificate. The other rules are `refusal`.
      this.options = {
        secureContext: context,
        requestCert,
        rejectUnauthorized: requires(clientAuth) && verifies(clientAuth),
      };
    } catch (error) {
      throw new WebConfigError(`tls_server_config cannot be used: ${(error as Error).message}`);
    }
  }

  /** Why a client must be refused after its handshake; undefined if it may be served. */
  refusal(socket: ShakenSocket): string | undefined {
    const { clientAuth } = this.settings;
    if (clientAuth === "NoClientCert") return undefined;
    const certificate = socket.getPeerX509Certificate() as X509Certificate | undefined;
    if (certificate === undefined) return requires(clientAuth) ? NO_CERTIFICATE : undefined;
    if (verifies(clientAuth) && !socket.authorized) {
      const { code, message } = (socket.getAuthorizationError() ?? {}) as NodeJS.ErrnoException;
      return `its certificate is not valid: ${message ?? "unknown reason"} (${code ?? "no code"})`;
    }
    if (this.#allowedSans === undefined) return undefined;
    const isAllowed = subjectAltNames(certificate.subjectAltName ?? "").some((name) => this.#allowedSans!.has(name));
    return isAllowed ? undefined : "its certificate has no name of client_allowed_sans";
  }
}

/** Checked here, because BoringSSL's errors for these faults name neither the key nor the reason. */
function checkMaterial({ cert, key, clientCa }: TlsSettings, material: TlsMaterial): void {
  const { createPrivateKey, X509Certificate } = modules();
  const certificate = parsed(() => new X509Certificate(material.cert), cert.key, "a certificate in PEM");
  const privateKey = parsed(() => createPrivateKey(material.key), key.key, "a private key in PEM without a passphrase");
  if (clientCa !== undefined) {
    parsed(() => new X509Certificate(material.clientCa!), clientCa.key, "a certificate in PEM");
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new WebConfigError(`tls_server_config.${key.key} does not belong to ${cert.key}`);
  }
}

function parsed<T>(parse: () => T, key: string, what: string): T {
  try {
    return parse();
  } catch {
    throw new WebConfigError(`tls_server_config.${key} is not ${what}`);
  }
}

/** Names of DNS, IP, email and URI in the text of X509Certificate. A name with a special character is a JSON string there. */
function subjectAltNames(text: string): string[] {
  return [...text.matchAll(/(?:^|, )(?:DNS|IP Address|email|URI):("(?:[^"\\]|\\.)*"|[^,"]*)/g)].map(([, name]) =>
    canonicalName(name!.startsWith('"') ? (JSON.parse(name!) as string) : name!),
  );
}

/** IPv6 addresses have several spellings. Other names are as they are. */
function canonicalName(name: string): string {
  if (!/^[\da-fA-F:.]*:[\da-fA-F:.]*$/.test(name) || !URL.canParse(`http://[${name}]`)) return name;
  return new URL(`http://[${name}]`).hostname;
}
