// A node that starts again and again while an exporter already tries to connect: the node survives each start, and the exporter
// is up soon after the chain is loaded. START_RACE_RESTARTS sets how often; the log has a line with the times for each version.

import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { eventually } from "../eventually.ts";
import { exporterWith } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeEachBuild, EVERY_WAY } from "./executables.ts";
import { mine } from "./transactions.ts";

const RESTARTS = Number(process.env["START_RACE_RESTARTS"] ?? 3);
const SECONDS_PER_RESTART = 30;
setDefaultTimeout((RESTARTS + 1) * SECONDS_PER_RESTART * 1000);

/** It tries every 50 ms from the first moment on, and short sessions do not make it slower. */
const TRIES_ALL_THE_TIME = exporterWith({
  "session/backoff": { FIRST_MS: 50, LONGEST_MS: 50 },
  "session/session": { STABLE_AFTER_MS: 0 },
});

/** The node starts this thread when its chain is loaded. */
const CHAIN_IS_LOADED = "b-msghand";

describeEachBuild(
  "the start race",
  (build) => {
    test(`the node survives ${RESTARTS} starts`, async () => {
      await using node = await BitcoinNode.start([], { build });
      await mine(node, 110);
      await node.stop();
      await using exporter = await ExporterProcess.start(node.socketPath, {
        ...TRIES_ALL_THE_TIME,
        args: node.exporterArgs,
      });
      const delaysMs: number[] = [];
      for (let restart = 1; restart <= RESTARTS; restart++) {
        await exporter.waitFor("bitcoin_ipc_up", 0);
        node.launch();
        await eventually("the chain is loaded", () => hasThread(node, CHAIN_IS_LOADED), { intervalMs: 1 });
        const loaded = performance.now();
        await exporter.waitFor("bitcoin_ipc_connects_total", restart);
        delaysMs.push(performance.now() - loaded);
        await exporter.waitFor("bitcoin_chain_height", 110);
        await node.expectAlive();
        expect(await node.stop()).toMatchObject({ exitCode: 0, signal: null });
      }
      const [least, median, most] = [0, 0.5, 1].map((part) => quantile(delaysMs, part).toFixed(2));
      console.log(
        `${build.layout}: ${RESTARTS} of ${RESTARTS} starts survived; up ${median} s after ${CHAIN_IS_LOADED} (${least}–${most})`,
      );
    });
  },
  EVERY_WAY,
);

async function hasThread(node: BitcoinNode, name: string): Promise<boolean> {
  if (!node.isRunning) throw new Error(`the node has ended:\n${await node.lastWords()}`);
  const tasks = `/proc/${node.pid}/task`;
  const names = await Promise.all(
    // A thread may end meanwhile.
    (await readdir(tasks)).map((id) => readFile(`${tasks}/${id}/comm`, "utf8").catch(() => "")),
  );
  return names.some((line) => line.trim() === name);
}

/** In seconds. */
function quantile(durationsMs: readonly number[], part: number): number {
  const sorted = durationsMs.toSorted((a, b) => a - b);
  return sorted[Math.round(part * (sorted.length - 1))]! / 1000;
}
