// The settings of a web configuration file, in the format of Prometheus's exporters: exporter-toolkit,
// docs/web-configuration.md. Only text in and settings out; web-config-file.ts reads the files.

/** The certificate, key or authority, in PEM: in the configuration itself, or the path of a file. */
export interface Pem {
  /** The key of the configuration, for errors. */
  readonly key: string;
  readonly text?: string;
  readonly file?: string;
}

/** Go's names of the rules for clients' certificates (crypto/tls, ClientAuthType). */
export type ClientAuth =
  | "NoClientCert"
  | "RequestClientCert"
  | "RequireAnyClientCert"
  | "VerifyClientCertIfGiven"
  | "RequireAndVerifyClientCert";

export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";

export interface TlsSettings {
  readonly cert: Pem;
  readonly key: Pem;
  readonly clientCa: Pem | undefined;
  readonly clientAuth: ClientAuth;
  /** The client's certificate must have one of these Subject Alternative Names; undefined: any. */
  readonly clientAllowedSans: readonly string[] | undefined;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
}

export interface WebSettings {
  /** Undefined: plain HTTP. */
  readonly tls: TlsSettings | undefined;
  /** Name → bcrypt hash. Empty: no password. */
  readonly users: ReadonlyMap<string, string>;
  /** Name → value of header fields that each response has. */
  readonly headers: ReadonlyMap<string, string>;
}

/** A fault of the configuration, in one line that names the key. */
export class WebConfigError extends Error {
  override readonly name = "WebConfigError";
}

const TOP_KEYS = ["tls_server_config", "http_server_config", "basic_auth_users"];
const TLS_KEYS = [
  "cert_file",
  "cert",
  "key_file",
  "key",
  "client_ca_file",
  "client_ca",
  "client_auth_type",
  "client_allowed_sans",
  "min_version",
  "max_version",
];
const HTTP_KEYS = ["headers", "http2"];

/** Keys of the format that are not supported. Ignoring one could weaken a protection that its author relies on. */
const UNSUPPORTED = new Set([
  "rate_limit",
  "tls_server_config.cipher_suites",
  "tls_server_config.curve_preferences",
  "tls_server_config.prefer_server_cipher_suites",
]);

const VERSIONS: Readonly<Record<string, TlsVersion>> = {
  TLS10: "TLSv1",
  TLS11: "TLSv1.1",
  TLS12: "TLSv1.2",
  TLS13: "TLSv1.3",
};

const CLIENT_AUTHS: Readonly<Record<string, ClientAuth>> = {
  NoClientCert: "NoClientCert",
  RequestClientCert: "RequestClientCert",
  RequireAnyClientCert: "RequireAnyClientCert",
  RequireClientCert: "RequireAnyClientCert", // its name in old files
  VerifyClientCertIfGiven: "VerifyClientCertIfGiven",
  RequireAndVerifyClientCert: "RequireAndVerifyClientCert",
};

/** Whether certificates of clients are verified, so that an authority is needed. */
export function verifies(clientAuth: ClientAuth): boolean {
  return clientAuth === "VerifyClientCertIfGiven" || clientAuth === "RequireAndVerifyClientCert";
}

/** Whether a client without a certificate is refused. */
export function requires(clientAuth: ClientAuth): boolean {
  return clientAuth === "RequireAnyClientCert" || clientAuth === "RequireAndVerifyClientCert";
}

/** Header fields that may be set → their values; none: any value. */
const HEADERS: Readonly<Record<string, readonly string[]>> = {
  "Content-Security-Policy": [],
  "Strict-Transport-Security": [],
  "X-Content-Type-Options": ["nosniff"],
  "X-Frame-Options": ["deny", "sameorigin"],
  "X-XSS-Protection": [],
};

/** Of bcrypt, as a power of two. A check of cost 16 takes seconds, and each more doubles that. */
const MAX_COST = 16;
/** Behind the prefix, such as `$2y$`. */
const COST_OFFSET = 4;

const BCRYPT = /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./0-9A-Za-z]{53}$/;

/** A private character of Unicode, which no configuration has. */
const MARK = "\u{e000}";

/** Mappings in mappings: the file, `http_server_config`, `headers`. */
const MAX_DEPTH = 3;

/** Reads the text of a configuration file; an empty one sets nothing. Throws WebConfigError. */
export function readWebSettings(text: string): WebSettings {
  const top = section(parse(text), "", TOP_KEYS);
  refuseRepeats(text);
  const http = section(top["http_server_config"], "http_server_config", HTTP_KEYS);
  // false is the only behavior of this server.
  if (http["http2"] !== undefined && http["http2"] !== false)
    throw new WebConfigError("http_server_config.http2 is not supported; set it to false or remove it");
  return {
    tls: readTls(section(top["tls_server_config"], "tls_server_config", TLS_KEYS)),
    users: readUsers(section(top["basic_auth_users"], "basic_auth_users")),
    headers: readHeaders(section(http["headers"], "http_server_config.headers", Object.keys(HEADERS))),
  };
}

function parse(text: string): unknown {
  try {
    return Bun.YAML.parse(text);
  } catch (error) {
    throw new WebConfigError(`cannot be read as YAML: ${(error as Error).message}`);
  }
}

/**
 * Bun's parser takes the last of equal keys, so a second one would replace the first one unseen. With a number before each
 * colon that can end a key, all keys differ and the parser returns them all.
 */
function refuseRepeats(text: string): void {
  let count = 0;
  const numbered = text.replaceAll(/["'][ \t]*:|(?<=\S)[ \t]*:(?=[\s,[\]{}]|$)/g, (end) => `${MARK}${count++}${end}`);
  refuseRepeatsIn(parse(numbered), "");
}

function refuseRepeatsIn(value: unknown, path: string, depth = 1): void {
  if (typeof value !== "object" || value === null || Array.isArray(value) || depth > MAX_DEPTH) return;
  const seen = new Set<string>();
  for (const [numbered, inner] of Object.entries(value)) {
    const [key, number] = numbered.split(MARK);
    const name = path + key;
    if (number === undefined) throw new WebConfigError(`${name} cannot be checked; write it as KEY: VALUE on one line`);
    if (seen.has(key!)) throw new WebConfigError(`${name} is repeated; write it once`);
    seen.add(key!);
    refuseRepeatsIn(inner, `${name}.`, depth + 1);
  }
}

/** The mapping at `path`, with no other keys than `keys` if these are given. Absent or empty is an empty mapping. */
function section(value: unknown, path: string, keys?: readonly string[]): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new WebConfigError(`${path || "the file"} is not a mapping; write KEY: VALUE lines`);
  }
  for (const key of Object.keys(value)) {
    const name = path === "" ? key : `${path}.${key}`;
    if (UNSUPPORTED.has(name)) throw new WebConfigError(`${name} is not supported; remove it`);
    if (keys !== undefined && !keys.includes(key)) {
      throw new WebConfigError(`unknown key ${name}; expected one of ${keys.join(", ")}`);
    }
  }
  return value as Record<string, unknown>;
}

function readTls(values: Readonly<Record<string, unknown>>): TlsSettings | undefined {
  if (Object.keys(values).length === 0) return undefined;
  const clientCa = readPem(values, "client_ca");
  const clientAuth = choice(values, "client_auth_type", CLIENT_AUTHS, "NoClientCert");
  const clientAllowedSans = readSans(values["client_allowed_sans"]);
  const minVersion = choice(values, "min_version", VERSIONS, "TLS12");
  const maxVersion = choice(values, "max_version", VERSIONS, "TLS13");
  if (minVersion > maxVersion) throw new WebConfigError("tls_server_config.max_version is below min_version; raise it");
  if (clientCa !== undefined && clientAuth === "NoClientCert") {
    throw new WebConfigError(
      `tls_server_config.${clientCa.key} has no effect without client_auth_type; set that to RequireAndVerifyClientCert`,
    );
  }
  if (clientCa === undefined && verifies(clientAuth)) {
    throw new WebConfigError(
      `tls_server_config.client_auth_type ${clientAuth} needs client_ca_file: without it, any certificate of a public authority is valid`,
    );
  }
  if (clientAllowedSans !== undefined && !requires(clientAuth)) {
    throw new WebConfigError(
      "tls_server_config.client_allowed_sans needs a client_auth_type that requires a certificate: RequireAnyClientCert or RequireAndVerifyClientCert",
    );
  }
  const cert = readPem(values, "cert");
  const key = readPem(values, "key");
  if (cert === undefined)
    throw new WebConfigError("tls_server_config.cert_file is missing; set it to the path of the certificate");
  if (key === undefined)
    throw new WebConfigError("tls_server_config.key_file is missing; set it to the path of the certificate's key");
  return { cert, key, clientCa, clientAuth, clientAllowedSans, minVersion, maxVersion };
}

/** `NAME_file: path` or `NAME: text`; undefined if there is neither. */
function readPem(values: Readonly<Record<string, unknown>>, name: string): Pem | undefined {
  const fileKey = `${name}_file`;
  const file = optionalText(values[fileKey], `tls_server_config.${fileKey}`);
  const text = optionalText(values[name], `tls_server_config.${name}`);
  if (file !== undefined && text !== undefined) {
    throw new WebConfigError(`tls_server_config has both ${name} and ${fileKey}; remove one`);
  }
  if (file !== undefined) return { key: fileKey, file };
  return text === undefined ? undefined : { key: name, text };
}

function choice<T extends string>(
  values: Readonly<Record<string, unknown>>,
  key: string,
  choices: Readonly<Record<string, T>>,
  ifAbsent: string,
): T {
  const chosen = optionalText(values[key], `tls_server_config.${key}`) ?? ifAbsent;
  const found = Object.hasOwn(choices, chosen) ? choices[chosen] : undefined;
  if (found !== undefined) return found;
  throw new WebConfigError(
    `unknown value "${chosen}" of tls_server_config.${key}; expected one of ${Object.keys(choices).join(", ")}`,
  );
}

function readSans(value: unknown): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  const names = Array.isArray(value) ? value.filter((name) => typeof name === "string" && name !== "") : [];
  if (Array.isArray(value) && value.length > 0 && names.length === value.length) return names;
  throw new WebConfigError("tls_server_config.client_allowed_sans is not a list of names; write - NAME lines");
}

function readUsers(values: Readonly<Record<string, unknown>>): Map<string, string> {
  const users = new Map<string, string>();
  for (const [user, hash] of Object.entries(values)) {
    if (user === "" || user.includes(":")) {
      throw new WebConfigError(
        `user "${user}" of basic_auth_users is empty or has a colon, which HTTP cannot send; rename it`,
      );
    }
    // Not in the text: it may be the password itself.
    if (typeof hash !== "string" || !BCRYPT.test(hash)) {
      throw new WebConfigError(`basic_auth_users.${user} is not a bcrypt hash; make one with htpasswd -nB`);
    }
    if (Number(hash.slice(COST_OFFSET, COST_OFFSET + 2)) > MAX_COST) {
      throw new WebConfigError(
        `basic_auth_users.${user} has a bcrypt cost above the limit of ${MAX_COST}; use a lower one`,
      );
    }
    users.set(user, hash);
  }
  return users;
}

function readHeaders(values: Readonly<Record<string, unknown>>): Map<string, string> {
  const headers = new Map<string, string>();
  for (const name of Object.keys(values)) {
    const value = optionalText(values[name], `http_server_config.headers.${name}`);
    if (value === undefined) continue;
    const allowed = HEADERS[name]!;
    if (allowed.length > 0 && !allowed.includes(value)) {
      throw new WebConfigError(
        `unknown value "${value}" of http_server_config.headers.${name}; expected one of ${allowed.join(", ")}`,
      );
    }
    if (!/^[ -~]*$/.test(value))
      throw new WebConfigError(`http_server_config.headers.${name} is not printable ASCII; remove other characters`);
    headers.set(name, value);
  }
  return headers;
}

/** Undefined if it is absent or empty, as in Go. */
function optionalText(value: unknown, path: string): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  // YAML reads an unquoted 0 or 1, such as X-XSS-Protection has, as a number.
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return value;
  throw new WebConfigError(`${path} is not a text; write it in quotes`);
}
