import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connectPair } from "../../test/builders/connections.ts";
import { temporaryFolder } from "../../test/temporary-folder.ts";
import { nodeStart, programOf } from "./node-process.ts";
import { connectUnix, nodeHasStarted, peerProgram } from "./socket.ts";

const folder = temporaryFolder();

let pids = 0;

/** A process in a /proc of its own, by the names of its threads. */
function processOf(...threads: string[]): number {
  const pid = ++pids;
  for (const [index, name] of threads.entries()) {
    const task = join(folder, String(pid), "task", String(pid + index));
    mkdirSync(task, { recursive: true });
    writeFileSync(join(task, "comm"), `${name}\n`);
  }
  writeFileSync(join(folder, String(pid), "comm"), `${threads[0]}\n`);
  return pid;
}

// As a real node shows them, first to last.
const EARLY = ["bitcoin-node", "b-scheduler", "b-capnp-loop", "b-http", "b-scriptch.00"];

test.each([
  [EARLY, "starting"],
  [[...EARLY, "b-net"], "starting"],
  [[...EARLY, "b-net", "b-addcon", "b-opencon", "b-msghand"], "started"],
  [["bitcoin-node", "b-msghand"], "unknown"],
  [["b-shutoff", "b-capnp-loop", "b-net", "b-msghand"], "stopping"],
  [["b-shutoff", "b-capnp-loop"], "stopping"],
] as const)("threads %p: %s", (threads, state) => {
  expect(nodeStart(processOf(...threads), folder)).toMatchObject({ state });
});

test("a thread that ends meanwhile is ignored", () => {
  const pid = processOf(...EARLY);
  mkdirSync(join(folder, String(pid), "task", "999"));
  expect(nodeStart(pid, folder)).toEqual({ state: "starting" });
});

describe("unknown", () => {
  test.each([
    [
      "a process that is not the node",
      () => processOf("socat", "socat"),
      "the process behind the socket is not bitcoin-node but socat",
    ],
    ["a process that is not shown", () => 4_000_000, "the node's process 4000000 is hidden from this user (ENOENT)"],
    ["a process of another PID namespace", () => 0, "the node runs in another PID namespace"],
  ])("%s", (_, pid, reason) => {
    expect(nodeStart(pid(), folder)).toEqual({ state: "unknown", reason });
  });

  test("a connection that is not a socket", async () => {
    const { client } = connectPair();
    expect(await nodeHasStarted(client)).toMatchObject({
      state: "unknown",
      reason: expect.stringContaining("does not report"),
    });
    client.close();
  });
});

test("the process behind a real socket is found", async () => {
  const path = join(folder, "peer.sock");
  using listener = Bun.listen({ unix: path, socket: { data() {} } });
  const connection = await connectUnix(path, { deadlineMs: 1000, onEnd: () => {} });
  // It is this one, which is no node.
  const { state, reason } = (await nodeHasStarted(connection)) as { state: string; reason: string };
  expect(state).toBe("unknown");
  const name = await peerProgram(connection);
  expect(name).toBe(programOf(process.pid)!);
  expect(reason).toBe(`the process behind the socket is not bitcoin-node but ${name}`);
  connection.close();
  listener.stop(true);
});
