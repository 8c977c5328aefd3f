import { afterAll, afterEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { Authority } from "../../test/certificates.ts";
import { connectRaw } from "../../test/http-client.ts";
import { Passwords } from "./passwords.ts";
import { createServer, type MetricsServer, type ServerOptions } from "./server.ts";
import { TlsContext } from "./tls-context.ts";
import { readWebSettings } from "./web-config.ts";

const GET = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

const authority = new Authority();
afterAll(() => authority[Symbol.dispose]());
const ca = readFileSync(authority.cert);
const { cert, key } = authority.issue("server", { sans: "IP:127.0.0.1" });
const settings = readWebSettings(`tls_server_config: { cert_file: ${cert}, key_file: ${key} }`).tls!;
const material = { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8"), clientCa: undefined };

const open: MetricsServer[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.stop();
});

function start(options: Partial<ServerOptions> = {}): number {
  const web = { tls: new TlsContext(settings, material), passwords: new Passwords(), headerFields: "" };
  const server = createServer({ payload: () => Buffer.from("up 1\n"), web, ...options });
  open.push(server);
  return server.listen({ hostname: "127.0.0.1", port: 0 }).port;
}

/** A connection that sends one byte at a time. */
function dripping(port: number): Duplex {
  const socket = connectTcp({ port, host: "127.0.0.1", noDelay: true });
  const duplex = new Duplex({
    read() {},
    async write(bytes: Buffer, _, done) {
      for (const byte of bytes) {
        socket.write(Buffer.of(byte));
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      done();
    },
  });
  socket.on("error", () => {}); // the server has closed, and the client still says that it closes
  socket.on("data", (bytes) => duplex.push(bytes)).on("close", () => duplex.push(null));
  return duplex;
}

test("a handshake that arrives byte by byte", async () => {
  const secure = connectTls({ socket: dripping(start()), host: "127.0.0.1", ca });
  secure.write(GET);
  let page = "";
  for await (const bytes of secure) page += `${bytes}`;
  expect(page).toStartWith("HTTP/1.1 200 OK\r\n");
});

test("a handshake while the thread is wanted", async () => {
  const { send, response } = await connectRaw(start({ isBusy: () => true }), undefined, { ca });
  send(GET);
  expect((await response()).status).toBe(200);
});

test.each([
  ["nothing", ""],
  ["a part of a header", "1603"],
  ["a part of a record", "1603010200010001fc0303"],
])("%s is closed after the timeout", async (_, hex) => {
  const { send, ended } = await connectRaw(start({ limits: { handshakeTimeoutMs: 50, lingerTimeoutMs: 50 } }));
  send(Buffer.from(hex, "hex"));
  expect(await ended().catch(({ code }) => code as string)).toBe("ECONNRESET");
});

test.each([
  ["a record of another type", Buffer.from("1503010002022b", "hex")],
  ["a record that is too long", Buffer.from("160301ffff", "hex")],
  ["a hello that is too long", Buffer.from("160301000401010000", "hex")],
  ["a hello in too many records", Buffer.from(`160301000401000100${"16030100010a".repeat(16)}`, "hex")],
])("%s is closed at once", async (_, bytes) => {
  const { send, ended } = await connectRaw(start());
  send(bytes);
  expect(await ended().catch(({ code }) => code as string)).toBe("ECONNRESET");
});

test("a request without TLS gets an error and is closed at once", async () => {
  const { send, ended } = await connectRaw(start());
  send(GET);
  const [head, body] = `${await ended()}`.split("\r\n\r\n");
  expect(head).toStartWith("HTTP/1.1 400 Bad Request\r\n");
  expect(body).toBe("this is an HTTPS server; use https://\n");
});

test("a FIN before the handshake closes the connection", async () => {
  const { socket, ended } = await connectRaw(start());
  socket.end("\x16");
  expect(await ended()).toHaveLength(0);
});
