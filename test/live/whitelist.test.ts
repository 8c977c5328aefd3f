// Nodes with -rpcwhitelist: the exporter collects what is allowed, calls each refused method once, and logs the line that allows
// all of them. Over IPC its user has an empty name.

import { expect, setDefaultTimeout, test } from "bun:test";
import { RPC_METHODS } from "../../src/node/calls.ts";
import { ExporterProcess, failedCalls, type Metrics } from "../exporter-process.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeLive, V32 } from "./executables.ts";
import { TIP_EVENTS } from "./families.ts";
import { mine } from "./transactions.ts";

setDefaultTimeout(60_000);

/** Another user has a whitelist. A node with one allows users without one nothing, unless -rpcwhitelistdefault=0. */
const PUBLIC = [
  "-rpcauth=public:6d4d$2b5b7c",
  "-rpcwhitelist=public:getnetworkinfo,getblockchaininfo",
  "-rpcwhitelistdefault=1",
];
/** What the tests call with bitcoin-cli. */
const CLI = "-rpcwhitelist=__cookie__:uptime,stop,generatetodescriptor";

/** Families of methods that other lists do not allow. */
const OF_UPTIME = "bitcoin_uptime_seconds";
const OF_BLOCKCHAIN_INFO = "bitcoin_difficulty";
const OF_MEMPOOL_INFO = "bitcoin_mempool_size";

describeLive(
  "v32: -rpcwhitelist",
  () => {
    test("that allows the exporter nothing: Mining reports the tip, and the logged line allows everything", async () => {
      await using node = await BitcoinNode.start([...PUBLIC, CLI], { build: V32 });
      const line = await withExporter(node, async (exporter, metrics) => {
        expect(polledFamilies(metrics)).toEqual([]);
        const [refusal, ...others] = exporter.log.filter((line) => line.includes("whitelist"));
        expect(others).toEqual([]);
        return /: (rpcwhitelist=:\S+)$/.exec(refusal!)![1]!;
      });
      // The node names no method for a user that may call none.
      const { any, ...byMethod } = await warnings(node);
      expect(byMethod).toEqual({});
      expect(any).toBeWithin(1, RPC_METHODS.length + 1);

      await node.restart(`-${line}`);
      await withExporter(node, async (exporter, metrics) => {
        expect(polledFamilies(metrics)).toEqual([OF_UPTIME, OF_BLOCKCHAIN_INFO, OF_MEMPOOL_INFO]);
        expect(exporter.logged(/whitelist/)).toBeUndefined();
      });
      expect(await warnings(node)).toEqual({ any: any! });
    });

    test("that allows two methods: their metrics have samples, and each other method is called once", async () => {
      const allowed = "-rpcwhitelist=:uptime,getblockchaininfo";
      await using node = await BitcoinNode.start([...PUBLIC, CLI, allowed], { build: V32 });
      await withExporter(node, async (exporter, metrics) => {
        expect(polledFamilies(metrics)).toEqual([OF_UPTIME, OF_BLOCKCHAIN_INFO]);
        expect(exporter.log.filter((line) => line.includes("whitelist"))).toHaveLength(1);
      });
      const refused = await warnings(node);
      expect(refused).toMatchObject({ getpeerinfo: 1, getmempoolinfo: 1, getblockheader: 1 });
      expect(Object.values(refused)).toEqual(Object.keys(refused).map(() => 1));
      for (const method of ["uptime", "getblockchaininfo", "any"]) expect(refused).not.toHaveProperty(method);
    });

    test("with -rpcwhitelistdefault=0 changes nothing for the exporter", async () => {
      const args = [...PUBLIC.slice(0, -1), "-rpcwhitelistdefault=0"];
      await using node = await BitcoinNode.start(args, { build: V32 });
      await withExporter(node, async (exporter, metrics) => {
        expect(polledFamilies(metrics)).toEqual([OF_UPTIME, OF_BLOCKCHAIN_INFO, OF_MEMPOOL_INFO]);
        expect(exporter.logged(/whitelist/)).toBeUndefined();
      });
      expect(await warnings(node)).toEqual({});
    });
  },
  V32,
);

/** Runs `check` with an exporter that has polled several times, and followed the tip to a new block. */
async function withExporter<T>(
  node: BitcoinNode,
  check: (exporter: ExporterProcess, metrics: Metrics) => Promise<T>,
): Promise<T> {
  await mine(node, 2);
  await using exporter = await ExporterProcess.start(node.socketPath);
  await exporter.connected();
  for (let poll = 0; poll < 3; poll++) await exporter.polled();
  const before = (await exporter.metrics()).get("bitcoin_chain_height")!;
  expect(before).toBeGreaterThan(0);
  await mine(node);
  await exporter.waitFor(TIP_EVENTS.height, before + 1);
  const metrics = await exporter.polled();
  expect(metrics.get("bitcoin_ipc_up")).toBe(1);
  expect(metrics.get("bitcoin_chain_height")).toBe(before + 1);
  expect(failedCalls(metrics)).toEqual({});
  return check(exporter, metrics);
}

function polledFamilies(metrics: Metrics): string[] {
  return [OF_UPTIME, OF_BLOCKCHAIN_INFO, OF_MEMPOOL_INFO].filter((family) => metrics.has(family));
}

/** The node's warnings of all its runs, by method, or `any` where the user may call none. */
async function warnings(node: BitcoinNode): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const refusals = /RPC User \S* ?not allowed to call (?:method (\w+)|any methods)/g;
  for (const [, method = "any"] of (await node.debugLog()).matchAll(refusals))
    counts[method] = (counts[method] ?? 0) + 1;
  return counts;
}
