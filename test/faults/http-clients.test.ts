// HTTP clients that are slow, greedy or malformed, while the node calls back: every callback is answered, another client is
// served, memory is bounded, and all connections are closed at the end. src/http/server.test.ts checks the responses, and
// bench/scrapes.ts measures how much later callbacks are answered.

import { expect, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { callBack, coin, compileFirst, leave, session } from "../executable/sessions.ts";
import type { StartOptions } from "../exporter-process.ts";
import { Protection } from "../protected-exporter.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { CLIENT_KINDS, type ClientKind, TLS_CLIENT_KINDS } from "./http-clients.ts";
import { openFds, residentBytes } from "./usage.ts";

compileFirst(120_000);

const CALLS = 6000;
const ROUNDS = 2;
/** After this time, the kernel's buffers for a client that does not read are full. */
const SETTLE_MS = 400;
const MIB = 1024 * 1024;
const MAX_RESIDENT_GROWTH_BYTES = 40 * MIB;

/** Kinds, and whether their exporter has TLS and a password. */
const KINDS: readonly (readonly [name: string, kind: ClientKind, isProtected: boolean])[] = [
  ...CLIENT_KINDS.map((kind) => [kind.name, kind, false] as const),
  ...TLS_CLIENT_KINDS.map((kind) => [kind.name, kind, true] as const),
];

test.each(KINDS)("%s", async (name, { start }, isProtected) => {
  await using node = await ReferenceNode.start();
  using protection = new Protection();
  const { args = [], ...options }: StartOptions = isProtected ? protection.start : {};
  const rarely = ["--trace-budget", "100", "--poll-interval", "3600"];
  await using exporter = await session(node, { ...options, args: [...rarely, ...args] });
  const port = Number(new URL(exporter.url).port);
  await callBack(node, "UtxoCacheTrace.add", coin(1), { count: CALLS });
  await exporter.metrics(); // a password that was valid once is not checked again, so it does not wait for guesses
  const fds = openFds(exporter.pid);
  const before = residentBytes(exporter.pid);
  let most = before;
  for (let round = 0; round < ROUNDS; round++) {
    using clients = await start(port);
    await Bun.sleep(SETTLE_MS);
    await callBack(node, "UtxoCacheTrace.add", coin(1), { count: CALLS });
    expect(clients.open).toBeGreaterThan(0);
    expect((await exporter.metrics()).get("bitcoin_ipc_up")).toBe(1);
    most = Math.max(most, residentBytes(exporter.pid));
    clients[Symbol.dispose]();
    await eventually("their connections are closed", () => openFds(exporter.pid) <= fds + 1, {
      describe: () => `${openFds(exporter.pid)} instead of ${fds}`,
    });
  }
  console.log(`    ${name}: ${Math.round(before / MIB)} → ${Math.round(most / MIB)} MiB`);
  expect(most - before).toBeLessThan(MAX_RESIDENT_GROWTH_BYTES);
  await leave(node, exporter);
});
