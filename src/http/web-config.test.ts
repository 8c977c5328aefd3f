import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readWebSettings, WebConfigError } from "./web-config.ts";

const HASH = `$2y$10$${"a".repeat(53)}`;
const PAIR = "cert_file: c, key_file: k";

function faultOf(text: string): string {
  try {
    readWebSettings(text);
  } catch (error) {
    expect(error).toBeInstanceOf(WebConfigError);
    return (error as Error).message;
  }
  throw new Error(`accepted: ${text}`);
}

test.each(["", "# nothing\n", "tls_server_config:\nbasic_auth_users: {}\n", "http_server_config: { http2: false }"])(
  "sets nothing: %j",
  (text) => {
    expect(readWebSettings(text)).toEqual({ tls: undefined, users: new Map(), headers: new Map() });
  },
);

test("everything at once", () => {
  const text = `
tls_server_config:
  cert_file: server.crt
  key: |
    PEM
  client_ca_file: /ca.crt
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [prometheus.example, "::1"]
  min_version: TLS13
http_server_config:
  headers:
    X-Frame-Options: deny
    X-XSS-Protection: 0
    Content-Security-Policy: ""
basic_auth_users:
  alice: ${HASH}
  1: ${HASH}
`;
  expect(readWebSettings(text)).toEqual({
    tls: {
      cert: { key: "cert_file", file: "server.crt" },
      key: { key: "key", text: "PEM\n" },
      clientCa: { key: "client_ca_file", file: "/ca.crt" },
      clientAuth: "RequireAndVerifyClientCert",
      clientAllowedSans: ["prometheus.example", "::1"],
      minVersion: "TLSv1.3",
      maxVersion: "TLSv1.3",
    },
    users: new Map([
      ["alice", HASH],
      ["1", HASH],
    ]),
    headers: new Map([
      ["X-Frame-Options", "deny"],
      ["X-XSS-Protection", "0"],
    ]),
  });
});

test("a colon in a comment, a block or quotes ends no key", () => {
  const text = `# alice: x
# alice: y
tls_server_config:
  cert: |
    Proc-Type: 4
    Proc-Type: 4
  key: "a: 'b': c" # key: d
  client_auth_type: RequireAnyClientCert
  client_allowed_sans:
    - ::1
`;
  expect(readWebSettings(text).tls).toMatchObject({
    cert: { text: "Proc-Type: 4\nProc-Type: 4\n" },
    key: { text: "a: 'b': c" },
    clientAllowedSans: ["::1"],
  });
});

test("the example of docs/install.md", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/install.md"), "utf8");
  const { tls, users } = readWebSettings(/```yaml\n(tls_server_config:[^`]*)```/.exec(text)![1]!);
  expect(tls?.clientAuth).toBe("RequireAndVerifyClientCert");
  expect([...users.keys()]).toEqual(["prometheus"]);
});

describe("client_auth_type", () => {
  test.each([
    ["NoClientCert", "NoClientCert"],
    ["RequestClientCert", "RequestClientCert"],
    ["RequireAnyClientCert", "RequireAnyClientCert"],
    ["RequireClientCert", "RequireAnyClientCert"],
  ] as const)("%s needs no authority", (type, clientAuth) => {
    expect(readWebSettings(`tls_server_config: { ${PAIR}, client_auth_type: ${type} }`).tls).toMatchObject({
      clientAuth,
    });
  });

  test.each(["VerifyClientCertIfGiven", "RequireAndVerifyClientCert"])("%s needs an authority", (type) => {
    const values = `${PAIR}, client_auth_type: ${type}`;
    expect(readWebSettings(`tls_server_config: { ${values}, client_ca_file: a }`).tls?.clientAuth as string).toBe(type);
    expect(faultOf(`tls_server_config: { ${values} }`)).toContain(`client_auth_type ${type} needs client_ca_file`);
  });

  test.each(["NoClientCert", "RequestClientCert", "VerifyClientCertIfGiven"])("%s has no allowed names", (type) => {
    const ca = type.startsWith("Verify") ? "client_ca_file: a, " : "";
    const values = `${PAIR}, ${ca}client_auth_type: ${type}, client_allowed_sans: [a]`;
    expect(faultOf(`tls_server_config: { ${values} }`)).toContain("client_allowed_sans needs a client_auth_type");
  });
});

test.each([
  ["a: [", "cannot be read as YAML: "],
  ["- 1", "the file is not a mapping"],
  ["--- {}\n--- {}", "the file is not a mapping"],
  ["tls: {}", "unknown key tls; expected one of tls_server_config, http_server_config, basic_auth_users"],
  ["tls_server_config: 1", "tls_server_config is not a mapping"],
  [`tls_server_config: { ${PAIR}, certfile: c }`, "unknown key tls_server_config.certfile; expected one of cert_file"],
  ["tls_server_config: { cert_file: c }", "tls_server_config.key_file is missing; set it"],
  ["tls_server_config: { min_version: TLS13 }", "tls_server_config.cert_file is missing; set it"],
  ["tls_server_config: { key_file: '', cert: c }", "tls_server_config.key_file is missing; set it"],
  [`tls_server_config: { ${PAIR}, cert: c }`, "tls_server_config has both cert and cert_file; remove one"],
  [`tls_server_config: { ${PAIR}, client_ca_file: a }`, "tls_server_config.client_ca_file has no effect without"],
  [
    `tls_server_config: { ${PAIR}, client_auth_type: toString }`,
    'unknown value "toString" of tls_server_config.client',
  ],
  [`tls_server_config: { ${PAIR}, client_allowed_sans: a }`, "client_allowed_sans is not a list of names"],
  [`tls_server_config: { ${PAIR}, client_allowed_sans: [] }`, "client_allowed_sans is not a list of names"],
  [
    `tls_server_config: { ${PAIR}, min_version: "1.2" }`,
    'unknown value "1.2" of tls_server_config.min_version; expected',
  ],
  [
    `tls_server_config: { ${PAIR}, min_version: TLS13, max_version: TLS12 }`,
    "max_version is below min_version; raise it",
  ],
  [`tls_server_config: { ${PAIR}, cipher_suites: [a] }`, "tls_server_config.cipher_suites is not supported; remove it"],
  [`tls_server_config: { ${PAIR}, curve_preferences: [] }`, "tls_server_config.curve_preferences is not supported"],
  ["tls_server_config: { prefer_server_cipher_suites: true }", "prefer_server_cipher_suites is not supported"],
  ["tls_server_config: {}\ntls_server_config: {}", "tls_server_config is repeated"],
  ["{ basic_auth_users: {}, basic_auth_users: {} }", "basic_auth_users is repeated; write it once"],
  ["  basic_auth_users:\n  'basic_auth_users':\n", "basic_auth_users is repeated"],
  [`basic_auth_users:\n  alice: ${HASH}\n  alice: ${HASH}\n`, "basic_auth_users.alice is repeated"],
  [`basic_auth_users: {"alice":${HASH},"alice":${HASH}}`, "basic_auth_users.alice is repeated"],
  [`basic_auth_users: { "al\\u0069ce": ${HASH}, alice: ${HASH} }`, "basic_auth_users.alice is repeated"],
  [
    `tls_server_config: { ${PAIR}, client_auth_type: RequireAnyClientCert, client_auth_type: NoClientCert }`,
    "tls_server_config.client_auth_type is repeated",
  ],
  [
    "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    X-Frame-Options: deny\n",
    "http_server_config.headers.X-Frame-Options is repeated",
  ],
  [
    `basic_auth_users:\n  ? alice # a\n  : ${HASH}\n  ? alice # a\n  : ${HASH}\n`,
    "basic_auth_users.alice cannot be checked; write it as KEY: VALUE on one line",
  ],
  [`basic_auth_users: { alice: ${HASH}, alice\n: ${HASH} }`, "basic_auth_users.alice cannot be checked"],
  ["rate_limit: { burst: 1 }", "rate_limit is not supported; remove it"],
  ["http_server_config: { http2: true }", "http_server_config.http2 is not supported; set it to false or remove it"],
  ["http_server_config: { headers: { Server: a } }", "unknown key http_server_config.headers.Server"],
  [
    "http_server_config: { headers: { X-Frame-Options: DENY } }",
    'unknown value "DENY" of http_server_config.headers.X',
  ],
  [
    'http_server_config: { headers: { X-XSS-Protection: "a\\r\\nb" } }',
    "X-XSS-Protection is not printable ASCII; remove other characters",
  ],
  ["basic_auth_users: [a]", "basic_auth_users is not a mapping"],
  ["basic_auth_users: { a: secret }", "basic_auth_users.a is not a bcrypt hash; make one with htpasswd -nB"],
  [`basic_auth_users: { a: ${HASH.replace("10", "40")} }`, "basic_auth_users.a is not a bcrypt hash"],
  [
    `basic_auth_users: { a: ${HASH.replace("10", "17")} }`,
    "basic_auth_users.a has a bcrypt cost above the limit of 16; use a lower one",
  ],
  [`basic_auth_users: { "a:b": ${HASH} }`, 'user "a:b" of basic_auth_users is empty or has a colon'],
])("%j is a fault", (text, message) => {
  const fault = faultOf(text);
  expect(fault).toContain(message);
  expect(fault).not.toContain("secret");
  expect(fault).not.toContain("\n");
});
