// The hot path on calls of a test interface: the calls that it takes, and its answers.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { utils } from "capnp-es";
import { Call_SendResultsTo_Which } from "capnp-es/capnp/rpc";
import { BOX_INTERFACE, Box, hosting } from "../../test/builders/box.ts";
import { expectEmptyTables, RawPeer } from "../../test/builders/connections.ts";
import { frameOf } from "../../test/builders/frames.ts";
import {
  bootstrapFrame,
  type CallFields,
  callFrame,
  contentOf,
  finishFrame,
  plainMessage,
  releaseFrame,
  resolveCapFrame,
  resolveExceptionFrame,
  rootOf,
} from "../../test/builders/rpc-messages.ts";
import { readUint32 } from "../wire/words.ts";
import { HotReader } from "./hot-reader.ts";

/** The methods of the test object. The hot path takes the first two; the second throws. */
const HOT = 0;
const HOT_THROWS = 1;
const SLOW = 2;

let peer: RawPeer;
/** The numbers in the calls that each path took. */
let hot: number[];
let slow: number[];

/** A peer that holds the test object. */
async function peerOfHotObject(): Promise<RawPeer> {
  const count = ({ number }: Box) => slow.push(number);
  const fail = () => Promise.reject(new Error("cannot count that"));
  const bootstrap = hosting(count, fail, count);
  const made = new RawPeer({ bootstrap });
  const reader = new HotReader(BOX_INTERFACE, (methodId, params) => {
    if (methodId > HOT_THROWS || params.dataBytes < 8) return false;
    hot.push(readUint32(params.bytes, params.data));
    if (methodId === HOT_THROWS) throw new Error("cannot count that");
    return true;
  });
  made.connection.exports.setHotReader(bootstrap, reader);
  await made.ask(bootstrapFrame(0));
  return made;
}

beforeEach(async () => {
  hot = [];
  slow = [];
  peer = await peerOfHotObject();
});
afterEach(async () => {
  peer.send(finishFrame(0, true));
  await expectEmptyTables();
});

/** A call with a number in its parameters. */
function call(fields: Partial<CallFields> = {}, number = 7): Uint8Array {
  return callFrame({
    questionId: 1,
    target: { importedCap: 0 },
    interfaceId: BOX_INTERFACE,
    methodId: HOT,
    fill: (payload) => {
      utils.initStructAt(0, Box, payload).number = number;
    },
    ...fields,
  });
}

const emptyReturn = { return: { answerId: 1, releaseParamCaps: true, noFinishNeeded: true, results: [] } };

describe("a call that the hot path takes", () => {
  test("is answered at once", () => {
    peer.send(call());
    expect(hot).toEqual([7]);
    expect(slow).toEqual([]);
    expect(peer.hotCalls).toBe(1);
    const [frame] = peer.takeFrames();
    expect(plainMessage(frame!)).toEqual(emptyReturn);
    const content = utils.getPointer(0, rootOf(frame!).return.results);
    expect(utils.isNull(content)).toBe(false);
    expect(`${utils.getTargetStructSize(content)}`).toBe("ObjectSize_dw:0,pc:0");
  });

  test.each([1, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff])("by question %p is answered by that id", (questionId) => {
    peer.send(call({ questionId }));
    expect(peer.take()).toEqual([{ return: expect.objectContaining({ answerId: questionId }) }]);
  });

  test("with capabilities: the answer releases them, and no table has them", () => {
    peer.send(call({ caps: [{ senderPromise: 3 }, { senderHosted: 4 }] }));
    expect(peer.take()).toEqual([emptyReturn]);
    expect(peer.connection.sizes.imports).toBe(0);
  });

  test("and whose reader throws goes to the slow path, which answers it", async () => {
    const [message] = await peer.ask(call({ methodId: HOT_THROWS }));
    expect(message).toMatchObject({ return: { answerId: 1, exception: { reason: "cannot count that" } } });
    expect(peer.hotCalls).toBe(0);
    peer.send(call());
    expect(peer.hotCalls).toBe(1);
  });

  test("is read at any offset of its chunk", () => {
    const odd = Buffer.concat([Buffer.alloc(3), call({}, 11), call({ questionId: 2 }, 12)]);
    peer.connection.receive(odd.subarray(3));
    expect(hot).toEqual([11, 12]);
  });
});

describe("after a call that the hot path took", () => {
  test("Finish, and Resolve to an exception, have no effect", async () => {
    const resolve = resolveExceptionFrame(3, 0, "no thread here");
    expect(await peer.ask(call({ caps: [{ senderPromise: 3 }] }), resolve, finishFrame(1, true))).toEqual([
      emptyReturn,
    ]);
    expect(peer.connection.ended).toBeUndefined();
  });

  test("Resolve to a capability releases that capability", async () => {
    peer.send(call({ caps: [{ senderPromise: 3 }] }));
    peer.take();
    expect(await peer.ask(resolveCapFrame(3, { senderHosted: 8 }))).toEqual([
      { release: { id: 8, referenceCount: 1 } },
    ]);
  });

  test("the id may be used again", () => {
    for (const number of [1, 2, 3]) peer.send(call({}, number), finishFrame(1, false));
    expect(hot).toEqual([1, 2, 3]);
    expect(peer.take()).toEqual([emptyReturn, emptyReturn, emptyReturn]);
  });
});

describe("the slow path takes", () => {
  test.each<[string, Partial<CallFields>]>([
    ["a method that the reader does not read", { methodId: SLOW }],
    ["parameters that are null", { fill: () => {} }],
    [
      "parameters without the field",
      {
        fill: (payload) => utils.setText(0, "older", contentOf(payload, 0, 1)),
      },
    ],
  ])("%s", async (_, fields) => {
    const before = peer.hotCalls;
    const messages = await peer.ask(call(fields));
    expect(messages).toEqual([{ return: expect.objectContaining({ answerId: 1 }) }]);
    expect(hot).toEqual([]);
    expect(peer.hotCalls).toBe(before);
  });

  test("another interface", async () => {
    const messages = await peer.ask(
      call({ interfaceId: BOX_INTERFACE ^ 1n }),
      call({ interfaceId: BOX_INTERFACE ^ (1n << 63n) }),
    );
    expect(messages).toHaveLength(2);
    expect(messages[0]).toMatchObject({ return: { exception: { type: 3 } } });
    expect(hot).toEqual([]);
  });

  test("an export that does not exist", async () => {
    const [message] = await peer.ask(call({ target: { importedCap: 5 } }));
    expect(message).toMatchObject({ return: { exception: { reason: "call on export 5: no such capability" } } });
    expect(hot).toEqual([]);
  });

  test("a promised answer as the target", async () => {
    await peer.ask(call({ target: { promisedAnswer: { question: 0, path: [] } } }, 5));
    expect(hot).toEqual([]);
    expect(slow).toEqual([5]);
  });

  const { YOURSELF, THIRD_PARTY } = Call_SendResultsTo_Which;
  test.each([YOURSELF, THIRD_PARTY])("results to be sent elsewhere, %p", async (sendResultsTo) => {
    const [message] = await peer.ask(call({ sendResultsTo }));
    expect(message).toEqual({ return: expect.not.objectContaining({ results: expect.anything() }) });
    expect(hot).toEqual([]);
    peer.send(finishFrame(1, true));
  });

  test("a call with flags", async () => {
    const frame = call();
    const root = rootOf(frame);
    root.call.noPromisePipelining = true;
    await peer.ask(new Uint8Array(root.segment.message.toArrayBuffer()));
    expect({ hot, slow }).toEqual({ hot: [], slow: [7] });
  });

  test("the id of a call that is not finished", async () => {
    peer.send(call({ questionId: 0 }));
    expect((await peer.ended).message).toBe("call reuses question 0 before it was finished");
    expect(hot).toEqual([]);
  });

  test("Finish of a call that it took", async () => {
    await peer.ask(call({ sendResultsTo: 1 }));
    expect(peer.connection.sizes.answers).toBe(2);
    await peer.ask(finishFrame(1, true));
    expect(peer.connection.sizes.answers).toBe(1);
  });

  test("Finish without a body, which refers to question 0", async () => {
    expect(peer.connection.sizes.answers).toBe(1);
    // The body pointer is null, and the word after it looks like another id.
    const words = [0x0001_0001_0000_0000n, 4n, 0n, 0x1111_1111_1111_1111n];
    await peer.ask(frameOf(new Uint8Array(new BigUint64Array(words).buffer)));
    expect(peer.connection.sizes.answers).toBe(0);
    peer.send(releaseFrame(0, 1));
  });

  test("Resolve to an exception of a promise in the imports", async () => {
    const promise = await peer.bootstrap({ senderPromise: 3 });
    peer.send(resolveExceptionFrame(3, 0, "broken promise"));
    expect(promise.broken?.message).toBe("broken promise");
    promise.close();
  });

  test("an object without a reader", async () => {
    const other = new RawPeer({ bootstrap: hosting(({ number }) => slow.push(number)) });
    await other.ask(bootstrapFrame(0), call({}, 9));
    expect({ hot, slow }).toEqual({ hot: [], slow: [9] });
    other.send(finishFrame(0, true));
  });
});

describe("the hot path takes calls with parts that it does not read and the slow path refuses", () => {
  // Its answer releases every capability of the parameters, and no table of ours refers to them. An Abort would do more harm:
  // a node crashes if the connection ends while a client is subscribed.
  const tables: [string, CallFields["caps"]][] = [
    ["an export that does not exist", [{ receiverHosted: 99 }]],
    ["an answer that does not exist", [{ receiverAnswer: { question: 99, path: [1] } }]],
    ["too many entries", new Array(17).fill("none")],
  ];

  test.each(tables)("a capability table with %s", (_, caps) => {
    peer.send(call({ caps: caps! }));
    expect(hot).toEqual([7]);
    expect(peer.take()).toEqual([emptyReturn]);
    expect(peer.connection.ended).toBeUndefined();
  });

  test.each(tables)("on the slow path, a capability table with %s", (_, caps) => {
    peer.send(call({ caps: caps!, methodId: SLOW }));
    expect(peer.connection.ended?.name).toBe("ProtocolError");
  });
});

test("nothing is read beyond the end of a frame", async () => {
  const whole = call();
  const words = whole.length / 8 - 1;
  for (let lacking = 1; lacking < words; lacking++) {
    const cut = whole.slice();
    new DataView(cut.buffer).setUint32(4, words - lacking, true);
    const other = await peerOfHotObject();
    other.connection.receive(cut);
    expect(other.hotCalls).toBe(0);
    other.connection.close();
  }
  expect(hot).toEqual([]);
});
