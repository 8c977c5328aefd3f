// Peers that break the protocol, or use parts of it that we do not implement.

import { afterEach, describe, expect, test } from "bun:test";
import { utils } from "capnp-es";
import { Message_Which, type Payload, type Message as RpcMessage } from "capnp-es/capnp/rpc";
import { BOX_INTERFACE, Box, hosting, METHOD, silent } from "../../test/builders/box.ts";
import { expectEmptyTables, RawPeer, turn } from "../../test/builders/connections.ts";
import { frameOf, segmentTable } from "../../test/builders/frames.ts";
import {
  abortFrame,
  bootstrapFrame,
  callFrame,
  type Descriptor,
  finishFrame,
  messageFrame,
  releaseFrame,
  resolveCapFrame,
  returnCapsFrame,
  returnFrame,
  rootOf,
  unimplementedFrame,
} from "../../test/builders/rpc-messages.ts";
import { MAX_ANSWER_BYTES, MAX_ANSWERS } from "./answers.ts";
import type { ImportedCapability } from "./capability.ts";

afterEach(expectEmptyTables);

/** A peer that holds our object, export 0, and hosts our import 0. */
async function peer(): Promise<{ peer: RawPeer; object: ImportedCapability }> {
  const peer = new RawPeer({ bootstrap: hosting(() => new Promise(() => {})) });
  const object = await peer.bootstrap({ senderHosted: 0 }, bootstrapFrame(0));
  return { peer, object };
}

const call = { target: { importedCap: 0 }, interfaceId: BOX_INTERFACE, methodId: 0 };

/** A message of an unknown kind. */
function unknownKind(kind: number): Uint8Array {
  return messageFrame((root) => utils.setUint16(0, kind, root));
}

describe("a violation ends the connection: abort with the reason, every question rejected", () => {
  const violations: [string, Uint8Array[], string][] = [
    ["a return without a question", [returnFrame(5, (body) => body._initResults())], "return for unknown question 5"],
    [
      "a second return",
      [0, 0].map((id) => returnFrame(id, (body) => body._initResults())),
      "return for unknown question 0",
    ],
    [
      "a call with an id in use",
      [callFrame({ questionId: 3, ...call }), callFrame({ questionId: 3, ...call })],
      "call reuses question 3 before it was finished",
    ],
    ["a bootstrap with an id in use", [bootstrapFrame(0)], "call reuses question 0 before it was finished"],
    [
      "a release of more references than the peer holds",
      [releaseFrame(0, 2)],
      "release of 2 references to export 0, which it does not hold",
    ],
    [
      "a release of an export that does not exist",
      [releaseFrame(7, 1)],
      "release of 1 references to export 7, which it does not hold",
    ],
    [
      "a second release",
      [releaseFrame(0, 1), releaseFrame(0, 1)],
      "release of 1 references to export 0, which it does not hold",
    ],
    [
      "a descriptor of an export that does not exist",
      [callFrame({ questionId: 1, ...call, caps: [{ receiverHosted: 8 }] })],
      "capability descriptor names unknown export 8",
    ],
    [
      "a descriptor in a return, of an export that does not exist",
      [returnCapsFrame(0, { receiverHosted: 8 })],
      "capability descriptor names unknown export 8",
    ],
    [
      "a descriptor in a resolve, of an answer that does not exist",
      [resolveCapFrame(0, { receiverAnswer: { question: 8, path: [] } })],
      "promised answer 8 has no results",
    ],
    [
      "a descriptor of unknown kind",
      [
        messageFrame((root) => {
          const body = root._initCall();
          body.questionId = 2;
          utils.setUint16(0, 77, body._initParams()._initCapTable(1).get(0));
        }),
      ],
      "capability descriptor of unknown kind 77",
    ],
    [
      "a capability table with too many entries",
      [callFrame({ questionId: 1, ...call, caps: new Array<Descriptor>(17).fill("none") })],
      "capability table of 17 entries is over the limit of 16 entries",
    ],
    [
      "a path with too many steps",
      [
        bootstrapFrame(1),
        callFrame({ questionId: 2, ...call, target: { promisedAnswer: { question: 1, path: new Array(65).fill(0) } } }),
      ],
      "transform of a promised answer of 65 entries is over the limit of 64 entries",
    ],
    [
      "an unimplemented call that was never sent",
      [unimplementedFrame(callFrame({ questionId: 8, ...call }))],
      "unimplemented for unknown question 8",
    ],
    [
      "a frame over a limit",
      [segmentTable(new Array(513).fill(1))],
      "frame of 513 segments is over the limit of 512 segments",
    ],
  ];

  test.each(violations)("%s", async (_, frames, reason) => {
    const { peer: hostile, object } = await peer();
    const question = object.ask(METHOD, (params) => Object.assign(params, { first: silent() }));
    const other = object.ask(METHOD);
    hostile.take();

    hostile.send(...frames);
    expect(await hostile.ended).toMatchObject({ name: "ProtocolError", message: reason });
    expect(hostile.take().at(-1)).toEqual({ abort: { type: 0, reason } });
    expect(hostile.isClosed).toBe(true);
    const rejection = { kind: "disconnected", message: `Boxes.method0: ${reason}` };
    await expect(other.results).rejects.toMatchObject(rejection);
    if (!reason.startsWith("return for unknown question 0")) {
      await expect(question.results).rejects.toMatchObject(rejection);
    }
    await question.returned;
  });

  test("more unfinished calls than the limit", async () => {
    const hostile = new RawPeer({ bootstrap: silent() });
    await hostile.ask(bootstrapFrame(0));
    const kept = (questionId: number) => callFrame({ questionId, ...call, sendResultsTo: 1 });
    for (let questionId = 1; questionId < MAX_ANSWERS; questionId++) hostile.send(kept(questionId));
    await turn();
    expect(hostile.connection.ended).toBeUndefined();
    expect(hostile.take()).toHaveLength(MAX_ANSWERS - 1);
    hostile.send(kept(MAX_ANSWERS));
    const reason = `${MAX_ANSWERS + 1} unfinished calls are over the limit of ${MAX_ANSWERS} calls`;
    expect(await hostile.ended).toMatchObject({ name: "ProtocolError", message: reason });
    expect(hostile.take()).toEqual([{ abort: { type: 0, reason } }]);
  });

  test("more bytes of unfinished calls than the limit; those of finished calls do not count", async () => {
    let gate = Promise.withResolvers<void>();
    const hostile = new RawPeer({ bootstrap: hosting(() => gate.promise) });
    await hostile.ask(bootstrapFrame(0));
    const textBytes = MAX_ANSWER_BYTES / 16;
    const fill = (payload: Payload) => {
      utils.initStructAt(0, Box, payload).text = "x".repeat(textBytes);
    };
    const sendCalls = () => {
      for (let questionId = 1; questionId <= 16; questionId++) {
        hostile.send(callFrame({ questionId, ...call, fill }));
      }
    };
    sendCalls();
    gate.resolve();
    await turn();
    expect(hostile.take()).toHaveLength(16);
    gate = Promise.withResolvers();
    sendCalls();
    expect(hostile.connection.ended).toBeUndefined();
    hostile.send(callFrame({ questionId: 17, ...call }));
    const reason = expect.stringMatching(
      new RegExp(`^\\d+ bytes of unfinished calls are over the limit of ${MAX_ANSWER_BYTES} bytes$`),
    );
    expect(await hostile.ended).toMatchObject({ name: "ProtocolError", message: reason });
    expect(hostile.take()).toEqual([{ abort: { type: 0, reason } }]);
  });

  test("and what follows it is not read", async () => {
    let calls = 0;
    const hostile = new RawPeer({ bootstrap: hosting(() => calls++) });
    await hostile.ask(bootstrapFrame(0));
    hostile.send(releaseFrame(9, 1), callFrame({ questionId: 1, ...call }));
    hostile.send(callFrame({ questionId: 2, ...call }));
    expect((await hostile.ended).message).toContain("export 9");
    expect(calls).toBe(0);
    expect(hostile.take()).toEqual([{ abort: expect.anything() }]);
  });
});

describe("a malformed message ends the connection", () => {
  /** A copy of `frame` with one word of its first segment replaced. */
  function withWord(frame: Uint8Array, word: number, value: bigint): Uint8Array {
    const changed = frame.slice();
    new DataView(changed.buffer).setBigUint64(8 + word * 8, value, true);
    return changed;
  }
  const LIST = 0x0000_0001_0000_0001n;
  const FAR_AWAY = 0x0001_0001_3fff_fffcn;
  const finish = finishFrame(0, true);
  const returned = returnFrame(0, (body) => body._initResults());

  test.each<[string, Uint8Array]>([
    ["a root that is a list", withWord(finish, 0, LIST)],
    ["a root beyond the segment", withWord(finish, 0, FAR_AWAY)],
    ["a root in a segment that does not exist", withWord(finish, 0, 0x0000_0009_0000_0002n)],
    ["a body that is a list", withWord(finish, 2, LIST)],
    ["a body beyond the segment", withWord(finish, 2, FAR_AWAY)],
    ["a return whose results are a list", withWord(returned, 5, LIST)],
    ["a return whose results are beyond the segment", withWord(returned, 5, FAR_AWAY)],
    [
      "a call with a target of unknown kind",
      messageFrame((root) => {
        const body = root._initCall();
        body.questionId = 1;
        utils.setUint16(4, 9, body._initTarget());
      }),
    ],
  ])("%s", async (_, frame) => {
    const { peer: hostile, object } = await peer();
    const question = object.ask(METHOD);
    hostile.take();
    hostile.send(frame);
    expect((await hostile.ended).message).toStartWith("malformed message: ");
    expect(hostile.take()).toEqual([{ abort: { type: 0, reason: expect.stringMatching(/^malformed message: ./) } }]);
    await expect(question.results).rejects.toMatchObject({ kind: "disconnected" });
  });

  test.each<[string, (root: RpcMessage) => void]>([
    [
      "a capability table",
      (root) => {
        const body = root._initCall();
        Object.assign(body, { questionId: 1, interfaceId: BOX_INTERFACE });
        body._initTarget();
        writeHugeList(utils.getPointer(1, body._initParams()));
      },
    ],
    [
      "a path",
      (root) => {
        const body = root._initCall();
        Object.assign(body, { questionId: 1, interfaceId: BOX_INTERFACE });
        writeHugeList(utils.getPointer(0, body._initTarget()._initPromisedAnswer()));
        body._initParams();
      },
    ],
  ])("%s that claims 2^29 elements of no size", async (_, fill) => {
    const { peer: hostile } = await peer();
    hostile.send(messageFrame(fill));
    expect((await hostile.ended).message).toMatch(/of \d{9} entries is over the limit/);
  });

  /** A list of as many empty structs as a list can have. */
  function writeHugeList(pointer: ReturnType<typeof utils.getPointer>): void {
    const tag = pointer.segment.allocate(8);
    tag.segment.setUint32(tag.byteOffset, (2 ** 29 - 1) * 4);
    const words = (tag.byteOffset - pointer.byteOffset) / 8 - 1;
    pointer.segment.setUint32(pointer.byteOffset, words * 4 + 1);
    pointer.segment.setUint32(pointer.byteOffset + 4, 7);
  }

  test("a message of an unknown kind whose pointers form a tree of 2^40 structs is answered", async () => {
    // Each of these structs has two pointers to the next.
    const words: bigint[] = [0x0001_0001_0000_0000n, 10n, 0x0002_0000_0000_0000n];
    for (let level = 0; level < 40; level++) words.push(0x0002_0000_0000_0004n, 0x0002_0000_0000_0000n);
    words.push(0n, 0n);
    const { peer: hostile, object } = await peer();
    hostile.send(frameOf(new Uint8Array(new BigUint64Array(words).buffer)));
    expect(hostile.take()).toEqual([{ unimplemented: { kind: 10 } }]);
    expect(hostile.connection.ended).toBeUndefined();
    object.close();
    hostile.send(finishFrame(0, true));
  });
});

describe("what is ignored", () => {
  test.each<[string, Uint8Array]>([
    ["a finish without a call", finishFrame(8, true)],
    ["an unimplemented finish", unimplementedFrame(finishFrame(8, true))],
    ["an unimplemented release", unimplementedFrame(releaseFrame(8, 1))],
    ["an unimplemented return", unimplementedFrame(returnFrame(8, (body) => body._initResults()))],
    ["an unimplemented message of an unknown kind", unimplementedFrame(unknownKind(99))],
    ["an empty message, which reads as an unimplemented one", frameOf(new Uint8Array(8))],
  ])("%s", async (_, frame) => {
    const { peer: other, object } = await peer();
    expect(await other.ask(frame)).toEqual([]);
    expect(other.connection.ended).toBeUndefined();
    object.close();
    other.send(finishFrame(0, true));
  });
});

describe("if the peer does not implement", () => {
  test("a call of ours, it rejects, and its exports are released", async () => {
    const { peer: simple, object } = await peer();
    const question = object.ask(METHOD, (params) => Object.assign(params, { first: silent(), second: silent() }));
    const [sent] = simple.takeFrames();
    simple.send(unimplementedFrame(sent!));
    await expect(question.results).rejects.toMatchObject({
      kind: "unimplemented",
      message: "Boxes.method0: the peer does not know this kind of message",
    });
    await question.returned;
    expect(simple.connection.sizes).toMatchObject({ questions: 0, exports: 1 });
    object.close();
    simple.send(finishFrame(0, true));
  });

  test("a bootstrap of ours, it rejects", async () => {
    const simple = new RawPeer();
    const bootstrap = simple.connection.bootstrap();
    simple.send(unimplementedFrame(bootstrapFrame(0)));
    await expect(bootstrap).rejects.toMatchObject({ kind: "unimplemented" });
  });
});

describe("a message that we do not implement is returned", () => {
  type Question = (root: RpcMessage) => { questionId: number };
  test.each<[string, Message_Which, write: Question, read: Question]>([
    ["provide", Message_Which.PROVIDE, (root) => root._initProvide(), (root) => root.provide],
    ["accept", Message_Which.ACCEPT, (root) => root._initAccept(), (root) => root.accept],
    ["join", Message_Which.JOIN, (root) => root._initJoin(), (root) => root.join],
  ])("%s, with its question", async (_, kind, write, read) => {
    const { peer: advanced, object } = await peer();
    advanced.send(
      messageFrame((root) => {
        write(root).questionId = 4321;
      }),
    );
    const [frame] = advanced.takeFrames();
    const { unimplemented } = rootOf(frame!);
    expect(unimplemented.which()).toBe(kind);
    expect(read(unimplemented).questionId).toBe(4321);
    object.close();
    advanced.send(finishFrame(0, true));
  });

  test.each([7, 9, 14, 65535])("a message of kind %p", async (kind) => {
    const { peer: advanced, object } = await peer();
    expect(await advanced.ask(unknownKind(kind))).toEqual([{ unimplemented: { kind } }]);
    object.close();
    advanced.send(finishFrame(0, true));
  });
});

describe("an abort from the peer", () => {
  test.each([
    [0, "failed"],
    [1, "overloaded"],
    [2, "disconnected"],
    [3, "unimplemented"],
  ] as const)("of type %p ends the connection with its reason and no abort of ours", async (type, kind) => {
    const { peer: leaving, object } = await peer();
    const question = object.ask(METHOD);
    leaving.take();
    leaving.send(abortFrame(type, "enough"));
    const message = "the peer aborted the connection: enough";
    expect(await leaving.ended).toMatchObject({ name: "RpcError", kind, message });
    await expect(question.results).rejects.toMatchObject({
      kind: "disconnected",
      message: `Boxes.method0: ${message}`,
    });
    expect(leaving.take()).toEqual([]);
    expect(leaving.isClosed).toBe(true);
  });

  test("is the last message that is read, even in the middle of a chunk", async () => {
    let calls = 0;
    const leaving = new RawPeer({ bootstrap: hosting(() => calls++) });
    await leaving.ask(bootstrapFrame(0));
    await leaving.ask(abortFrame(0, "enough"), callFrame({ questionId: 1, ...call }));
    expect(calls).toBe(0);
    expect(leaving.take()).toEqual([]);
  });
});
