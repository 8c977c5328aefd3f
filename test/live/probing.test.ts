// Exporters that connect and disconnect again and again, cleanly or not: the node survives, keeps no thread for them, and logs no
// error.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { exporterWith } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeEachBuild, RELEASES } from "./executables.ts";
import { TIP_EVENTS } from "./families.ts";
import { mine } from "./transactions.ts";

setDefaultTimeout(120_000);

const SESSIONS = 20;

describeEachBuild("probing", (build) => {
  test(`${SESSIONS} sessions do not change the node`, async () => {
    await using node = await BitcoinNode.start([], { build });
    await mine(node, 3);
    // pr/trace makes a thread for its first client and keeps it.
    await session(node);
    const before = await threadsAtRest(node);
    for (let count = 0; count < SESSIONS; count++) await session(node);
    expect(await threadsAtRest(node)).toBe(before);
    expect(complaints(await node.debugLog())).toEqual([]);
    expect(await node.stop()).toMatchObject({ exitCode: 0, signal: null });
  });

  test("sessions that end at any moment of connecting", async () => {
    await using node = await BitcoinNode.start([], { build });
    await mine(node, 3);
    await session(node);
    const before = await threadsAtRest(node);
    for (let delayMs = 0; delayMs < 40; delayMs += 2) {
      await using exporter = await ExporterProcess.start(node.socketPath);
      await Bun.sleep(delayMs);
      exporter.signal("SIGTERM");
      expect(await exporter.ended()).toMatchObject({ exitCode: 0, signal: null });
      expect(exporter.log.at(-1)).toBe("disconnected");
      await node.expectAlive();
    }
    expect(await threadsAtRest(node)).toBe(before);
    expect(complaints(await node.debugLog())).toEqual([]);
  });
});

describeEachBuild(
  "while the exporter waits for the next tip",
  (build) => {
    describe.each(["SIGTERM", "SIGINT", "SIGKILL"] as const)("the node", (signal) => {
      test(`survives ${signal} of the exporter`, async () => {
        await using node = await BitcoinNode.start([], { build });
        await mine(node, 3);
        await using exporter = await waiting(node);
        exporter.signal(signal);
        const ending = await exporter.ended();
        expect(ending).toMatchObject(signal === "SIGKILL" ? { signal } : { exitCode: 0, signal: null });
        await node.expectAlive();
        // The node ends the wait of the exporter that has disconnected.
        await mine(node);
        await using _another = await waiting(node);
        expect(await node.stop()).toMatchObject({ exitCode: 0, signal: null });
      });
    });

    // A poll during the stop would block it: estimatesmartfee waits for a scheduler that has ended.
    test("the node stops as fast as without a client, at any moment", async () => {
      await using node = await BitcoinNode.start([], { build });
      await mine(node, 3);
      await using exporter = await ExporterProcess.start(node.socketPath, {
        // Sessions of less than half a minute would have longer and longer pauses after them.
        ...exporterWith({ "session/session": { STABLE_AFTER_MS: 0 } }),
        args: ["--poll-interval", "0.1"],
      });
      for (let stops = 1; stops <= 10; stops++) {
        await exporter.waitFor("bitcoin_ipc_connects_total", stops);
        await exporter.polled();
        await Bun.sleep(10 * stops);
        const { exitCode, signal, durationMs } = await node.stop();
        expect({ exitCode, signal }).toEqual({ exitCode: 0, signal: null });
        expect(durationMs).toBeLessThan(5000);
        await exporter.waitFor("bitcoin_ipc_up", 0);
        node.launch();
        await node.ready();
      }
      expect(exporter.log.filter((line) => line.startsWith("lost the node: it is stopping"))).toHaveLength(10);
    });
  },
  RELEASES,
);

/** A session that uses all that the node offers and ends cleanly. */
async function session(node: BitcoinNode): Promise<void> {
  await using exporter = await waiting(node);
  exporter.signal("SIGTERM");
  expect(await exporter.ended()).toMatchObject({ exitCode: 0, signal: null });
  expect(exporter.log.at(-1)).toBe("disconnected");
}

/** An exporter that has polled and followed a new tip. */
async function waiting(node: BitcoinNode): Promise<ExporterProcess> {
  const exporter = await ExporterProcess.start(node.socketPath);
  await exporter.connected();
  await exporter.polled();
  const [hash] = await mine(node);
  const { height } = await node.cli<{ height: number }>("getblockheader", hash!);
  await exporter.waitFor(TIP_EVENTS.height, height);
  return exporter;
}

/** How many threads the node has once it has ended those of clients that are gone. A wait for a tip ends with the next tip. */
async function threadsAtRest(node: BitcoinNode): Promise<number> {
  await mine(node);
  let last = 0;
  return eventually(
    "the threads stay as many",
    async () => {
      const before = last;
      last = await node.threadCount();
      return last === before && last;
    },
    { intervalMs: 300 },
  );
}

/** Warnings and errors in the node's log, without those of calls that ended with their connection: releases log these as errors. */
function complaints(log: string): string[] {
  const callEnded = /IPC server error request #\d+ \S+\$Results kj::Exception: Interrupted by disconnect$/;
  return log
    .split("\n")
    .filter((line) => /\[(error|warning)\]|error|assert|exception|terminate|abort|fatal|thread busy/i.test(line))
    .filter((line) => !callEnded.test(line.trim()));
}
