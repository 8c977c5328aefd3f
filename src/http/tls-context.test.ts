import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { Authority, type Certificate } from "../../test/certificates.ts";
import { connectRaw } from "../../test/http-client.ts";
import { Passwords } from "./passwords.ts";
import { createServer, type MetricsServer } from "./server.ts";
import { TlsContext } from "./tls-context.ts";
import { type ClientAuth, readWebSettings, type TlsSettings, WebConfigError } from "./web-config.ts";

const GET = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

using authorities = new DisposableStack();
const authority = authorities.use(new Authority());
const stranger = authorities.use(new Authority("stranger"));
const kept = authorities.move();
afterAll(() => kept.dispose());

const server = authority.issue("server", { sans: "IP:127.0.0.1" });
/** Names that are quoted in the text of a certificate, and one with two spellings. */
const SANS = 'DNS:prometheus.example,DNS:a"b,IP:::1,email:a@example,URI:spiffe://example/a';
const CLIENTS: Readonly<Record<string, Certificate | undefined>> = {
  none: undefined,
  valid: authority.issue("client", { sans: SANS }),
  expired: authority.issue("expired", { isExpired: true }),
  "of another authority": stranger.issue("client", { sans: SANS }),
};

const read = (file: string) => readFileSync(file, "utf8");
const TLS = { cert_file: server.cert, key_file: server.key };

function settingsOf(values: Readonly<Record<string, unknown>>): TlsSettings {
  return readWebSettings(JSON.stringify({ tls_server_config: values })).tls!;
}

function contextOf(values: Readonly<Record<string, unknown>>): TlsContext {
  const settings = settingsOf({ ...TLS, ...values });
  const { cert, key, clientCa } = settings;
  return new TlsContext(settings, {
    cert: read(cert.file!),
    key: read(key.file!),
    clientCa: clientCa && read(clientCa.file!),
  });
}

const open: MetricsServer[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.stop();
});

/** Listens; returns the port, and why clients were refused. */
function start(values: Readonly<Record<string, unknown>>): { port: number; refusals: string[] } {
  const refusals: string[] = [];
  const web = { tls: contextOf(values), passwords: new Passwords(), headerFields: "" };
  const payload = () => Buffer.from("up 1\n");
  const metrics = createServer({ payload, web, onRefused: (reason) => refusals.push(reason) });
  open.push(metrics);
  return { port: metrics.listen({ hostname: "127.0.0.1", port: 0 }).port, refusals };
}

/** The status of a response, or `refused`. */
async function ask(port: number, client: Certificate | undefined, options: ConnectionOptions = {}) {
  const identity = client && { cert: read(client.cert), key: read(client.key) };
  try {
    const { send, response, close } = await connectRaw(port, undefined, {
      ca: read(authority.cert),
      ...identity,
      ...options,
    });
    send(GET);
    const { status } = await response();
    close();
    return status;
  } catch {
    return "refused";
  }
}

const ACCEPTED: Readonly<Record<ClientAuth, readonly string[]>> = {
  NoClientCert: ["none", "valid", "expired", "of another authority"],
  RequestClientCert: ["none", "valid", "expired", "of another authority"],
  RequireAnyClientCert: ["valid", "expired", "of another authority"],
  VerifyClientCertIfGiven: ["none", "valid"],
  RequireAndVerifyClientCert: ["valid"],
};

describe.each(Object.entries(ACCEPTED))("%s", (clientAuth, accepted) => {
  test.each(["TLSv1.2", "TLSv1.3"] as const)("%s", async (maxVersion) => {
    const ca = clientAuth === "NoClientCert" ? {} : { client_ca_file: authority.cert };
    const { port } = start({ client_auth_type: clientAuth, ...ca });
    const served: string[] = [];
    for (const [name, certificate] of Object.entries(CLIENTS)) {
      if ((await ask(port, certificate, { maxVersion })) === 200) served.push(name);
    }
    expect(served).toEqual([...accepted]);
  });
});

test("says why a client was refused", async () => {
  const { port, refusals } = start({ client_auth_type: "RequireAndVerifyClientCert", client_ca_file: authority.cert });
  for (const certificate of Object.values(CLIENTS)) await ask(port, certificate);
  expect(refusals).toEqual([
    "it has no certificate",
    "its certificate is not valid: certificate has expired (CERT_HAS_EXPIRED)",
    "its certificate is not valid: unable to verify the first certificate (UNABLE_TO_VERIFY_LEAF_SIGNATURE)",
  ]);
});

test.each([
  ["prometheus.example", 200],
  ["::1", 200],
  ["0:0:0:0:0:0:0:1", 200],
  ["a@example", 200],
  ["spiffe://example/a", 200],
  ["prometheus", "refused"],
  ["client", "refused"],
  ["DNS:prometheus.example", "refused"],
])("client_allowed_sans: [%s] is %p", async (san, expected) => {
  const type = "RequireAndVerifyClientCert";
  const { port } = start({ client_auth_type: type, client_ca_file: authority.cert, client_allowed_sans: ["x", san] });
  expect(await ask(port, CLIENTS["valid"])).toBe(expected);
});

test.each([
  ["TLS12", undefined, "TLSv1.1", "refused"],
  ["TLS12", undefined, "TLSv1.2", 200],
  ["TLS13", undefined, "TLSv1.2", "refused"],
  ["TLS13", undefined, "TLSv1.3", 200],
  ["TLS10", "TLS11", "TLSv1.1", 200],
  ["TLS10", "TLS11", "TLSv1.2", "refused"],
] as const)("min_version %s, max_version %p: %s is %p", async (min, max, version, expected) => {
  const { port } = start({ min_version: min, max_version: max });
  expect(await ask(port, undefined, { minVersion: version, maxVersion: version })).toBe(expected);
});

describe("refuses", () => {
  const other = authority.issue("other");
  test.each([
    [{ cert_file: server.key }, "tls_server_config.cert_file is not a certificate in PEM"],
    [{ key_file: server.cert }, "tls_server_config.key_file is not a private key in PEM without a passphrase"],
    [{ key_file: other.key }, "tls_server_config.key_file does not belong to cert_file"],
    [
      { client_ca_file: server.key, client_auth_type: "RequireAndVerifyClientCert" },
      "tls_server_config.client_ca_file is not a certificate in PEM",
    ],
  ])("%j", (values, message) => {
    expect(() => contextOf(values)).toThrow(new WebConfigError(message));
  });
});
