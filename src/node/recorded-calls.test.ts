// The calls that a pr/trace node was recorded to make, read by offset and by generated classes: both paths see what the
// manifest says, and both answer alike.

import { afterEach, describe, expect, test } from "bun:test";
import { utils } from "capnp-es";
import { expectEmptyTables, turn } from "../../test/builders/connections.ts";
import { expectedEvents } from "../../test/builders/event-log.ts";
import { type RecordedFrame, recordedCalls, recordedFrames } from "../../test/builders/recorded-frames.ts";
import { type PlainMessage, plainMessage, rootOf } from "../../test/builders/rpc-messages.ts";
import { type Path, type Subscriber, subscribed } from "../../test/builders/subscriber.ts";
import {
  ChainNotifications_BlockConnected$Params,
  ChainNotifications_BlockDisconnected$Params,
} from "../schema/chain.ts";
import { blockHeight } from "./chain-notifications.ts";

afterEach(expectEmptyTables);

const PATHS: readonly Path[] = ["hot", "slow"];
const calls = recordedCalls();
const byFile = (recorded: RecordedFrame) => [recorded.file, recorded] as const;

function emptyReturn(answerId: number): PlainMessage {
  return { return: { answerId, releaseParamCaps: true, noFinishNeeded: true, results: [] } };
}

/** What the node sent until it waited for an answer: a Call, and what followed it. Returns of the first sessions are left out. */
function turnsOfNode(): Buffer[] {
  const turns: Uint8Array[][] = [];
  for (const { message, frame } of recordedFrames("pr-trace")) {
    if (message === "call") turns.push([frame]);
    else if (message !== "return") turns.at(-1)!.push(frame);
  }
  return turns.map((frames) => Buffer.concat(frames));
}

/** Sizes from 1 to 65,535, in no order, for ever. */
function* sizes(): Generator<number, never> {
  for (let size = 1; ; size = (size * 7919) % 65_537) yield size;
}

test("the recording has every kind of call", () => {
  expect(calls).toHaveLength(30);
  expect(new Set(calls.map(({ call }) => call)).size).toBe(11);
});

describe.each(PATHS)("on the %s path", (path) => {
  test.each(calls.map(byFile))("%s", async (_, recorded) => {
    const node = await subscribed(path);
    expect(await node.peer.ask(recorded.frame)).toEqual([emptyReturn(recorded.questionId!)]);
    expect(node.take()).toEqual(expectedEvents(recorded));
    // Flushes are rare, and their answer may have to wait for other calls.
    const isHot = path === "hot" && !/\.(destroy|chainStateFlushed)$/.test(recorded.call!);
    expect(node.peer.hotCalls).toBe(isHot ? 1 : 0);
    node.unsubscribe();
  });

  test("all of them on one stream, with what the node sent in between, in pieces of any size", async () => {
    const node = await subscribed(path);
    const size = sizes();
    for (const turnOfNode of turnsOfNode()) {
      for (let at = 0; at < turnOfNode.length; ) {
        const end = at + size.next().value;
        node.peer.connection.receive(turnOfNode.subarray(at, end));
        at = end;
      }
      await turn();
    }
    expect(node.take()).toEqual(calls.flatMap(expectedEvents));
    expect(node.peer.take()).toEqual(calls.map(({ questionId }) => emptyReturn(questionId!)));
    // At its end the node released both objects.
    expect(node.peer.connection.sizes.exports).toBe(0);
  });

  test.each(["finish", "resolve"] as const)("a recorded %s that follows a call causes nothing", async (message) => {
    const node = await subscribed(path);
    const frames = recordedFrames("pr-trace");
    const following = frames.filter((recorded) => recorded.message === message);
    expect(following.length).toBeGreaterThan(2);
    for (const { frame } of following) {
      await node.peer.ask(calls[0]!.frame);
      node.take();
      const before = node.peer.connection.sizes;
      expect(await node.peer.ask(frame)).toEqual([]);
      expect(node.take()).toEqual([]);
      expect(node.peer.connection.sizes).toEqual(before);
    }
    node.unsubscribe();
  });
});

test("the answers of both paths are the same message", async () => {
  const answers = await Promise.all(
    PATHS.map(async (path) => {
      const node = await subscribed(path);
      node.peer.send(calls[0]!.frame);
      await turn();
      const [frame] = node.peer.takeFrames();
      node.unsubscribe();
      const { results } = rootOf(frame!).return;
      return { message: plainMessage(frame!), content: `${utils.getTargetStructSize(utils.getPointer(0, results))}` };
    }),
  );
  expect(answers[0]).toEqual(answers[1]!);
  expect(answers[0]).toEqual({ message: emptyReturn(0), content: "ObjectSize_dw:0,pc:0" });
});

describe("block heights", () => {
  const blocks = calls.filter(({ call }) => /\.block(Dis)?[cC]onnected$/.test(call!));

  function blockOf(recorded: RecordedFrame) {
    const { params } = rootOf(recorded.frame).call;
    return recorded.call!.endsWith("blockConnected")
      ? utils.getStruct(0, ChainNotifications_BlockConnected$Params, params).block
      : utils.getStruct(0, ChainNotifications_BlockDisconnected$Params, params).block;
  }

  test("are those that the node had", () => {
    expect(blocks.map((recorded) => blockHeight(blockOf(recorded)))).toEqual([121, 122, 122, 122, 123]);
  });

  test("are not what capnp-es reads: it takes 16 bits of the 32 that the default -1 has", () => {
    const generated = blocks.map((recorded) => blockOf(recorded).height);
    expect(generated).toEqual([121, 122, 122, 122, 123].map((height) => height - 0x10000));
  });
});

describe("a debug line", () => {
  const displayed = (wireHash: unknown) => Buffer.from(String(wireHash), "hex").reverse().toString("hex");

  /** What the line of a recorded Call should be, by its manifest. */
  function expectedLine({ call, params = {} }: RecordedFrame): unknown {
    const { height, hash, dataBytes, validated, historical, txBytes, reason, value } = params;
    const block = `height=${height} hash=${displayed(hash)}`;
    const role = `validated=${validated} historical=${historical}`;
    const names = ["expiry", "sizelimit", "reorg", "block", "conflict", "replaced"];
    const outpoint = `${displayed(params["outpointHash"])}:${params["outpointN"]}`;
    const coin = `outpoint=${outpoint} value=${value} height=${height} coinbase=${params["isCoinbase"]}`;
    switch (call) {
      case "ChainNotifications.transactionAddedToMempool":
        return expect.stringMatching(new RegExp(`^transaction added to mempool: txid=[0-9a-f]{64} size=${txBytes}$`));
      case "ChainNotifications.transactionRemovedFromMempool":
        return expect.stringMatching(
          new RegExp(
            `^transaction removed from mempool: txid=[0-9a-f]{64} size=${txBytes} reason=${names[Number(reason)]}$`,
          ),
        );
      case "ChainNotifications.blockConnected":
        return `block connected: ${block} size=${dataBytes} ${role}`;
      case "ChainNotifications.blockDisconnected":
        return expect.stringMatching(new RegExp(`^block disconnected: ${block} size=\\d+$`));
      case "ChainNotifications.updatedBlockTip":
        return "block tip updated";
      case "ChainNotifications.chainStateFlushed":
        return `chain state flushed: ${role}`;
      default:
        return `utxo cache ${call!.split(".")[1]}: ${coin}`;
    }
  }

  const described = calls.filter(({ call }) => !call!.endsWith(".destroy"));

  test.each(described.map(byFile))("of %s describes its contents", async (_, recorded) => {
    const node: Subscriber = await subscribed("slow");
    await node.peer.ask(recorded.frame);
    expect(node.debugLines).toEqual([expectedLine(recorded) as string]);
    node.unsubscribe();
  });
});
