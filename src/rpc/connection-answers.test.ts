// Calls of a peer that sends what our own side never sends: each gets exactly one Return.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { utils } from "capnp-es";
import { Call_SendResultsTo_Which, type Payload } from "capnp-es/capnp/rpc";
import { BOX_INTERFACE, Box, FIRST, hosting, type Implementation, silent } from "../../test/builders/box.ts";
import { expectEmptyTables, RawPeer, turn } from "../../test/builders/connections.ts";
import {
  bootstrapFrame,
  type CallFields,
  callFrame,
  contentOf,
  finishFrame,
  messageFrame,
  type PlainMessage,
  plainMessage,
  releaseFrame,
  rootOf,
} from "../../test/builders/rpc-messages.ts";
import type { ImportedCapability } from "./capability.ts";

/** Our object is export 0, from the bootstrap question 90 of the peer. */
const OBJECT = { importedCap: 0 };
const BOOTSTRAP_QUESTION = 90;

let release: (() => void) | undefined;
beforeEach(() => {
  release = undefined;
});
afterEach(async () => {
  release?.();
  await expectEmptyTables();
});

/** A peer that holds an object of ours with these methods. It releases the object at the end of the test. */
async function peerOf(...implementations: Implementation[]): Promise<RawPeer> {
  const peer = new RawPeer({ bootstrap: hosting(...implementations) });
  await peer.ask(bootstrapFrame(BOOTSTRAP_QUESTION));
  release = () => peer.send(finishFrame(BOOTSTRAP_QUESTION, true));
  return peer;
}

function call(fields: Partial<CallFields> & { questionId: number }): Uint8Array {
  return callFrame({ target: OBJECT, interfaceId: BOX_INTERFACE, methodId: 0, ...fields });
}

/** A Return without capabilities, as our side sends it. */
function returned(answerId: number, outcome: PlainMessage = { results: [] }): PlainMessage {
  return { return: { answerId, releaseParamCaps: true, noFinishNeeded: true, ...outcome } };
}

function failed(answerId: number, reason: unknown, type = 0): PlainMessage {
  return returned(answerId, { exception: { type, reason } });
}

/** The text in the results of a Return. */
function textOf(frame: Uint8Array): string {
  return utils.getStruct(0, Box, rootOf(frame).return.results).text;
}

describe("a bootstrap", () => {
  test("returns the object, and Finish with releaseResultCaps releases it", async () => {
    const peer = new RawPeer({ bootstrap: silent() });
    expect(await peer.ask(bootstrapFrame(4))).toEqual([
      { return: { answerId: 4, releaseParamCaps: true, noFinishNeeded: false, results: [{ senderHosted: 0 }] } },
    ]);
    expect(peer.connection.sizes).toMatchObject({ answers: 1, exports: 1 });
    peer.send(finishFrame(4, true));
  });

  test("whose Finish keeps the object: Release releases it", async () => {
    const peer = new RawPeer({ bootstrap: silent() });
    await peer.ask(bootstrapFrame(4));
    peer.send(finishFrame(4, false));
    expect(peer.connection.sizes).toMatchObject({ answers: 0, exports: 1 });
    peer.send(releaseFrame(0, 1));
  });

  test("without a bootstrap capability", async () => {
    const peer = new RawPeer();
    expect(await peer.ask(bootstrapFrame(4))).toEqual([failed(4, "no bootstrap capability is offered here", 3)]);
  });
});

describe("a call", () => {
  test("needs no Finish if its results hold no capability", async () => {
    const peer = await peerOf(() => {});
    expect(await peer.ask(call({ questionId: 1 }))).toEqual([returned(1)]);
    expect(peer.connection.sizes.answers).toBe(1); // the bootstrap's
    expect(await peer.ask(finishFrame(1, true))).toEqual([]);
  });

  test("with capabilities in its results remains until its Finish", async () => {
    const peer = await peerOf((_, results) => Object.assign(results, { first: silent(), second: silent() }));
    expect(await peer.ask(call({ questionId: 1 }))).toEqual([
      {
        return: {
          answerId: 1,
          releaseParamCaps: true,
          noFinishNeeded: false,
          results: [{ senderHosted: 1 }, { senderHosted: 2 }],
        },
      },
    ]);
    expect(peer.connection.sizes).toMatchObject({ answers: 2, exports: 3 });
    peer.send(finishFrame(1, true));
    expect(peer.connection.sizes).toMatchObject({ answers: 1, exports: 1 });
  });

  test("that was finished before it was answered still gets a Return", async () => {
    const gate = Promise.withResolvers<void>();
    const peer = await peerOf(async (_, results) => {
      await gate.promise;
      results.first = silent();
    });
    expect(await peer.ask(call({ questionId: 1 }), finishFrame(1, true))).toEqual([]);
    expect(peer.connection.sizes.answers).toBe(2);
    gate.resolve();
    await turn();
    expect(peer.take()).toEqual([{ return: expect.objectContaining({ answerId: 1, results: [{ senderHosted: 1 }] }) }]);
    expect(peer.connection.sizes).toMatchObject({ answers: 1, exports: 1 });
  });

  test("may reuse the id of a finished call", async () => {
    const peer = await peerOf((_, results) => Object.assign(results, { first: silent() }));
    for (let round = 0; round < 3; round++) {
      expect(await peer.ask(call({ questionId: 1 }))).toHaveLength(1);
      peer.send(finishFrame(1, true));
    }
    expect(peer.connection.sizes.exports).toBe(1);
  });

  test("with the largest id", async () => {
    const peer = await peerOf(() => {});
    expect(await peer.ask(call({ questionId: 0xffffffff }))).toEqual([returned(0xffffffff)]);
  });

  test.each([
    [1, "call on export 1: no such capability"],
    [0xffffffff, "call on export 4294967295: no such capability"],
  ])("on export %p, which does not exist", async (importedCap, reason) => {
    const peer = await peerOf(() => {});
    expect(await peer.ask(call({ questionId: 1, target: { importedCap } }))).toEqual([failed(1, reason)]);
    expect(peer.connection.ended).toBeUndefined();
  });

  test("of an interface or a method that the object does not have", async () => {
    const peer = await peerOf(() => {});
    expect(await peer.ask(call({ questionId: 1, interfaceId: 0xffff_ffff_ffff_ffffn }))).toEqual([
      failed(1, "interface not implemented: interface 0xffffffffffffffff method 0", 3),
    ]);
    expect(await peer.ask(call({ questionId: 1, methodId: 65535 }))).toEqual([
      failed(1, expect.stringContaining("method not implemented"), 3),
    ]);
  });
});

describe("parameters", () => {
  const echo: Implementation = ({ number, text }, results) => Object.assign(results, { number, text });

  async function answerTo(fill: (payload: Payload) => void): Promise<[PlainMessage[], () => string]> {
    const peer = await peerOf(echo);
    peer.send(call({ questionId: 1, fill }));
    await turn();
    const frames = peer.takeFrames();
    return [frames.map(plainMessage), () => textOf(frames[0]!)];
  }

  test("that are null have default values", async () => {
    const [messages, text] = await answerTo(() => {});
    expect(messages).toEqual([returned(1)]);
    expect(text()).toBe("");
  });

  test.each([
    ["fewer", 0, 1],
    ["more", 5, 12],
  ])("with %s fields than this schema has", async (_, dataWords, pointerCount) => {
    const [messages, text] = await answerTo((payload) => {
      utils.setText(0, "known", contentOf(payload, dataWords, pointerCount));
    });
    expect(messages).toEqual([returned(1)]);
    expect(text()).toBe("known");
  });

  /** Overwrites the pointer to the content. */
  const contentPointer = (low: number, high: number) => (payload: Payload) => {
    const { segment, byteOffset } = utils.getPointer(0, payload);
    segment.setUint32(byteOffset, low);
    segment.setUint32(byteOffset + 4, high);
  };

  test.each<[string, (payload: Payload) => void]>([
    ["a list", (payload) => utils.setText(0, "no struct", payload)],
    ["a capability", (payload) => utils.setInterfacePointer(0, utils.getPointer(0, payload))],
    ["a struct beyond the segment", contentPointer(0x7fff_fffc, 0x0001_0001)],
    ["a struct before the segment", contentPointer(-0x8000_0000, 0x0001_0001)],
    ["in a segment that does not exist", contentPointer(2, 7)],
    ["behind a far pointer to nowhere", contentPointer(0x7fff_fffa, 0)],
    ["behind a far pointer to itself", contentPointer(6, 0)],
  ])("that are %s fail this call only", async (_, fill) => {
    const [messages] = await answerTo(fill);
    expect(messages).toEqual([failed(1, expect.any(String))]);
  });

  test("with a struct instead of a text fail this call only", async () => {
    const [messages] = await answerTo((payload) => {
      utils.initStructAt(0, Box, contentOf(payload, 1, 3));
    });
    expect(messages).toEqual([failed(1, expect.any(String))]);
  });
});

describe("a call on a promised answer", () => {
  const promised = (question: number, ...path: number[]) => ({ promisedAnswer: { question, path } });
  const returnsTarget: Implementation = (_, results) => Object.assign(results, { first: hosting(named("the target")) });
  const named =
    (text: string): Implementation =>
    (_, results) =>
      Object.assign(results, { text });

  test("that has returned", async () => {
    const peer = await peerOf(returnsTarget);
    await peer.ask(call({ questionId: 1 }));
    peer.send(call({ questionId: 2, target: promised(1, FIRST) }));
    await turn();
    expect(peer.takeFrames().map(textOf)).toEqual(["the target"]);
    peer.send(finishFrame(1, true));
  });

  test("of the bootstrap, whose content is the capability itself", async () => {
    const peer = await peerOf(named("the bootstrap"));
    peer.send(call({ questionId: 2, target: promised(BOOTSTRAP_QUESTION) }));
    await turn();
    expect(peer.takeFrames().map(textOf)).toEqual(["the bootstrap"]);
  });

  test("that is pending waits for it", async () => {
    const gate = Promise.withResolvers<void>();
    const peer = await peerOf(async (params, results) => {
      await gate.promise;
      returnsTarget(params, results);
    });
    expect(await peer.ask(call({ questionId: 1 }), call({ questionId: 2, target: promised(1, FIRST) }))).toEqual([]);
    gate.resolve();
    await turn();
    const [, second] = peer.takeFrames();
    expect(textOf(second!)).toBe("the target");
    peer.send(finishFrame(1, true));
  });

  test("that is pending, and finished before it returned", async () => {
    const peer = await peerOf(returnsTarget);
    peer.send(call({ questionId: 1 }), call({ questionId: 2, target: promised(1, FIRST) }), finishFrame(1, true));
    await turn();
    const [, second] = peer.takeFrames();
    expect(textOf(second!)).toBe("the target");
    expect(peer.connection.sizes.exports).toBe(1);
  });

  test("of a promised answer", async () => {
    const peer = await peerOf((_, results) => Object.assign(results, { first: hosting(returnsTarget) }));
    peer.send(
      call({ questionId: 1 }),
      call({ questionId: 2, target: promised(1, FIRST) }),
      call({ questionId: 3, target: promised(2, FIRST) }),
    );
    await turn();
    expect(textOf(peer.takeFrames()[2]!)).toBe("the target");
    peer.send(finishFrame(1, true), finishFrame(2, true));
  });

  test("that ended with an exception gets the same one", async () => {
    const peer = await peerOf(() => Promise.reject(new Error("no target")));
    const messages = await peer.ask(call({ questionId: 1 }), call({ questionId: 2, target: promised(1, FIRST) }));
    expect(messages).toEqual([failed(1, "no target"), failed(2, "no target")]);
  });

  test.each<[string, { promisedAnswer: { question: number; path: number[] } }, string]>([
    ["that does not exist", promised(77, FIRST), "a promised answer that does not exist"],
    ["without such a field", promised(1, 9), "a promised answer that is not hosted here"],
    ["with another type in the field", promised(1, 0), "a promised answer that is not hosted here"],
    ["by a path through a capability", promised(1, FIRST, 0, 0), "a promised answer that is not hosted here"],
  ])("%s", async (_, target, name) => {
    const peer = await peerOf((__, results) => Object.assign(results, { text: "no capability" }));
    await peer.ask(
      call({
        questionId: 1,
        sendResultsTo: Call_SendResultsTo_Which.YOURSELF,
      }),
    );
    expect(await peer.ask(call({ questionId: 2, target }))).toEqual([failed(2, `call on ${name}: no such capability`)]);
    peer.send(finishFrame(1, true));
  });

  test("by a path with steps that do nothing", async () => {
    const peer = await peerOf(returnsTarget);
    await peer.ask(call({ questionId: 1 }));
    const frame = messageFrame((root) => {
      const body = root._initCall();
      Object.assign(body, { questionId: 2, interfaceId: BOX_INTERFACE, methodId: 0 });
      const answer = body._initTarget()._initPromisedAnswer();
      answer.questionId = 1;
      const transform = answer._initTransform(3);
      transform.get(1).getPointerField = FIRST;
      body._initParams();
    });
    peer.send(frame);
    await turn();
    expect(peer.takeFrames().map(textOf)).toEqual(["the target"]);
    peer.send(finishFrame(1, true));
  });
});

describe("results", () => {
  test("sent to yourself are kept until Finish", async () => {
    const peer = await peerOf((_, results) => Object.assign(results, { first: silent() }));
    const frame = call({
      questionId: 1,
      sendResultsTo: Call_SendResultsTo_Which.YOURSELF,
      caps: [{ senderHosted: 3 }],
    });
    expect(await peer.ask(frame)).toEqual([
      { return: { answerId: 1, releaseParamCaps: true, noFinishNeeded: false, resultsSentElsewhere: true } },
    ]);
    expect(peer.connection.sizes).toEqual({ questions: 0, answers: 2, imports: 0, exports: 1 });
    peer.send(finishFrame(1, false));
    expect(peer.connection.sizes.answers).toBe(1);
  });

  test("sent to yourself, of a call that is already finished", async () => {
    const gate = Promise.withResolvers<void>();
    const peer = await peerOf(() => gate.promise);
    const frame = call({ questionId: 1, sendResultsTo: Call_SendResultsTo_Which.YOURSELF });
    expect(await peer.ask(frame, finishFrame(1, true))).toEqual([]);
    gate.resolve();
    await turn();
    expect(peer.take()).toEqual([{ return: expect.objectContaining({ resultsSentElsewhere: true }) }]);
    expect(peer.connection.sizes.answers).toBe(1);
  });

  test("sent to a third party", async () => {
    let calls = 0;
    const peer = await peerOf(() => calls++);
    const frame = call({
      questionId: 1,
      sendResultsTo: Call_SendResultsTo_Which.THIRD_PARTY,
      caps: [{ senderHosted: 3 }],
    });
    expect(await peer.ask(frame)).toEqual([failed(1, "results for a third party are not supported", 3)]);
    expect(calls).toBe(0);
    expect(peer.connection.sizes.imports).toBe(0);
  });
});

describe("capabilities of the parameters", () => {
  test("of every kind become clients", async () => {
    const own = hosting();
    let seen: unknown[] = [];
    const peer = await peerOf(
      (_, results) => Object.assign(results, { first: own }),
      (params) => {
        seen = params.segment.message._capnp.capTable ?? [];
      },
    );
    await peer.ask(call({ questionId: 1 }));
    const frame = call({
      questionId: 2,
      methodId: 1,
      caps: [
        "none",
        { senderHosted: 11 },
        { senderPromise: 12 },
        { receiverHosted: 1 },
        { receiverAnswer: { question: 1, path: [FIRST] } },
        { thirdPartyHosted: 13 },
      ],
    });
    expect(await peer.ask(frame)).toEqual([returned(2)]);
    expect(seen).toEqual([
      null,
      expect.objectContaining({ importId: 11 }),
      expect.objectContaining({ importId: 12 }),
      own,
      own,
      // Without level 3, the vine stands in for the object of a third party.
      expect.objectContaining({ importId: 13 }),
    ]);
    expect(peer.connection.sizes.imports).toBe(0);
    peer.send(finishFrame(1, true));
  });

  test("that the method retains: the others are released one by one", async () => {
    const kept: ImportedCapability[] = [];
    const peer = await peerOf((params: Box) => {
      const [, second] = params.segment.message._capnp.capTable!;
      kept.push((second as ImportedCapability).retain());
    });
    const frame = call({ questionId: 1, caps: [{ senderHosted: 11 }, { senderHosted: 12 }, { senderHosted: 13 }] });
    expect(await peer.ask(frame)).toEqual([
      { release: { id: 11, referenceCount: 1 } },
      { release: { id: 13, referenceCount: 1 } },
      { return: { answerId: 1, releaseParamCaps: false, noFinishNeeded: true, results: [] } },
    ]);
    expect(peer.connection.sizes.imports).toBe(1);
    kept[0]!.close();
    expect(peer.take()).toEqual([{ release: { id: 12, referenceCount: 1 } }]);
  });

  test("that the method closes are released once", async () => {
    const peer = await peerOf((params: Box) => params.segment.message._capnp.capTable![0]!.close());
    const frame = call({ questionId: 1, caps: [{ senderHosted: 11 }, { senderHosted: 12 }] });
    expect(await peer.ask(frame)).toEqual([
      { release: { id: 11, referenceCount: 1 } },
      { release: { id: 12, referenceCount: 1 } },
      { return: { answerId: 1, releaseParamCaps: false, noFinishNeeded: true, results: [] } },
    ]);
  });

  test("are released with an exception too", async () => {
    const peer = await peerOf(() => Promise.reject(new Error("no")));
    const frame = call({ questionId: 1, caps: [{ senderHosted: 11 }, { senderPromise: 12 }] });
    expect(await peer.ask(frame)).toEqual([failed(1, "no")]);
  });

  test("as many as one message may hold", async () => {
    const peer = await peerOf(() => {});
    const caps = Array.from({ length: 16 }, (_, index) => ({ senderHosted: index }));
    expect(await peer.ask(call({ questionId: 1, caps }))).toEqual([returned(1)]);
    expect(peer.connection.sizes.imports).toBe(0);
  });
});
