import { afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { buildReferenceNode, buildTimeoutMs } from "../../test/reference-node/build.ts";
import { type ReferenceClient, session } from "../../test/reference-node/client.ts";
import { ReferenceNode, referenceLayouts } from "../../test/reference-node/reference-node.ts";
import { type MiningQueries, miningQueries, type Tip } from "./mining.ts";

beforeAll(buildReferenceNode, buildTimeoutMs);

const OLD: Tip = { hash: `00000000${"ab".repeat(24)}`, height: 840_000 };
const NEW: Tip = { hash: `00000000${"cd".repeat(24)}`, height: 840_001 };

describe.each(referenceLayouts)("Mining of a node of layout %s", (layout) => {
  let node: ReferenceNode;
  let client: ReferenceClient;
  let mining: MiningQueries;

  beforeEach(async () => {
    node = await ReferenceNode.start({ layout });
    await node.tip(OLD);
    client = await session(node);
    mining = miningQueries(client.threads, await client.makeMining(), layout);
  });
  afterEach(async () => {
    client[Symbol.dispose]();
    await node.stop();
  });

  test("has the tip, with its hash as it is displayed", async () => {
    expect(await mining.getTip()).toEqual(OLD);
    await node.answer("Mining.getTip", { hasResult: false });
    expect(await mining.getTip()).toBeUndefined();
  });

  test("reports whether the node is in initial block download", async () => {
    expect(await mining.isInitialBlockDownload()).toBe(false);
    await node.answer("Mining.isInitialBlockDownload", { result: true });
    expect(await mining.isInitialBlockDownload()).toBe(true);
  });

  test("reports whether the chain is a test chain", async () => {
    expect(await mining.isTestChain()).toBe(true);
    await node.answer("Mining.isTestChain", { result: false });
    expect(await mining.isTestChain()).toBe(false);
  });

  test("returns immediately when the tip has already changed", async () => {
    expect(await mining.waitTipChanged(NEW, 60_000)).toEqual(OLD);
  });

  test("returns when the tip changes, and answers other calls meanwhile", async () => {
    const waiting = mining.waitTipChanged(OLD, 60_000);
    expect(await mining.getTip()).toEqual(OLD);
    expect(await isPending(waiting)).toBe(true);
    await node.tip(NEW);
    expect(await waiting).toEqual(NEW);
    expect((await node.stats()).threadViolations).toBe(0);
  });

  test("the same height with another hash is a change", async () => {
    const waiting = mining.waitTipChanged(OLD, 60_000);
    await node.tip({ ...NEW, height: OLD.height });
    expect(await waiting).toEqual({ ...NEW, height: OLD.height });
  });

  test("answers the same tip when the time is over", async () => {
    expect(await mining.waitTipChanged(OLD, 40)).toEqual(OLD);
    expect((await node.stats()).waitTimeouts).toEqual([40]);
  });

  test("receives the timeout", async () => {
    const timeouts = [0, 1, 12.5, 1000, 60_000, 86_400_000];
    // The tip is another, so none of them waits.
    for (const timeout of timeouts) await mining.waitTipChanged(NEW, timeout);
    expect((await node.stats()).waitTimeouts).toEqual(timeouts);
  });
});

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const other = Symbol();
  return (await Promise.race([promise, Promise.resolve(other)])) === other;
}
