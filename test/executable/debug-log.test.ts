// What --debug adds to the log: a line for each poll and each event, in the terms of Bitcoin Core's own log.

import { expect, test } from "bun:test";
import { ExporterProcess } from "../exporter-process.ts";
import { type CallbackParams, ReferenceNode } from "../reference-node/reference-node.ts";
import { compileFirst, connectedLine, POLLED_METHODS, session } from "./sessions.ts";

compileFirst();

/** The coinbase transaction of Bitcoin's first block. */
const COINBASE = {
  head:
    "01000000" /* version */ +
    "0100000000000000000000000000000000000000000000000000000000000000" +
    "00ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e20" +
    "6272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff" +
    "0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f355" +
    "04e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac",
  lockTime: "00000000",
  id: "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b",
};
const TRANSACTION = COINBASE.head + COINBASE.lockTime;
/** The same with a witness, which the id leaves out. */
const WITNESS = "0104deadbeef";
const WITH_WITNESS = `${COINBASE.head.slice(0, 8)}0001${COINBASE.head.slice(8)}${WITNESS}${COINBASE.lockTime}`;

const HASH = {
  wire: "6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000",
  display: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
};

/** Called for a new tip, not at a poll. */
const ABOUT_BLOCKS = ["getblockhash", "getblockheader", "getblockstats"];

const TRACING = "tracing the UTXO cache";

test.concurrent("has a line for each poll", async () => {
  await using node = await ReferenceNode.start();
  await node.answer("Node.getMempoolSize", { result: "9007199254740993" });
  await node.answer("Node.getHeaderTip", { result: false });
  await node.fail("Node.getNodeCount", "overloaded", "too busy to count");
  await using exporter = await session(node, { args: ["--debug", "--poll-interval", "3600"] });
  await tracingAndPolled(exporter);
  const method = /^(?:poll: (?=[a-z]+ = )|the node does not support |(?=[a-z]+ failed: ))([a-z]+)/;
  const isJsonRpc = (line: string) => method.test(line);
  expect(exporter.log.slice(1).filter((line) => !isJsonRpc(line) && line !== TRACING)).toEqual([
    connectedLine(node),
    "poll: Chain.getHeight = 120",
    "poll: Node.getHeaderTip = none",
    "poll: Chain.isInitialBlockDownload = false",
    "poll: Node.getVerificationProgress = 1",
    "poll: Node.getMempoolSize = 9007199254740993",
    "poll: Node.getMempoolDynamicUsage = 0",
    "poll: Node.getMempoolMaxUsage = 300000000",
    expect.stringMatching(/^Node\.getNodeCount failed: .*too busy to count/),
    "poll: Node.getTotalBytesRecv = 0",
    "poll: Node.getTotalBytesSent = 0",
  ]);
  expect(POLLED_METHODS).toHaveLength(10);
  // Whether the node supports the method or not.
  const methods = new Set(exporter.log.flatMap((line) => method.exec(line)?.[1] ?? []));
  const called = Object.keys((await node.stats()).rpcCalls).filter((name) => !ABOUT_BLOCKS.includes(name));
  expect([...methods].sort()).toEqual(called.sort());
});

test.concurrent("has a line for each transaction", async () => {
  const added = "ChainNotifications.transactionAddedToMempool";
  const removed = "ChainNotifications.transactionRemovedFromMempool";
  await using node = await ReferenceNode.start();
  await using exporter = await session(node, { args: ["--debug"] });
  await node.fire(added, { tx: TRANSACTION });
  await expectEvent(exporter, `transaction added to mempool: txid=${COINBASE.id} size=204`);
  await node.fire(added, { tx: WITH_WITNESS });
  await expectEvent(exporter, `transaction added to mempool: txid=${COINBASE.id} size=212`);
  for (const [reason, name] of ["expiry", "sizelimit", "reorg", "block", "conflict", "replaced", 6].entries()) {
    await node.fire(removed, { tx: TRANSACTION, reason });
    await expectEvent(exporter, `transaction removed from mempool: txid=${COINBASE.id} size=204 reason=${name}`);
  }
  // Bytes that are not a transaction are counted, too.
  await node.fire(added, { tx: WITH_WITNESS.slice(0, 100) });
  await expectEvent(exporter, "transaction added to mempool: txid=undefined size=50");
});

test.concurrent("has a line for each change of the chain", async () => {
  const block = { hash: HASH.wire, height: 70_000, data: 2_000_000 };
  await using node = await ReferenceNode.start();
  await using exporter = await session(node, { args: ["--debug"] });
  await node.fire("ChainNotifications.blockConnected", { role: { validated: true }, block });
  const described = `height=70000 hash=${HASH.display} size=2000000`;
  await expectEvent(exporter, `block connected: ${described} validated=true historical=false`);
  const assumed = { validated: false, historical: true };
  await node.fire("ChainNotifications.blockConnected", { role: assumed, block: { ...block, height: -1 } });
  await expectEvent(
    exporter,
    `block connected: height=-1 hash=${HASH.display} size=2000000 validated=false historical=true`,
  );
  await node.fire("ChainNotifications.blockDisconnected", { block });
  await expectEvent(exporter, `block disconnected: ${described}`);
  await node.fire("ChainNotifications.updatedBlockTip", {});
  await expectEvent(exporter, "block tip updated");
  await node.fire("ChainNotifications.chainStateFlushed", { role: { validated: true }, locator: 70 });
  await expectEvent(exporter, "chain state flushed: validated=true historical=false");
});

test.concurrent.each(["add", "spend", "uncache"] as const)("has a line for each coin: %s", async (name) => {
  await using node = await ReferenceNode.start();
  await using exporter = await session(node, { args: ["--debug"] });
  const coin = (utxoInfo: Partial<CallbackParams["UtxoCacheTrace.add"]["utxoInfo"]>) => ({
    utxoInfo: { outpointHash: HASH.wire, outpointN: 0, height: 0, value: 0, isCoinbase: false, ...utxoInfo },
  });
  await node.fire(`UtxoCacheTrace.${name}`, coin({ outpointN: 3, value: 5_000_000_000, height: 1, isCoinbase: true }));
  await expectEvent(exporter, `utxo cache ${name}: outpoint=${HASH.display}:3 value=5000000000 height=1 coinbase=true`);
  await node.fire(
    `UtxoCacheTrace.${name}`,
    coin({ outpointN: 4_294_967_295, value: "9007199254740993", height: 2_147_483_647 }),
  );
  await expectEvent(
    exporter,
    `utxo cache ${name}: outpoint=${HASH.display}:4294967295 value=9007199254740993 height=2147483647 coinbase=false`,
  );
});

test.concurrent("has a line for each step of the disconnect", async () => {
  await using node = await ReferenceNode.start();
  await using exporter = await session(node, { args: ["--debug", "--poll-interval", "3600"] });
  await tracingAndPolled(exporter);
  exporter.signal("SIGINT");
  await exporter.ended();
  expect(exporter.log.slice(-2)).toEqual(["SIGINT: disconnecting from the node", "disconnected"]);
  // Each line starts with the time, and none is broken.
  expect(exporter.log.filter((line) => line.trim() === "" || /^\d{4}-/.test(line))).toEqual([]);
});

test.concurrent("contains only printable text, whatever the node sends", async () => {
  await using node = await ReferenceNode.start();
  const status = `Loading…\n2026-11-28T12:00:00.000Z forged\u001b[2J\u202e\u2028${"x".repeat(10_000)}`;
  await node.rpcError("uptime", -28, status);
  await using exporter = await ExporterProcess.start(node.socketPath);
  const [line] = await exporter.logs(/^waiting for the node to start: /);
  expect(line).toContain(": Loading…\\n2026-11-28T12:00:00.000Z forged\\u{1b}[2J\\u{202e}\\u{2028}xxx");
  expect(line).toEndWith("xxx… (cut)");
  expect(Buffer.byteLength(line!)).toBeLessThan(4096);
  expect(exporter.log.filter((other) => /^forged|\p{C}/u.test(other))).toEqual([]);
});

/** Waits until the trace is active and the first poll is over, in either order. */
async function tracingAndPolled(exporter: ExporterProcess): Promise<void> {
  await exporter.waitUntil("the first poll is over", (metrics) =>
    metrics.has("bitcoin_ipc_last_poll_timestamp_seconds"),
  );
  await exporter.waitUntil("the trace is active", () => exporter.log.includes(TRACING));
}

/** Waits until the last line about an event is `line`. */
async function expectEvent(exporter: ExporterProcess, line: string): Promise<void> {
  const last = () => exporter.log.findLast((other) => !/^(poll: |tracing |get\w+ failed: )/.test(other));
  await exporter.waitUntil(`the log has: ${line}`, () => last() === line);
}
