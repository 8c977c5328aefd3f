// Many sessions in a row: file descriptors, memory and the node's objects for the exporter do not grow.
//
// RECONNECTS=20000 makes it longer.

import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { leave, registered, session, withFirstPause } from "../executable/sessions.ts";
import { COMPILE_DEADLINE_MS, compiledExporter } from "../exporter-command.ts";
import { buildReferenceNode, buildTimeoutMs } from "../reference-node/build.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { openFds, residentBytes } from "./usage.ts";

const SESSIONS = Number(process.env["RECONNECTS"] ?? 250);
/** After this many sessions, memory has reached its steady level. */
const WARM_UP = Math.floor(SESSIONS / 4);
const CALLS = 20;
const MIB = 1024 * 1024;

setDefaultTimeout(60_000 + SESSIONS * 100);
beforeAll(buildReferenceNode, buildTimeoutMs);
beforeAll(compiledExporter, COMPILE_DEADLINE_MS);

test(`${SESSIONS} reconnects leave nothing behind`, async () => {
  await using node = await ReferenceNode.start();
  // One poll a session.
  await using exporter = await session(node, { ...withFirstPause(1, 0), args: ["--poll-interval", "3600"] });
  const utxoInfo = { outpointHash: 32, outpointN: 1, height: 120, value: 2, isCoinbase: false };
  let fds = 0;
  let early = 0;
  let most = 0;
  for (let sessions = 1; sessions < SESSIONS; sessions++) {
    if (sessions % 10 === 0) await node.fire("UtxoCacheTrace.add", { utxoInfo }, { count: CALLS });
    const now = residentBytes(exporter.pid);
    if (sessions === WARM_UP) fds = openFds(exporter.pid);
    if (sessions <= WARM_UP) early = Math.max(early, now);
    most = Math.max(most, now);
    await node.drop();
    await node.waitFor("disconnected");
    await registered(node);
  }
  const late = residentBytes(exporter.pid);
  const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`;
  console.log(`    resident: at most ${mib(early)} early, ${mib(late)} late, at most ${mib(most)}; ${fds} fds`);
  // The connection of a scrape may be among them, or not yet closed.
  expect(openFds(exporter.pid)).toBeWithin(fds - 2, fds + 3);
  expect(late - early).toBeLessThan(8 * MIB);

  const metrics = await exporter.connected();
  expect(metrics.get("bitcoin_ipc_connects_total")).toBe(SESSIONS);
  expect(metrics.get("bitcoin_utxo_cache_add_total")).toBe(CALLS * Math.floor((SESSIONS - 1) / 10));
  const { connections, liveConnections, subscriptions, live } = await node.stats();
  expect({ connections, liveConnections, subscriptions }).toEqual({
    connections: SESSIONS,
    liveConnections: 1,
    subscriptions: 2,
  });
  expect(live).toMatchObject({ Init: 1, Chain: 1, Node: 1, Tracing: 1, Handler: 2 });
  expect(exporter.log.filter((line) => line.startsWith("lost the node"))).toHaveLength(SESSIONS - 1);
  await leave(node, exporter);
});
