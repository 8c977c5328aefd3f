// A hundred reconnects leave no memory and no file descriptors behind.

import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { COMPILE_DEADLINE_MS, compiledExporter } from "../exporter-command.ts";
import type { ExporterProcess } from "../exporter-process.ts";
import { buildReferenceNode, buildTimeoutMs } from "../reference-node/build.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { expectCleanDisconnect, registered, session, TEST_TIMEOUT_MS, withFirstPause } from "./sessions.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);
beforeAll(buildReferenceNode, buildTimeoutMs);
beforeAll(compiledExporter, COMPILE_DEADLINE_MS);

const SESSIONS = 100;
/** After this many sessions, memory has reached its steady level. */
const WARM_UP = 20;
const CALLS = 50;

test("file descriptors and memory remain constant", async () => {
  await using node = await ReferenceNode.start();
  await using exporter = await session(node, { ...withFirstPause(5, 0), args: ["--poll-interval", "0.1"] });
  const utxoInfo = { outpointHash: 32, outpointN: 1, height: 120, value: 2, isCoinbase: false };
  let early: Usage | undefined;
  for (let sessions = 1; sessions < SESSIONS; sessions++) {
    await node.fire("UtxoCacheTrace.add", { utxoInfo }, { count: CALLS });
    if (sessions === WARM_UP) early = await usage(exporter);
    await node.drop();
    await registered(node);
  }
  const late = await usage(exporter);
  expect(late.fds).toBe(early!.fds);
  expect(late.residentBytes - early!.residentBytes).toBeLessThan(16 * 1024 * 1024);

  const metrics = await exporter.connected();
  expect(metrics.get("bitcoin_ipc_connects_total")).toBe(SESSIONS);
  expect(metrics.get("bitcoin_utxo_cache_add_total")).toBe(CALLS * (SESSIONS - 1));
  expect(exporter.log.filter((line) => line.startsWith("lost the node"))).toHaveLength(SESSIONS - 1);
  expect(await node.stats()).toMatchObject({ connections: SESSIONS, liveConnections: 1, subscriptions: 2 });
  for (let dropped = 1; dropped < SESSIONS; dropped++) await node.waitFor("disconnected");
  exporter.signal("SIGTERM");
  await expectCleanDisconnect(node, exporter);
});

interface Usage {
  readonly fds: number;
  readonly residentBytes: number;
}

/** The current values of /proc; the page has values that are up to a second old. */
async function usage(exporter: ExporterProcess): Promise<Usage> {
  const since = Date.now();
  const metrics = await exporter.waitUntil("a second is over", () => Date.now() - since > 1_100);
  return {
    fds: metrics.get("process_open_fds")!,
    residentBytes: metrics.get("process_resident_memory_bytes")!,
  };
}
