// TLS and passwords of the executable, with the programs that users have: curl, openssl, plain sockets. No node is needed.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, writeFileSync } from "node:fs";
import { Authority, type Certificate } from "../certificates.ts";
import { eventually } from "../eventually.ts";
import { compiledExporter } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { connectRaw } from "../http-client.ts";
import { PASSWORD, Protection, USER } from "../protected-exporter.ts";
import { compileFirst } from "./sessions.ts";

compileFirst();

const NO_NODE = "/nonexistent/node.sock";
const GET = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

const protection = new Protection({ client_ca_file: "ca.crt", client_auth_type: "RequireAndVerifyClientCert" });
afterAll(() => protection[Symbol.dispose]());
const client = protection.issue("client");

interface Output {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(command: readonly string[], stdin = ""): Promise<Output> {
  const child = Bun.spawn([...command], { stdin: Buffer.from(stdin), stdout: "pipe", stderr: "pipe", timeout: 20_000 });
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exitCode, stdout, stderr };
}

/** Status and body of a page that curl requests. */
async function curl(url: string, ...args: readonly string[]): Promise<{ status: number; head: string; body: string }> {
  const tls = ["--cacert", protection.authority.cert, ...args];
  const { stdout, stderr } = await run(["curl", "--silent", "--show-error", "--include", ...tls, url]);
  if (stdout === "") throw new Error(stderr);
  const [head = "", ...body] = stdout.split("\r\n\r\n");
  return { status: Number(head.split(" ")[1]), head, body: body.join("\r\n\r\n") };
}

const identity = ({ cert, key }: Certificate) => ["--cert", cert, "--key", key];

/** What openssl reports of a request: the page, alerts, and whether the session is new. */
function openssl(url: string, ...args: readonly string[]): Promise<Output> {
  const authority = ["-CAfile", protection.authority.cert, "-ign_eof"];
  return run(
    ["openssl", "s_client", "-connect", new URL(url).host, ...authority, ...args],
    GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
  );
}

/** A client's certificate and key for openssl. */
const pair = ({ cert, key }: Certificate) => ["-cert", cert, "-key", key];

describe("with TLS, client certificates and a password", () => {
  let exporter: ExporterProcess;
  beforeAll(async () => {
    exporter = await ExporterProcess.start(NO_NODE, { args: protection.start.args });
  });
  afterAll(() => exporter[Symbol.asyncDispose]());

  test("the log has an https address", () => {
    expect(exporter.url).toStartWith("https://127.0.0.1:");
  });

  test("curl gets the page with certificate and password, and 401 without the password", async () => {
    const page = await curl(exporter.url, ...identity(client), "--user", `${USER}:${PASSWORD}`);
    expect(page.status).toBe(200);
    expect(page.body).toContain("\nbitcoin_ipc_up 0\n");
    const refusal = await curl(exporter.url, ...identity(client));
    expect(refusal.status).toBe(401);
    expect(refusal.head).toContain('\r\nWWW-Authenticate: Basic realm="metrics"');
    expect(refusal.body).not.toContain("bitcoin");
  });

  test.each([
    ["a wrong password", basic(`${USER}:wrong`), 401],
    ["invalid UTF-8", `Basic ${Buffer.from([0xff, 0xfe, 0x3a, 0x80]).toString("base64")}`, 401],
    ["a value of 12 KB", basic(`${USER}:${"x".repeat(9_000)}`), 401],
    ["a value of 20 KB", basic(`${USER}:${"x".repeat(15_000)}`), 431],
  ])("%s", async (_, authorization, status) => {
    const field = ["--header", `Authorization: ${authorization}`];
    expect((await curl(exporter.url, ...identity(client), ...field)).status).toBe(status);
  });

  test("two Authorization fields are refused, even if one is valid", async () => {
    const fields = [basic(`${USER}:${PASSWORD}`), "Basic YTpi"].flatMap((value) => [
      "--header",
      `Authorization: ${value}`,
    ]);
    expect((await curl(exporter.url, ...identity(client), ...fields)).status).toBe(401);
  });

  test.each(["-tls1_2", "-tls1_3"])("openssl %s: a valid certificate is served, others are not", async (version) => {
    const valid = await openssl(exporter.url, version, ...pair(client));
    expect(valid.stdout).toContain("HTTP/1.1 401 Unauthorized");
    using stranger = new Authority("stranger");
    for (const certificate of [stranger.issue("client"), protection.issue("expired", { isExpired: true }), undefined]) {
      const { stdout } = await openssl(exporter.url, version, ...(certificate === undefined ? [] : pair(certificate)));
      expect(stdout).not.toContain("HTTP/1.1");
    }
    const refusals = () => exporter.log.filter((line) => line.startsWith("refused a TLS client: "));
    // openssl may end before the exporter has logged.
    await eventually("three refusals are logged", () => refusals().length >= 3);
    expect(refusals()).toEqual([
      expect.stringContaining("(UNABLE_TO_VERIFY_LEAF_SIGNATURE); this is logged once"),
      expect.stringContaining("(CERT_HAS_EXPIRED); this is logged once"),
      "refused a TLS client: it has no certificate; this is logged once",
    ]);
  });

  test("openssl: an old protocol is refused", async () => {
    const { stderr } = await openssl(exporter.url, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", ...pair(client));
    expect(stderr).toContain("alert protocol version");
  });

  test("openssl: no session can be resumed, so each connection verifies the certificate", async () => {
    const old = await openssl(exporter.url, "-tls1_2", ...pair(client), "-reconnect");
    expect(old.stdout.match(/^New, TLSv1\.2,/gm)?.length).toBeGreaterThan(1);
    expect(old.stdout).not.toMatch(/^Reused,/m);
    const { stdout } = await openssl(exporter.url, "-tls1_3", ...pair(client));
    expect(stdout).toMatch(/^New, TLSv1\.3,/m);
    expect(stdout).not.toContain("New Session Ticket");
  });

  test("500 clients that stop within the handshake do not keep others from the page, and lose their connections", async () => {
    const port = Number(new URL(exporter.url).port);
    const halves = await Promise.all(Array.from({ length: 500 }, () => connectRaw(port)));
    for (const { send } of halves) send(Buffer.from("1603010200010001fc0303", "hex"));
    for (let count = 0; count < 5; count++) {
      const page = await curl(exporter.url, ...identity(client), "--user", `${USER}:${PASSWORD}`);
      expect(page.status).toBe(200);
    }
    const endings = await Promise.allSettled(halves.map(({ ended }) => ended()));
    expect(endings).toHaveLength(500);
  });

  test("a client without TLS gets no page", async () => {
    const { status, body } = await curl(exporter.url.replace("https:", "http:"));
    expect({ status, body }).toEqual({ status: 400, body: "this is an HTTPS server; use https://\n" });
  });
});

function basic(credentials: string): string {
  return `Basic ${Buffer.from(credentials).toString("base64")}`;
}

test("a new certificate is used without a restart, open connections end after a response, and a faulty one changes nothing", async () => {
  using rotating = new Protection();
  const { args, request } = rotating.start;
  const ca = await Bun.file(rotating.authority.cert).text();
  await using exporter = await ExporterProcess.start(NO_NODE, { args, request });
  const port = Number(new URL(exporter.url).port);
  const subject = async () => {
    const { stdout } = await run(["openssl", "s_client", "-connect", `127.0.0.1:${port}`]);
    return /^subject=(.*)$/m.exec(stdout)?.[1];
  };
  let open = await connectRaw(port, undefined, { ca });
  const requestPage = async () => {
    open.send(GET.replace("\r\n\r\n", `\r\nAuthorization: ${basic(`${USER}:${PASSWORD}`)}\r\n\r\n`));
    return (await open.response()).status;
  };
  expect(await requestPage()).toBe(200);
  expect(await subject()).toBe("CN = server");

  const renewed = rotating.issue("renewed", { sans: "IP:127.0.0.1" });
  copyFileSync(renewed.cert, rotating.server.cert);
  copyFileSync(renewed.key, rotating.server.key);
  await exporter.logs(/^web configuration \S+: in use after a change$/);
  expect(await subject()).toBe("CN = renewed");
  expect(await requestPage()).toBe(200);
  expect(await open.ended()).toHaveLength(0);
  open = await connectRaw(port, undefined, { ca });
  expect(await requestPage()).toBe(200);

  writeFileSync(rotating.server.cert, "no certificate");
  await exporter.logs(
    /^web configuration \S+: tls_server_config\.cert_file is not a certificate in PEM; the last valid /,
  );
  expect(await subject()).toBe("CN = renewed");
  expect(await requestPage()).toBe(200);
  expect((await exporter.metrics()).get("bitcoin_ipc_up")).toBe(0);
  open.close();
});

test.each([
  [
    "cert_file: gone.crt, key_file: server.key",
    /: cannot read tls_server_config\.cert_file: \S+gone\.crt: no such file /,
  ],
  [
    "cert_file: server.crt, key_file: server.key, cipher_suites: []",
    /: tls_server_config\.cipher_suites is not supported; /,
  ],
])("a fault of the configuration ends the exporter, and --check: { %s }", async (values, message) => {
  using faulty = new Protection();
  writeFileSync(faulty.path, `tls_server_config: { ${values} }`);
  for (const mode of [[], ["--check"]]) {
    const command = [...(await compiledExporter()), ...mode, "--web-config", faulty.path, NO_NODE];
    const { exitCode, stdout, stderr } = await run(command);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toStartWith(`bitcoind-ipc-exporter: web configuration ${faulty.path}: `);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd()).not.toContain("\n");
  }
});

describe("the log of an exporter of plain HTTP", () => {
  const PLAIN = /^plain HTTP on (\S+): the network can read (.+); --web-config adds TLS$/;
  const OPEN = ["--metrics-addr", "0.0.0.0:0"];

  test("says so if others than this host reach it", async () => {
    await using exporter = await ExporterProcess.start(NO_NODE, { args: OPEN });
    const [line] = await exporter.logs(PLAIN);
    const [, address, readable] = PLAIN.exec(line!)!;
    expect(address).toStartWith("0.0.0.0:");
    expect(readable).toBe("the metrics");
  });

  test("says so of passwords too, if the web configuration has some without TLS", async () => {
    using web = new Protection();
    web.write({ basic_auth_users: { name: Bun.password.hashSync("secret", { algorithm: "bcrypt", cost: 4 }) } });
    await using exporter = await ExporterProcess.start(NO_NODE, { args: [...OPEN, "--web-config", web.path] });
    const [line] = await exporter.logs(PLAIN);
    expect(PLAIN.exec(line!)?.[2]).toBe("metrics and passwords");
  });

  test("says so if the web configuration protects nothing", async () => {
    using empty = new Protection();
    writeFileSync(empty.path, "");
    await using exporter = await ExporterProcess.start(NO_NODE, { args: ["--web-config", empty.path] });
    await exporter.logs(/^web configuration \S+: it sets neither TLS nor passwords$/);
  });

  test("says nothing on loopback, nor with TLS", async () => {
    const { args, request } = protection.start;
    for (const options of [{}, { args: [...args, ...OPEN], request }]) {
      await using exporter = await ExporterProcess.start(NO_NODE, options);
      await exporter.logs(/^cannot reach the node/);
      expect(exporter.logged(PLAIN)).toBeUndefined();
    }
  });
});
