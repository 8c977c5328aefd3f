// Paths that are not sockets, sockets that the user may not open, and sockets without a node: the log has the cause, and the
// exporter still serves and ends on a signal.

import { expect, test } from "bun:test";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { compiledExporter } from "../exporter-command.ts";
import { ExporterProcess, type StartOptions } from "../exporter-process.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { compileFirst, expectUnconfirmed } from "./sessions.ts";

compileFirst();

const folder = temporaryFolder();

/** A user other than root. */
const UNPRIVILEGED = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

test.concurrent("a path without a file", async () => {
  await expectFailure(join(folder, "nothing"), /^no such file or directory \(ENOENT\)$/);
});

test.concurrent("a plain file", async () => {
  await Bun.write(join(folder, "file"), "");
  await expectFailure(join(folder, "file"), /^it is a regular file, not a socket \(ENOTSOCK\); use /);
});

test.concurrent("a directory", async () => {
  await expectFailure(folder, /^it is a directory, not a socket \(ENOTSOCK\); use .* such as \S+\/node\.sock$/);
});

test.concurrent("a socket that this user may not open", async () => {
  const closed = join(folder, "closed");
  await mkdir(closed);
  const path = join(closed, "node.sock");
  const listener = Bun.listen({ unix: path, socket: { data() {} } });
  // Root may open anything.
  const isRoot = process.getuid?.() === 0;
  await chmod(path, isRoot ? 0o600 : 0);
  const [executable] = await compiledExporter();
  // One that other users may read and run.
  const command = [...(isRoot ? UNPRIVILEGED : []), join(folder, "exporter")];
  await Bun.write(command.at(-1)!, Bun.file(executable!));
  await chmod(command.at(-1)!, 0o755);
  await chmod(folder, 0o755);
  try {
    await expectFailure(
      path,
      /^permission denied \(EACCES\): this user may not write to the socket, which user \S+ owns; run the exporter as the node's user or /,
      { command },
    );
  } finally {
    listener.stop(true);
  }
});

test.concurrent("the exporter waits for a listener that sends nothing, and ends on time", async () => {
  const path = join(folder, "silent.sock");
  const listener = Bun.listen({ unix: path, socket: { data() {} } });
  try {
    await using exporter = await ExporterProcess.start(path, { args: ["--call-timeout", "1"] });
    await exporter.logs(
      /^no answer from the node: bootstrap was not answered within 1000 ms; waiting until it has returned every call$/,
    );
    expect((await exporter.metrics()).get("bitcoin_ipc_up")).toBe(0);
    exporter.signal("SIGTERM");
    await expectUnconfirmed(exporter);
  } finally {
    listener.stop(true);
  }
});

/** Expects one line with the reason, a page, and the end after a signal. */
async function expectFailure(path: string, reason: RegExp, options?: StartOptions): Promise<void> {
  await using exporter = await ExporterProcess.start(path, options);
  const prefix = `cannot reach the node at ${path}: `;
  const [line] = await exporter.logs(/^cannot reach the node at /);
  expect(line).toStartWith(prefix);
  expect(line).toMatch(/; next attempt in 0\.[56] s$/);
  expect(line!.slice(prefix.length, line!.lastIndexOf(";"))).toMatch(reason);
  expect((await exporter.metrics()).get("bitcoin_ipc_up")).toBe(0);
  exporter.signal("SIGTERM");
  expect((await exporter.ended()).exitCode).toBe(0);
  expect(exporter.log.slice(2)).toEqual(["SIGTERM: disconnecting from the node", "disconnected"]);
}
