// JSON-RPC over HTTP: to a server that answers as a node does, and to one that does whatever else a port may.

import { afterEach, describe, expect, spyOn, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Socket } from "bun";
import { freePort } from "../../test/free-port.ts";
import { temporaryFolder } from "../../test/temporary-folder.ts";
import { DeadlineError, RpcError } from "../rpc/errors.ts";
import { type OnCall, whitelistFor } from "./calls.ts";
import { Decimal } from "./decimal.ts";
import { httpRpc, type RpcCredentials, readRpcUrl } from "./http-rpc.ts";
import { callRpc, failureOf, type JsonRpc, MAX_ANSWER_BYTES, type RefusedError } from "./json-rpc.ts";

const folder = temporaryFolder();
const cookieFile = join(folder, ".cookie");
const passwordFile = join(folder, "password");
const SECRET = "5ecret:pass";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const DEADLINE_MS = 2000;

function rpcAt(port: number, credentials: RpcCredentials = { cookieFile }, deadlineMs = DEADLINE_MS): JsonRpc {
  return httpRpc({ hostname: "127.0.0.1", port }, credentials, { deadlineMs });
}

/** A node's HTTP server, with what it saw of each request. */
function serveNode(options: { user?: string; allowed?: readonly string[] } = {}) {
  const state = { user: options.user ?? `__cookie__:${SECRET}`, bodies: [] as string[], wrongPasswords: 0 };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      expect(request.method).toBe("POST");
      expect(new URL(request.url).pathname).toBe("/");
      if (request.headers.get("authorization") !== `Basic ${Buffer.from(state.user).toString("base64")}`) {
        state.wrongPasswords++;
        return new Response(null, { status: 401 });
      }
      const body = await request.text();
      state.bodies.push(body);
      const requests = [JSON.parse(body)].flat() as { id: number; method: string }[];
      if (requests.some(({ method }) => options.allowed?.includes(method) === false))
        return new Response(null, { status: 403 });
      const replies = requests.map(({ id, method }) =>
        method === "getindexinfo"
          ? { jsonrpc: "2.0", error: { code: -28, message: "Loading block index…" }, id }
          : { jsonrpc: "2.0", result: [method, "ü"], id },
      );
      return Response.json(body.startsWith("[") ? replies : replies[0]);
    },
  });
  cleanups.push(() => void server.stop(true));
  return { state, port: server.port! };
}

/** A server that answers every request with `bytes`, optionally in pieces of `pieceBytes`, and optionally closes then. */
function serveBytes(bytes: string | Uint8Array, { close = false, pieceBytes = 0 } = {}): number {
  const all = Buffer.from(bytes as string);
  const listener = Bun.listen<{ at: number }>({
    port: 0,
    hostname: "127.0.0.1",
    socket: {
      open(socket) {
        socket.data = { at: 0 };
      },
      data: send,
      drain: send,
    },
  });
  async function send(socket: Socket<{ at: number }>): Promise<void> {
    const { data } = socket;
    while (pieceBytes > 0 && data.at < all.length) {
      data.at += socket.write(all.subarray(data.at, data.at + pieceBytes));
      await Bun.sleep(1);
    }
    if (data.at < all.length) data.at += Math.max(0, socket.write(all.subarray(data.at)));
    if (close && data.at === all.length) socket.end();
  }
  cleanups.push(() => listener.stop(true));
  return listener.port;
}

const REPLY = '{"jsonrpc":"2.0","result":[1.50],"id":0}';
const head = (fields: string, status = "200 OK") => `HTTP/1.1 ${status}\r\n${fields}\r\n\r\n`;

async function failure(rpc: JsonRpc): Promise<Error> {
  const error = await callRpc(rpc, "uptime").then(
    () => new Error("it did not fail"),
    (reason) => reason as Error,
  );
  expect(error.message).not.toContain(SECRET);
  expect(error.message).not.toContain(Buffer.from(SECRET).toString("base64").slice(0, 8));
  expect(error.message).not.toContain("\n");
  return error;
}

test.each([
  ["http://127.0.0.1:8332", { hostname: "127.0.0.1", port: 8332 }],
  ["http://localhost:18443/", { hostname: "localhost", port: 18443 }],
  ["http://[::1]:1", { hostname: "::1", port: 1 }],
])("the address %s", (text, address) => {
  expect(readRpcUrl(text)).toEqual(address);
});

test.each([
  "",
  "127.0.0.1:8332",
  "https://a:1",
  "http://a",
  "http://a:0",
  "http://a:65536",
  "http://a:1/wallet/x",
  "http://:1",
])("no address: %p", (text) => expect(() => readRpcUrl(text)).toThrow(/^expected http:\/\/HOST:PORT/));

test("a password in the address is refused and not shown", () => {
  expect(() => readRpcUrl(`http://user:${SECRET}@127.0.0.1:8332`)).toThrow(
    /^(?!.*5ecret)expected .* without user and password$/,
  );
});

describe("a node", () => {
  test("answers with the cookie, one method or a batch a request", async () => {
    writeFileSync(cookieFile, `__cookie__:${SECRET}`);
    const { state, port } = serveNode();
    const called: string[] = [];
    const onCall: OnCall = (methods, durationMs) => {
      expect(durationMs).toBeGreaterThanOrEqual(0);
      called.push(methods.join());
    };
    const rpc = httpRpc({ hostname: "127.0.0.1", port }, { cookieFile }, { deadlineMs: DEADLINE_MS, onCall });
    const requests = [{ method: "uptime" }, { method: "getindexinfo" }, { method: "getpeerinfo" }] as const;
    for (let poll = 0; poll < 2; poll++) {
      const outcomes = await rpc.callAll(requests);
      expect(outcomes[0]).toEqual({ result: ["uptime", "ü"] });
      expect(outcomes[1]).toMatchObject({ error: { name: "JsonRpcError", code: -28, reason: "Loading block index…" } });
      expect(outcomes[2]).toEqual({ result: ["getpeerinfo", "ü"] });
    }
    expect(state.bodies.map((body) => JSON.parse(body).length ?? 1)).toEqual([1, 1, 1, 3]);
    expect(called).toEqual(["uptime", "getindexinfo", "getpeerinfo", "uptime,getindexinfo,getpeerinfo"]);
  });

  test("answers with a user and a password file, whose last line may end", async () => {
    writeFileSync(passwordFile, `${SECRET}\n`);
    const { port } = serveNode({ user: `me:${SECRET}` });
    expect(await callRpc(rpcAt(port, { user: "me", passwordFile }), "uptime")).toEqual(["uptime", "ü"]);
  });

  test("that was restarted gets its new cookie", async () => {
    writeFileSync(cookieFile, `__cookie__:${SECRET}`);
    const { state, port } = serveNode();
    const rpc = rpcAt(port);
    await callRpc(rpc, "uptime");
    state.user = "__cookie__:another";
    writeFileSync(cookieFile, state.user);
    expect(await callRpc(rpc, "uptime")).toEqual(["uptime", "ü"]);
    expect(state.wrongPasswords).toBe(1);
  });

  test("does not receive a wrong password twice", async () => {
    writeFileSync(cookieFile, `__cookie__:${SECRET}`);
    const { state, port } = serveNode({ user: "__cookie__:other" });
    const rpc = rpcAt(port);
    for (let attempt = 0; attempt < 3; attempt++) {
      expect((await failure(rpc)).message).toBe(
        `JSON-RPC at http://127.0.0.1:${port}: the node refuses the user or password (401); check ${cookieFile}`,
      );
    }
    expect(state.wrongPasswords).toBe(1);
    state.user = `__cookie__:${SECRET}2`;
    writeFileSync(cookieFile, state.user);
    await callRpc(rpc, "uptime");
  });

  test("that forbids a method: the error names the option that allows it", async () => {
    writeFileSync(cookieFile, `__cookie__:${SECRET}`);
    const { state, port } = serveNode({ allowed: ["getpeerinfo"] });
    const rpc = rpcAt(port);
    for (let poll = 0; poll < 2; poll++) {
      const error = await failure(rpc);
      expect(failureOf(error)).toBe("refused");
      expect(error.message).toMatch(
        /^uptime: JSON-RPC at \S+ is forbidden \(403\); check the node's -rpcallowip and -rpcwhitelist$/,
      );
      expect((error as RefusedError).remedy).toEndWith(`: ${whitelistFor("__cookie__")}`);
      expect(await callRpc(rpc, "getpeerinfo")).toEqual(["getpeerinfo", "ü"]);
    }
    expect(state.bodies).toHaveLength(3);
  });

  test("is not reached through the environment's proxy", async () => {
    writeFileSync(cookieFile, `__cookie__:${SECRET}`);
    const { port } = serveNode();
    const variables = ["HTTP_PROXY", "http_proxy", "ALL_PROXY"];
    for (const variable of variables) process.env[variable] = "http://127.0.0.1:1";
    cleanups.push(() => {
      for (const variable of variables) delete process.env[variable];
    });
    expect(await callRpc(rpcAt(port), "uptime")).toEqual(["uptime", "ü"]);
  });
});

describe("a file", () => {
  test.each<[string, RpcCredentials, string | undefined, RegExp]>([
    [
      "without a cookie file",
      { cookieFile },
      undefined,
      /^cannot read \S+\.cookie: no such file or directory \(ENOENT\); the node writes it when /,
    ],
    [
      "without a password file",
      { user: "me", passwordFile },
      undefined,
      /^cannot read \S+password: .*ENOENT.*; check the path$/,
    ],
    ["that is empty", { user: "me", passwordFile }, "", /password must contain exactly one line/],
    ["of two lines", { user: "me", passwordFile }, `${SECRET}\n${SECRET}\n`, /password must contain exactly one line/],
    ["that is no cookie", { cookieFile }, "5ecret", /\.cookie is not a cookie file; expected USER:PASSWORD$/],
  ])("%s", async (_, credentials, text, message) => {
    const file = "cookieFile" in credentials ? cookieFile : passwordFile;
    rmSync(file, { force: true });
    if (text !== undefined) writeFileSync(file, text);
    expect((await failure(rpcAt(1, credentials))).message).toMatch(message);
  });
});

describe("whatever a port answers", () => {
  const ask = (port: number, deadlineMs?: number) => {
    writeFileSync(cookieFile, `__cookie__:${SECRET}`);
    return rpcAt(port, { cookieFile }, deadlineMs);
  };
  const answered = [new Decimal("1.50")];

  test.each([1, 3, 7, 1000])("in pieces of %d bytes", async (pieceBytes) => {
    const port = serveBytes(head(`Content-Length: ${REPLY.length}`) + REPLY, { pieceBytes });
    expect(await callRpc(ask(port), "uptime")).toEqual(answered);
  });

  test("up to the end of the connection", async () => {
    const port = serveBytes(head("Content-Type: application/json") + REPLY, { pieceBytes: 50, close: true });
    expect(await callRpc(ask(port), "uptime")).toEqual(answered);
  });

  test("with the status of an error, as nodes up to v27", async () => {
    const body = '{"result":null,"error":{"code":-32601,"message":"Method not found"},"id":0}';
    const port = serveBytes(head(`content-length:${body.length}`, "404 Not Found") + body);
    expect(await failure(ask(port))).toMatchObject({ name: "JsonRpcError", code: -32601 });
  });

  test.each([
    ["not HTTP", "SSH-2.0-OpenSSH_9.2\r\n", /the answer is not HTTP; check that the port is the node's -rpcport$/],
    ["no status", "HTTP/1.1 fine\r\n\r\n", /not HTTP/],
    ["a long head", `HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(5000)}`, /not HTTP/],
    ["a length that is none", head("Content-Length: -1"), /not HTTP/],
    ["chunks", `${head("Transfer-Encoding: chunked")}0\r\n\r\n`, /the answer is chunked, which bitcoind never sends/],
    ["a page", `${head("Content-Length: 6", "404 Not Found")}<html>`, /^uptime answered invalid JSON: <html>$/],
    [
      "nothing",
      head("Content-Length: 0", "500 Internal Server Error"),
      /status 500 without an answer; check that the port/,
    ],
    [
      "a redirection",
      head("Content-Length: 0\r\nLocation: http://127.0.0.1:1/", "302 Found"),
      /status 302 without an answer/,
    ],
    [
      "a full queue",
      `${head("Content-Length: 5", "503 Service Unavailable")}depth`,
      /queue is full, or the node is stopping \(503\); raise -rpcworkqueue/,
    ],
  ])("%s", async (_, bytes, message) => {
    expect((await failure(ask(serveBytes(bytes)))).message).toMatch(message);
  });

  test.each(["", head("Content-Length: 100") + REPLY])("an end before the answer: %p", async (bytes) => {
    expect((await failure(ask(serveBytes(bytes, { close: true })))).message).toMatch(
      /closed the connection before it had answered$/,
    );
  });

  test("too much, by its Content-Length", async () => {
    const port = serveBytes(head(`Content-Length: ${MAX_ANSWER_BYTES + 1024 * 1024}`));
    expect(await failure(ask(port))).toEqual(
      new RpcError("failed", "uptime answered 33.0 MiB, more than the limit of 32.0 MiB"),
    );
  });

  test("too much, without an end", async () => {
    const bytes = Buffer.concat([Buffer.from(head("X: y")), Buffer.alloc(MAX_ANSWER_BYTES + 1024 * 1024, " ")]);
    const port = serveBytes(bytes);
    expect((await failure(ask(port, 20_000))).message).toMatch(
      /^uptime answered 3[23]\.\d MiB, more than the limit of 32\.0 MiB$/,
    );
  });

  test("nothing in time: the next request waits as long", async () => {
    let now = performance.now();
    const clock = spyOn(performance, "now").mockImplementation(() => now);
    cleanups.push(() => clock.mockRestore());
    const port = serveBytes("");
    const rpc = ask(port, 50);
    expect(await failure(rpc)).toBeInstanceOf(DeadlineError);
    expect(await failure(rpc)).toMatchObject({
      kind: "overloaded",
      message: expect.stringContaining("still processing an earlier call"),
    });
    now += 50;
    expect(await failure(rpc)).toBeInstanceOf(DeadlineError);
  });

  test("a drop at a time, the deadline ends it", async () => {
    const port = serveBytes(head("Content-Length: 10000") + " ".repeat(10_000), { pieceBytes: 1 });
    expect(await failure(ask(port, 100))).toBeInstanceOf(DeadlineError);
  });

  test("a port that nothing listens on", async () => {
    const port = freePort();
    expect((await failure(ask(port))).message).toBe(
      `JSON-RPC at http://127.0.0.1:${port}: connection refused (ECONNREFUSED); check that the node runs with -server=1 and this -rpcport`,
    );
  });
});
