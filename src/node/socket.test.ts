// Connections over a real Unix socket: to nobody, to a peer that answers, that reads slowly, and that goes away.

import { afterEach, describe, expect, spyOn, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket } from "bun";
import { type Box, hosting, METHOD } from "../../test/builders/box.ts";
import { Connection } from "../rpc/connection.ts";
import { connectUnix, MAX_SOCKET_PATH_BYTES, transportOf } from "./socket.ts";

const folder = mkdtempSync(join(tmpdir(), "socket-test-"));
const receiveReally = Connection.prototype.receive;
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

let paths = 0;
const newPath = () => join(folder, `${paths++}.sock`);

/** Listens at `path`; `accept` gets each socket, and what comes on it goes where `accept` says. */
function listen(path: string, accept: (socket: Socket<undefined>) => Connection | undefined): void {
  const connections = new Map<unknown, Connection>();
  const listener = Bun.listen({
    unix: path,
    socket: {
      open(socket) {
        const connection = accept(socket);
        if (connection !== undefined) connections.set(socket, connection);
      },
      data: (socket, chunk) => connections.get(socket)?.receive(chunk),
      drain: (socket) => connections.get(socket)?.drained(),
      close: (socket) => connections.get(socket)?.disconnected("closed"),
    },
  });
  cleanups.push(() => listener.stop(true));
}

/** A peer at `path` that offers an object. */
function listenWith(path: string, bootstrap: ReturnType<typeof hosting>): void {
  listen(path, (socket) => {
    return new Connection({ transport: transportOf(socket), bootstrap, deadlineMs: 60_000, onEnd: () => {} });
  });
}

async function connect(path: string): Promise<{ connection: Connection; ended: Promise<Error> }> {
  const { promise, resolve } = Promise.withResolvers<Error>();
  const connection = await connectUnix(path, { deadlineMs: 60_000, onEnd: resolve });
  cleanups.push(() => connection.close());
  return { connection, ended: promise };
}

describe("nobody there", () => {
  test.each<[string, () => string, string]>([
    ["no such path", newPath, "ENOENT"],
    [
      "a socket that nobody listens at any more",
      () => {
        const path = newPath();
        // A child that is killed leaves its socket behind.
        const script = `Bun.listen({ unix: ${JSON.stringify(path)}, socket: { data() {} } }); process.kill(process.pid, 9)`;
        Bun.spawnSync([process.execPath, "-e", script]);
        return path;
      },
      "ECONNREFUSED",
    ],
    [
      "a file that is no socket",
      () => {
        const path = newPath();
        writeFileSync(path, "");
        return path;
      },
      "ECONNREFUSED",
    ],
  ])("%s: rejects with the system's reason", async (_, prepare, code) => {
    const error = await connect(prepare()).catch((reason) => reason);
    expect(error).toMatchObject({ code, message: expect.stringContaining(code) });
  });
});

test("a path as long as a socket's can be", async () => {
  const path = join(folder, "x".repeat(MAX_SOCKET_PATH_BYTES - folder.length - 1));
  expect(Buffer.byteLength(path)).toBe(MAX_SOCKET_PATH_BYTES);
  listenWith(path, hosting());
  const { connection } = await connect(path);
  (await connection.bootstrap()).close();
});

test("calls and their results go through", async () => {
  const path = newPath();
  listenWith(
    path,
    hosting(({ number }, results) => Object.assign(results, { number: number * 2 })),
  );
  const { connection } = await connect(path);
  const object = await connection.bootstrap();
  const results = await Promise.all(
    [1, 2, 3].map(
      async (number) => (await object.ask(METHOD, (params) => Object.assign(params, { number })).results).number,
    ),
  );
  expect(results).toEqual([2, 4, 6]);
});

test("more than a socket takes at once goes through in parts, both ways", async () => {
  const path = newPath();
  const text = "0123456789abcdef".repeat(150_000);
  listenWith(
    path,
    hosting((params, results) => Object.assign(results, { text: params.text })),
  );
  const { connection } = await connect(path);
  const object = await connection.bootstrap();
  const results = await object.ask(METHOD, (params: Box) => {
    params.text = text;
  }).results;
  expect(results.text === text).toBe(true);
});

test("what was read of a large message is not kept", async () => {
  const path = newPath();
  const text = "0123456789abcdef".repeat(10_000);
  listenWith(
    path,
    hosting((_, results) => Object.assign(results, { text })),
  );
  const { connection } = await connect(path);
  const object = await connection.bootstrap();
  const chunks: { chunk: Uint8Array; sizeBytes: number; ownBytes: number }[] = [];
  const receive = spyOn(Connection.prototype, "receive").mockImplementation(function (this: Connection, chunk) {
    if (this === connection) chunks.push({ chunk, sizeBytes: chunk.length, ownBytes: chunk.buffer.byteLength });
    receiveReally.call(this, chunk);
  });
  cleanups.push(() => receive.mockRestore());
  const results = await object.ask(METHOD, () => {}).results;
  expect(results.text === text).toBe(true);

  const large = chunks.filter(({ sizeBytes }) => sizeBytes > 64 * 1024);
  expect(large).not.toBeEmpty();
  for (const { chunk, sizeBytes, ownBytes } of large) {
    expect(ownBytes).toBe(sizeBytes); // it shared its memory with nobody
    expect(chunk.length).toBe(0);
  }
});

describe("the end", () => {
  test("of the peer's socket ends the connection and its questions", async () => {
    const path = newPath();
    const listener = Bun.listen({ unix: path, socket: { data: (socket) => void socket.end() } });
    cleanups.push(() => listener.stop(true));
    const { connection, ended } = await connect(path);
    const bootstrap = connection.bootstrap().catch((error) => error);
    expect((await ended).message).toBe("the node closed the socket");
    expect(await bootstrap).toMatchObject({ kind: "disconnected" });
  });

  test("of a peer that closes before it has read all is told in the system's words", async () => {
    const path = newPath();
    // The bytes that nobody read make the end a reset (unix(7)).
    listen(path, (socket) => {
      socket.pause();
      setTimeout(() => socket.terminate(), 20);
      return undefined;
    });
    const { connection, ended } = await connect(path);
    connection.bootstrap().catch(() => {});
    expect((await ended).message).toBe("connection reset by peer (ECONNRESET)");
  });

  test("of a socket that the peer closes as soon as it is open", async () => {
    const path = newPath();
    listen(path, (socket) => {
      socket.terminate();
      return undefined;
    });
    for (let round = 0; round < 20; round++) {
      const session = await connect(path).catch((error: Error) => error);
      // Whether the end shows before or after the connection is made, it shows.
      if (session instanceof Error) expect(session.message).not.toBe("");
      else expect((await session.ended).message).not.toBe("");
    }
  });

  test("by us is seen by the peer, after everything that was sent", async () => {
    const path = newPath();
    const closed = Promise.withResolvers<number>();
    let received = 0;
    const listener = Bun.listen({
      unix: path,
      socket: {
        data: (_, chunk) => {
          received += chunk.length;
        },
        close: () => closed.resolve(received),
      },
    });
    cleanups.push(() => listener.stop(true));
    const { connection, ended } = await connect(path);
    connection.bootstrap().catch(() => {});
    connection.close();
    expect((await ended).message).toBe("connection closed by us");
    expect(await closed.promise).toBeGreaterThan(0);
  });
});
