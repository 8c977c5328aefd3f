import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ancestor, type Block, BlockTree } from "../../test/builders/block-tree.ts";
import type { JsonRpc } from "./json-rpc.ts";
import { compareTips, TooFarApartError } from "./tip-changes.ts";

/** What compareTips should find, the slow way. */
function expected(from: Block, to: Block) {
  let height = Math.min(from.height, to.height);
  while (ancestor(from, height) !== ancestor(to, height)) height--;
  return { connected: to.height - height, disconnected: from.height - height };
}

describe("a snapshot", () => {
  /** A chain of 100 blocks, and headers up to the snapshot's base at 300. */
  function snapshot() {
    const tree = new BlockTree();
    const from = tree.extend(100);
    const base = tree.extend(200);
    for (let block: Block = base; block !== from; block = block.previous!) block.isHeaderOnly = true;
    return { tree, from, base };
  }

  test("that the node loads connects no block", async () => {
    const { tree, from, base } = snapshot();
    expect(await compareTips(tree, from, base)).toEqual({ connected: 0, disconnected: 0 });
  });

  test.each([1, 3])("and %d blocks on it", async (blocks) => {
    const { tree, from } = snapshot();
    const to = tree.extend(blocks);
    expect(await compareTips(tree, from, to)).toEqual({ connected: blocks, disconnected: 0 });
  });
});

describe("tips that are too far apart", () => {
  test("are not walked to", async () => {
    const tree = new BlockTree();
    const from = tree.extend(1);
    const to = tree.extend(1);
    tree.active = from;
    const far = { ...to, height: 2_147_483_647 };
    expect(compareTips(tree, from, far)).rejects.toBeInstanceOf(TooFarApartError);
    expect(compareTips(tree, far, from)).rejects.toThrow();
    await Bun.sleep(0);
    expect(tree.requests).toBeLessThan(20);
  });

  test("a walk ends", async () => {
    const header = { result: { previousblockhash: "00", nTx: 1 } };
    const endless: JsonRpc = { callAll: async (requests) => requests.map(() => header) };
    const [from, to] = [
      { hash: "aa", height: 1_000_000 },
      { hash: "bb", height: 1 },
    ];
    expect(compareTips(endless, from, to)).rejects.toBeInstanceOf(TooFarApartError);
  });
});

describe("from one tip to", () => {
  test("the next block", async () => {
    const tree = new BlockTree();
    const from = tree.extend(100);
    const to = tree.extend(1);
    expect(await compareTips(tree, from, to)).toEqual({ connected: 1, disconnected: 0 });
    expect(tree.requests).toBe(1);
  });

  test("one many blocks on, without asking for each", async () => {
    const tree = new BlockTree();
    const from = tree.extend(100);
    const to = tree.extend(5000);
    expect(await compareTips(tree, from, to)).toEqual({ connected: 5000, disconnected: 0 });
    expect(tree.requests).toBeLessThan(10);
  });

  test("one that others were built on since", async () => {
    const tree = new BlockTree();
    const from = tree.extend(100);
    const to = tree.extend(3);
    tree.extend(3);
    expect(await compareTips(tree, from, to)).toEqual({ connected: 3, disconnected: 0 });
  });

  test.each([
    [1, 1],
    [1, 2],
    [3, 4],
    [6, 2],
    [100, 100],
  ])("another branch: %d blocks off, %d on", async (disconnected, connected) => {
    const tree = new BlockTree();
    const fork = tree.extend(100);
    const from = tree.extend(disconnected);
    const to = tree.extend(connected, fork);
    expect(await compareTips(tree, from, to)).toEqual({ connected, disconnected });
    // What left the active chain is walked, and nothing else.
    expect(tree.requests).toBeLessThan(5 * (disconnected + 2));
  });

  test.each([1, 5, 100])("one of its own ancestors, %d blocks before", async (disconnected) => {
    const tree = new BlockTree();
    const to = tree.extend(100);
    const from = tree.extend(disconnected);
    tree.active = to;
    expect(await compareTips(tree, from, to)).toEqual({ connected: 0, disconnected });
  });

  test("the first block of all, which has none before it", async () => {
    const tree = new BlockTree();
    const from = tree.extend(1);
    tree.active = tree.genesis;
    expect(await compareTips(tree, from, tree.genesis)).toEqual({ connected: 0, disconnected: 1 });
    expect(await compareTips(tree, tree.genesis, from)).toEqual({ connected: 1, disconnected: 0 });
  });

  test("one that has left the active chain since", async () => {
    const tree = new BlockTree();
    const fork = tree.extend(100);
    const from = tree.extend(2);
    const to = tree.extend(5, fork);
    tree.extend(7, from);
    expect(await compareTips(tree, from, to)).toEqual({ connected: 5, disconnected: 2 });
  });

  test("one that has left a chain that is shorter now", async () => {
    const tree = new BlockTree();
    const from = tree.extend(100);
    const to = tree.extend(5);
    tree.active = ancestor(from, 90);
    expect(await compareTips(tree, from, to)).toEqual({ connected: 5, disconnected: 0 });
  });

  test("the same", async () => {
    const tree = new BlockTree();
    const tip = tree.extend(3);
    expect(await compareTips(tree, tip, tip)).toEqual({ connected: 0, disconnected: 0 });
  });
});

test("in any tree of blocks, whatever becomes the active chain's tip meanwhile", async () => {
  // Each number is how far before the last block the next one is put on.
  const trees = fc.array(fc.nat(4), { minLength: 1, maxLength: 60 });
  const picks = fc.tuple(fc.nat(), fc.nat(), fc.nat());
  await fc.assert(
    fc.asyncProperty(trees, picks, fc.nat(12), async (backs, [fromPick, toPick, otherPick], switchAt) => {
      const tree = new BlockTree();
      const blocks = [tree.genesis];
      for (const back of backs) blocks.push(tree.mine(blocks[Math.max(0, blocks.length - 1 - back)]!));
      const pick = (index: number) => blocks[index % blocks.length]!;
      const [from, to] = [pick(fromPick), pick(toPick)];
      tree.active = to;
      // Even in the middle of a batch, but once only.
      tree.beforeRequest = () => {
        if (tree.requests === switchAt) tree.active = pick(otherPick);
      };
      expect(await compareTips(tree, from, to)).toEqual(expected(from, to));
    }),
    { numRuns: 2000 },
  );
});

describe("rejects", () => {
  test("when the node does not have a block", async () => {
    const tree = new BlockTree();
    const from = tree.extend(100);
    const to = tree.extend(1, ancestor(from, 99));
    tree.forget(from);
    await expect(compareTips(tree, from, to)).rejects.toMatchObject({ name: "JsonRpcError", code: -5 });
  });

  test("when a header names no block before it, and does not go on for ever", async () => {
    const tree = new BlockTree();
    const from = tree.extend(2);
    const to = { hash: "ff".repeat(32), height: 2 };
    await expect(compareTips(tree, from, to)).rejects.toMatchObject({ code: -5 });
    const nameless: JsonRpc = { callAll: async (requests) => requests.map(() => ({ result: {} })) };
    await expect(compareTips(nameless, from, to)).rejects.toThrow("names no previous block");
  });

  test("when calls to the node fail", async () => {
    const tree = new BlockTree();
    const from = tree.extend(1);
    const to = tree.extend(1);
    const gone: JsonRpc = { callAll: () => Promise.reject(new Error("gone")) };
    await expect(compareTips(gone, from, to)).rejects.toThrow("gone");
  });
});
