import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import fc from "fast-check";
import { Authority } from "../../test/certificates.ts";
import { connectRaw, type RawClient } from "../../test/http-client.ts";
import { Passwords } from "./passwords.ts";
import { createServer, type ListenAddress, type MetricsServer, type ServerOptions } from "./server.ts";
import { TlsContext } from "./tls-context.ts";
import { readWebSettings } from "./web-config.ts";
import type { WebConfig } from "./web-config-file.ts";

const PAYLOAD = Buffer.from("# TYPE bitcoin_blocks gauge\nbitcoin_blocks 900000\n");
const GET = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

const authority = new Authority();
afterAll(() => authority[Symbol.dispose]());

/** Every test runs without and with TLS: what a server does, and how a client connects to it. */
const PROTOCOLS: readonly (readonly [name: string, web: WebConfig | undefined, tls: ConnectionOptions | undefined])[] =
  [
    ["http", undefined, undefined],
    ["https", webWithTls(), { ca: readFileSync(authority.cert) }],
  ];

function webWithTls(): WebConfig {
  const { cert, key } = authority.issue("server", { sans: "IP:127.0.0.1,IP:::1" });
  const { tls: settings } = readWebSettings(`tls_server_config: { cert_file: ${cert}, key_file: ${key} }`);
  const [certText, keyText] = [cert, key].map((file) => readFileSync(file, "utf8"));
  const tls = new TlsContext(settings!, { cert: certText!, key: keyText!, clientCa: undefined });
  return { tls, passwords: new Passwords(), headerFields: "" };
}

describe.each(PROTOCOLS)("%s", (protocol, web, tls) => {
  const open: (MetricsServer | RawClient)[] = [];
  afterEach(() => {
    for (const one of open.splice(0)) "stop" in one ? one.stop() : one.close();
  });

  type Listening = MetricsServer & Pick<ListenAddress, "port">;

  function start(options: Partial<ServerOptions> = {}, { hostname = "127.0.0.1", port = 0 } = {}): Listening {
    const server = createServer({ payload: () => PAYLOAD, web, ...options });
    open.push(server);
    return { ...server, port: server.listen({ hostname, port }).port };
  }

  async function client(server: Pick<ListenAddress, "port">, hostname?: string): Promise<RawClient> {
    const raw = await connectRaw(server.port, hostname, tls);
    open.push(raw);
    return raw;
  }

  test("a connection from before a change of TLS ends after its next response", async () => {
    const changing = { passwords: new Passwords(), headerFields: "", tls: web?.tls };
    const { send, response, ended } = await client(start({ web: changing }));
    send(GET);
    expect((await response()).fields.get("connection")).toBeUndefined();
    changing.tls = webWithTls().tls;
    send(GET);
    const { status, fields } = await response();
    expect([status, fields.get("connection")]).toEqual([200, "close"]);
    expect(await ended()).toHaveLength(0);
  });

  /** A payload of `sizeBytes` bytes that starts with its number, and the number of calls. */
  function counted(sizeBytes: number): { payload: () => Uint8Array; count: () => number } {
    let count = 0;
    return { payload: () => Buffer.alloc(sizeBytes, `${count++} `), count: () => count };
  }

  /** Resolves once a server that serves one connection serves another one. */
  async function freed(server: Listening): Promise<void> {
    let status: number;
    do {
      const next = await client(server);
      next.send(GET);
      ({ status } = await next.response());
      next.close();
    } while (status === 503);
    expect(status).toBe(200);
  }

  async function turnOfEventLoop(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  describe("answers", () => {
    test.each(["GET /metrics", "GET /", "GET /any?thing=1", "POST /", "DELETE /metrics", "OPTIONS *"])(
      "%s",
      async (what) => {
        const { send, response } = await client(start());
        send(`${what} HTTP/1.1\r\nHost: a\r\n\r\n`);
        const { status, fields, body } = await response();
        expect(status).toBe(200);
        expect(fields.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
        expect(body).toEqual(PAYLOAD);
      },
    );

    test("with the current payload, several times on one connection", async () => {
      const { send, response } = await client(start({ payload: counted(10).payload }));
      for (const number of [0, 1, 2]) {
        send(GET);
        expect(`${(await response()).body}`).toStartWith(`${number} `);
      }
    });

    test("HEAD with the head of GET, and the next request after it", async () => {
      const { send, response } = await client(start());
      send(`HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${GET}`);
      expect((await response("bodiless")).fields.get("content-length")).toBe(`${PAYLOAD.length}`);
      expect((await response()).body).toEqual(PAYLOAD);
    });

    test("in gzip if the client accepts it", async () => {
      const { send, response } = await client(start());
      send(
        "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip;q=0\r\n\r\n",
      );
      const compressed = await response();
      expect(compressed.fields.get("content-encoding")).toBe("gzip");
      expect(compressed.fields.get("vary")).toBe("Accept-Encoding");
      expect(Buffer.from(Bun.gunzipSync(Uint8Array.from(compressed.body)))).toEqual(PAYLOAD);
      expect((await response()).body).toEqual(PAYLOAD);
    });

    test("fetch", async () => {
      const { port } = start();
      const get = () => fetch(`${protocol}://127.0.0.1:${port}/metrics`, { tls: { ca: `${tls?.ca}` } });
      const responses = await Promise.all([get(), get(), get()]);
      expect(await Promise.all(responses.map((response) => response.text()))).toEqual(Array(3).fill(`${PAYLOAD}`));
    });

    test("500 when the payload fails, and serves on", async () => {
      let fails = true;
      const server = start({
        payload: () => {
          if (fails) throw new Error("not now");
          return PAYLOAD;
        },
      });
      const failed = await client(server);
      failed.send(GET);
      expect(await failed.response()).toMatchObject({ status: 500, body: Buffer.from("payload failed: not now\n") });
      expect(await failed.ended()).toHaveLength(0);
      fails = false;
      const { send, response } = await client(server);
      send(GET);
      expect((await response()).status).toBe(200);
    });
  });

  describe("requests", () => {
    test("pipelined by the thousand are answered in order, and others meanwhile", async () => {
      const { payload, count } = counted(8);
      const server = start({ payload });
      const flood = await client(server);
      const other = await client(server);
      flood.send(GET.repeat(5000));
      await flood.response();
      other.send(GET);
      await other.response();
      expect(count()).toBeLessThan(5000);
      const numbers = [];
      for (let index = 1; index < 5000; index++) numbers.push(Number.parseInt(`${(await flood.response()).body}`, 10));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      expect(count()).toBe(5001);
    });

    test("byte by byte", async () => {
      const { send, response, socket } = await client(start());
      socket.setNoDelay();
      for (const byte of Buffer.from(GET)) {
        send(Buffer.of(byte));
        await turnOfEventLoop();
      }
      expect((await response()).status).toBe(200);
    });

    test("with bodies: the next request is found", async () => {
      const { send, response } = await client(start());
      const large = "x".repeat(1 << 20);
      send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${large.length}\r\n\r\n${large}`);
      send(
        `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n${large}\r\n0\r\nA: b\r\n\r\n${GET}`,
      );
      for (let index = 0; index < 3; index++) expect((await response()).status).toBe(200);
    });

    test("that expect 100-continue get it, and their response after the body", async () => {
      const { send, response } = await client(start());
      send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
      expect((await response()).status).toBe(100);
      send("body");
      expect((await response()).status).toBe(200);
    });

    test("before a FIN are answered", async () => {
      const { socket, response, ended } = await client(start());
      socket.end(GET.repeat(40)); // more than one turn answers
      for (let index = 0; index < 40; index++) expect((await response()).status).toBe(200);
      expect(await ended()).toHaveLength(0);
    });
  });

  test("a FIN before the whole response has left does not cut it short", async () => {
    const { socket, response, ended } = await client(start({ payload: counted(8 << 20).payload }));
    socket.pause();
    socket.end(GET + GET);
    for (let turn = 0; turn < 50; turn++) await turnOfEventLoop();
    socket.resume();
    for (const number of [0, 1]) expect(`${(await response()).body.subarray(0, 2)}`).toBe(`${number} `);
    expect(await ended()).toHaveLength(0);
  });

  describe("persistence", () => {
    test.each([
      ["HTTP/1.1", "X: y", undefined],
      ["HTTP/1.1", "Connection: close", "close"],
      ["HTTP/1.0", "X: y", "close"],
      ["HTTP/1.0", "Connection: keep-alive", "keep-alive"],
    ])("%s, %s: connection %p", async (version, field, connection) => {
      const { send, response, ended } = await client(start());
      send(`GET / ${version}\r\nHost: a\r\n${field}\r\n\r\n`);
      expect((await response()).fields.get("connection")).toBe(connection);
      send(GET);
      if (connection === "close") expect(await ended()).toHaveLength(0);
      else expect((await response()).status).toBe(200);
    });
  });

  describe("refuses", () => {
    test.each<[what: string, bytes: string | Uint8Array, status: number]>([
      ["garbage", "nonsense\r\n", 400],
      ["a TLS ClientHello", Buffer.from("1603010200010001fc0303", "hex"), 400],
      ["an unknown coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: br\r\n\r\n", 501],
      ["a long head", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(16 * 1024)}\r\n\r\n`, 431],
      ["HTTP/2.0", "GET / HTTP/2.0\r\n\r\n", 505],
    ])("%s", async (_, bytes, status) => {
      const { send, response, ended } = await client(start());
      send(GET);
      send(bytes);
      expect((await response()).status).toBe(200);
      const refusal = await response();
      expect(refusal.status).toBe(status);
      expect(refusal.fields.get("connection")).toBe("close");
      expect(await ended()).toHaveLength(0);
    });

    test("and a client that is still sending can read it", async () => {
      const { send, response, ended } = await client(start());
      send("nonsense\r\n");
      for (let index = 0; index < 50; index++) {
        send(Buffer.alloc(100_000));
        await turnOfEventLoop();
      }
      expect((await response()).status).toBe(400);
      expect(await ended()).toHaveLength(0);
    });

    test("random bytes, and serves on", async () => {
      const server = start();
      await fc.assert(
        fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }), async (pieces) => {
          const { socket, send, ended, close } = await connectRaw(server.port, undefined, tls);
          for (const piece of pieces) send(piece);
          socket.end();
          await ended();
          close();
        }),
        { numRuns: 100 },
      );
      const { send, response } = await client(server);
      send(GET);
      expect((await response()).body).toEqual(PAYLOAD);
    });
  });

  describe("limits", () => {
    test("503 to the connection above the limit, until another one closes", async () => {
      const server = start({ limits: { maxConnections: 2 } });
      const [first, second] = [await client(server), await client(server)];
      const third = await client(server);
      expect((await third.response()).status).toBe(503);
      expect(await third.ended()).toHaveLength(0);
      for (const { send, response } of [first, second]) {
        send(GET);
        expect((await response()).status).toBe(200);
      }
      first.socket.end();
      await first.ended();
      const fourth = await client(server);
      fourth.send(GET);
      expect((await fourth.response()).status).toBe(200);
    });

    test("a reset when too many connections read their 503", async () => {
      const server = start({ limits: { maxConnections: 1, maxRefused: 1 } });
      await client(server);
      const refused = await client(server);
      const reset = client(server).then(({ ended }) => ended());
      await expect(reset).rejects.toMatchObject({ code: "ECONNRESET" });
      expect((await refused.response()).status).toBe(503);
    });

    test("an idle connection is closed, even if the client does not close its side", async () => {
      const server = start({ limits: { idleTimeoutMs: 50, maxConnections: 1 } });
      const { ended } = await client(server);
      expect(await ended()).toHaveLength(0);
      await freed(server);
    });

    test("a request that drips is closed", async () => {
      const server = start({ limits: { idleTimeoutMs: 50, maxConnections: 1 } });
      const { send, ended } = await client(server);
      const drip = setInterval(() => send("G"), 5);
      // A drip that crosses the close is answered with a reset.
      const end = await ended().catch((error: NodeJS.ErrnoException) => error.code);
      clearInterval(drip);
      expect(["", "ECONNRESET"]).toContain(String(end));
      await freed(server);
    });

    test("a client that does not close after the last response is closed", async () => {
      const server = start({ limits: { lingerTimeoutMs: 200, maxConnections: 1 } });
      const { send, response, ended } = await client(server);
      send("GET / HTTP/1.0\r\n\r\n");
      await response();
      await ended();
      const refused = await client(server);
      expect((await refused.response()).status).toBe(503);
      await freed(server);
    });

    test("a reader that stops and sends more requests gets one response, and all once it reads on", async () => {
      const { payload, count } = counted(8 << 20);
      const { socket, send, response } = await client(start({ payload }));
      socket.pause();
      for (let index = 0; index < 3; index++) send(GET);
      while (count() === 0) await turnOfEventLoop();
      // What the client sends now stays with it: the server's kernel takes a few megabytes, the server nothing.
      send(Buffer.alloc(32 << 20, GET));
      for (let turn = 0; turn < 100; turn++) await turnOfEventLoop();
      expect(socket.writableLength).toBeGreaterThan(16 << 20);
      expect(count()).toBe(1);
      socket.resume();
      for (const number of [0, 1, 2]) expect(`${(await response()).body.subarray(0, 2)}`).toBe(`${number} `);
    });

    test("readers that stop are reset once they hold too much together, the others read everything", async () => {
      const server = start({ payload: () => Buffer.alloc(8 << 20) });
      const clients: RawClient[] = [];
      for (let count = 0; count < 24; count++) {
        const reader = await client(server);
        const { socket } = reader;
        clients.push(reader);
        socket.pause();
        reader.send(GET);
        while (socket.bytesRead === 0) await turnOfEventLoop();
      }
      for (const { socket } of clients) socket.resume();
      const sizes = await Promise.all(
        clients.map(({ response }) =>
          response().then(
            ({ body }) => body.length,
            () => 0,
          ),
        ),
      );
      expect(sizes.at(0)).toBe(0);
      expect(sizes.filter((size) => size > 0)).toEqual(sizes.slice(sizes.lastIndexOf(0) + 1));
      expect(sizes.slice(-3)).toEqual(Array(3).fill(8 << 20));
    });

    test("a client that pipelines, reads a little and resets is closed at once", async () => {
      const server = start({ payload: () => Buffer.alloc(20_000), limits: { maxConnections: 1 } });
      for (let count = 0; count < 10; count++) {
        const { socket, send, response } = await client(server);
        send(GET.repeat(2000));
        expect((await response()).status).toBe(200);
        socket.resetAndDestroy();
        await freed(server);
      }
    });

    test("a reader that stops is closed after the idle timeout", async () => {
      let sizeBytes = 8 << 20;
      const limits = { idleTimeoutMs: 50, maxConnections: 1 };
      const server = start({ payload: () => Buffer.alloc(sizeBytes), limits });
      const { socket, send } = await client(server);
      socket.pause();
      send(GET);
      while (socket.bytesRead === 0) await turnOfEventLoop();
      sizeBytes = 1;
      await freed(server);
    });
  });

  describe("listening", () => {
    test.each(["127.0.0.1", "0.0.0.0", "::"])("on %s", async (hostname) => {
      const { send, response } = await client(start({}, { hostname }));
      send(GET);
      expect((await response()).status).toBe(200);
    });

    test("on ::1", async () => {
      const { send, response } = await client(start({}, { hostname: "::1" }), "::1");
      send(GET);
      expect((await response()).status).toBe(200);
    });

    test("throws the system's error when the port is taken", () => {
      const { port } = start();
      expect(() => start({}, { port })).toThrow(expect.objectContaining({ code: "EADDRINUSE" }));
    });

    test("on several addresses, with the limits of one", async () => {
      const server = start({ limits: { maxConnections: 1 } });
      const other = server.listen({ hostname: "127.0.0.1", port: 0 });
      const first = await client(server);
      first.send(GET);
      expect((await first.response()).status).toBe(200);
      const second = await client(other);
      second.send(GET);
      expect((await second.response()).status).toBe(503);
      server.stop();
      expect(await first.ended()).toHaveLength(0);
      expect(() => start({}, other)).not.toThrow();
    });

    test("stop closes the connections and frees the port", async () => {
      const server = start();
      const { send, response, ended } = await client(server);
      send(GET);
      await response();
      server.stop();
      expect(await ended()).toHaveLength(0);
      expect(start({}, { port: server.port }).port).toBe(server.port);
    });
  });
});
