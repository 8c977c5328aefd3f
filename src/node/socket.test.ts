// Connections over a real Unix socket: without a listener, to a peer that answers, that reads slowly, and that disconnects.

import { dlopen, ptr } from "bun:ffi";
import { afterEach, describe, expect, spyOn, test } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Socket } from "bun";
import { type Box, hosting, METHOD } from "../../test/builders/box.ts";
import { unless } from "../../test/skipped.ts";
import { temporaryFolder } from "../../test/temporary-folder.ts";
import { Connection } from "../rpc/connection.ts";
import { connectUnix, transportOf } from "./socket.ts";
import { MAX_SOCKET_PATH_BYTES, socketPathOf } from "./socket-path.ts";

const folder = temporaryFolder();
const receiveReally = Connection.prototype.receive;
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

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

describe("a path that cannot be connected to", () => {
  const leave = (make: (path: string) => void) => {
    const path = newPath();
    make(path);
    return path;
  };
  /** A child that is killed leaves its socket behind. */
  const abandon = (path: string) => {
    const script = `Bun.listen({ unix: ${JSON.stringify(path)}, socket: { data() {} } }); process.kill(process.pid, 9)`;
    Bun.spawnSync([process.execPath, "-e", script]);
  };

  test.each<[string, () => string, string, string]>([
    ["is not there", newPath, "ENOENT", "no such file or directory (ENOENT)"],
    [
      "is a socket that nothing listens on any more",
      () => leave(abandon),
      "ECONNREFUSED",
      "connection refused (ECONNREFUSED)",
    ],
    [
      "is a regular file",
      () => leave((path) => writeFileSync(path, "")),
      "ECONNREFUSED",
      "it is a regular file, not a socket (ENOTSOCK); use the path of the node's IPC socket",
    ],
    [
      "is a FIFO",
      () => leave((path) => Bun.spawnSync(["mkfifo", path])),
      "ECONNREFUSED",
      "it is a FIFO, not a socket (ENOTSOCK); use the path of the node's IPC socket",
    ],
    [
      "is a directory",
      () => folder,
      "ECONNREFUSED",
      `it is a directory, not a socket (ENOTSOCK); use the path of the socket in it, such as ${folder}/node.sock`,
    ],
    [
      "is a symbolic link to nothing",
      () => leave((path) => symlinkSync("/nonexistent/node.sock", path)),
      "ENOENT",
      "it is a symbolic link to /nonexistent/node.sock, which does not exist (ENOENT); check where the node's socket is",
    ],
    [
      "is below a file",
      () =>
        join(
          leave((path) => writeFileSync(path, "")),
          "node.sock",
        ),
      "ECONNREFUSED",
      `${folder}/${"N"}.sock is not a directory (ENOTDIR); check the path`,
    ],
    [
      "has a ~ that the shell left",
      () => "~/.bitcoin/node.sock",
      "ENOENT",
      "no such file (ENOENT): the shell does not expand ~ in quotes; use the whole path",
    ],
  ])("%s: rejects with the reason", async (_, prepare, code, message) => {
    const error = await connect(prepare()).catch((reason) => reason);
    expect({ code: error.code, message: error.message.replace(/\d+\.sock is/, "N.sock is") }).toEqual({
      code,
      message,
    });
  });

  const isRoot = process.getuid?.() === 0;
  const need = unless(isRoot, "only root can be another user");
  test.skipIf(need !== "")(`is in a directory that another user has closed${need}`, () => {
    const home = leave((path) => mkdirSync(join(path, "regtest"), { recursive: true }));
    chmodSync(home, 0o700);
    chmodSync(folder, 0o755);
    const path = join(home, "regtest", "node.sock");
    const script = `const { pathFault } = await import(${JSON.stringify(import.meta.resolve("./socket-path.ts"))});
      process.setuid(65534); console.log(pathFault(${JSON.stringify(path)}, "EACCES"));`;
    const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", script]);
    expect(stderr.toString()).toBe("");
    expect(stdout.toString().trim()).toBe(
      `permission denied (EACCES): this user may not enter ${home}, which user root owns; run the exporter as the node's user or in its group`,
    );
  });

  test("is of a node that accepts no connections", async () => {
    const path = newPath();
    // Bun.listen accepts whatever comes, so the C library listens.
    const { symbols: libc } = dlopen("libc.so.6", {
      socket: { args: ["i32", "i32", "i32"], returns: "i32" },
      bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
      connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
      listen: { args: ["i32", "i32"], returns: "i32" },
      close: { args: ["i32"], returns: "i32" },
    });
    const [AF_UNIX, SOCK_STREAM, BACKLOG] = [1, 1, 1];
    const address = Buffer.from(`\x01\0${path}\0`);
    // A node, and as many clients as its queue takes.
    const sockets = [0, 1, 2].map(() => libc.socket(AF_UNIX, SOCK_STREAM, 0));
    for (const socket of sockets) cleanups.push(() => libc.close(socket));
    const [node, ...clients] = sockets as [number, number, number];
    expect([libc.bind(node, ptr(address), address.length), libc.listen(node, BACKLOG)]).toEqual([0, 0]);
    for (const client of clients) expect(libc.connect(client, ptr(address), address.length)).toBe(0);
    await expect(connect(path)).rejects.toMatchObject({
      message: "the node does not accept connections (EAGAIN): it hangs, or its limit of IPC connections is reached",
    });
  });
});

test.each([
  ["unix:/home/bitcoin/node.sock", "/home/bitcoin/node.sock"],
  ["unix:node.sock", "node.sock"],
  ["/home/bitcoin/unix:1", "/home/bitcoin/unix:1"],
  ["unix:", "unix:"],
])("the path in %s is %s", (text, path) => {
  expect(socketPathOf(text)).toBe(path);
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

test("more than a socket accepts at once is sent in parts, both ways", async () => {
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
    expect(ownBytes).toBe(sizeBytes); // its memory is not shared
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

  test("of a peer that closes before it has read all has the system's error", async () => {
    const path = newPath();
    // Unread bytes make the end a reset (unix(7)).
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
