// Returns of every kind, also those that our own side never sends.

import { afterEach, describe, expect, test } from "bun:test";
import { utils } from "capnp-es";
import { Return_Which } from "capnp-es/capnp/rpc";
import { BOX_INTERFACE, Box, hosting, METHOD, silent } from "../../test/builders/box.ts";
import { expectEmptyTables, RawPeer, turn } from "../../test/builders/connections.ts";
import {
  bootstrapFrame,
  callFrame,
  contentOf,
  finishFrame,
  releaseFrame,
  returnCapsFrame,
  returnExceptionFrame,
  returnFrame,
} from "../../test/builders/rpc-messages.ts";
import { type ImportedCapability, importOf } from "./capability.ts";
import { DeadlineError, type RpcErrorKind } from "./errors.ts";
import type { Question } from "./question.ts";
import { MAX_RETURN_BYTES } from "./questions.ts";

afterEach(expectEmptyTables);

/** A peer with an open question, METHOD on its import 0; the messages so far are taken. */
async function askedPeer(
  options: ConstructorParameters<typeof RawPeer>[0] = {},
): Promise<{ peer: RawPeer; object: ImportedCapability; question: Question<Box> }> {
  const peer = new RawPeer(options);
  const object = await peer.bootstrap();
  const question = object.ask(METHOD);
  peer.take();
  return { peer, object, question };
}

const finish = { finish: { questionId: 0, releaseResultCaps: false } };

describe("results", () => {
  test("reach the caller, and get a Finish", async () => {
    const { peer, question } = await askedPeer();
    const frame = returnFrame(question.id, (body) => {
      utils.setUint32(0, 42, contentOf(body._initResults(), 1, 3));
    });
    peer.send(frame);
    expect((await question.results).number).toBe(42);
    await question.returned;
    expect(peer.take()).toEqual([finish]);
  });

  test("beyond the limit are dropped as they arrive, and the question rejects with that", async () => {
    const { peer, object, question } = await askedPeer();
    const text = "0123456789abcdef".repeat(MAX_RETURN_BYTES / 16);
    const frame = returnFrame(question.id, (body) => {
      utils.setText(0, text, contentOf(body._initResults(), 1, 3));
    });
    for (let at = 0; at < frame.length; at += 1024 * 1024) {
      peer.send(frame.subarray(at, at + 1024 * 1024));
      expect(peer.connection.isDropping).toBe(at + 1024 * 1024 < frame.length);
    }
    await expect(question.results).rejects.toMatchObject({
      kind: "failed",
      message: expect.stringMatching(/results of 33\.0 MiB are over the limit of 33\.0 MiB$/),
    });
    await question.returned;
    expect(peer.take()).toEqual([{ finish: { questionId: question.id, releaseResultCaps: true } }]);
    // The connection goes on.
    const next = object.ask(METHOD);
    peer.take();
    peer.send(returnFrame(next.id, (body) => body._initResults()));
    expect((await next.results).number).toBe(0);
  });

  test("of many MB that are within the limit reach the caller", async () => {
    const { peer, question } = await askedPeer();
    const text = "0123456789abcdef".repeat(500_000);
    const frame = returnFrame(question.id, (body) => {
      utils.setText(0, text, contentOf(body._initResults(), 1, 3));
    });
    for (let at = 0; at < frame.length; at += 1024 * 1024) peer.send(frame.subarray(at, at + 1024 * 1024));
    expect((await question.results).text === text).toBe(true);
    expect(peer.take()).toEqual([finish]);
  });

  test("that need no Finish get none", async () => {
    const { peer, question } = await askedPeer();
    const frame = returnFrame(question.id, (body) => {
      body._initResults();
      body.noFinishNeeded = true;
    });
    peer.send(frame);
    await question.results;
    expect(peer.take()).toEqual([]);
  });

  test("without content have default values", async () => {
    const { peer, question } = await askedPeer();
    peer.send(returnFrame(question.id, (body) => body._initResults()));
    const { number, text } = await question.results;
    expect({ number, text }).toEqual({ number: 0, text: "" });
  });

  test.each([
    ["an older schema", 0, 1],
    ["a newer schema", 4, 9],
  ])("of %s: the fields that both have are read", async (_, dataWords, pointerCount) => {
    const { peer, question } = await askedPeer();
    const frame = returnFrame(question.id, (body) => {
      const content = contentOf(body._initResults(), dataWords, pointerCount);
      if (dataWords > 0) utils.setUint32(0, 7, content);
      utils.setText(0, "known", content);
    });
    peer.send(frame);
    const { number, text } = await question.results;
    expect({ number, text }).toEqual({ number: dataWords > 0 ? 7 : 0, text: "known" });
  });

  test("with capabilities: the one that is retained is the caller's to close, the other is released", async () => {
    const { peer, object, question: other } = await askedPeer();
    peer.send(returnFrame(other.id, (body) => body._initResults()));
    const question = object.ask(METHOD, undefined, { read: ({ first }) => importOf(first) });
    peer.take();
    const frame = returnFrame(question.id, (body) => {
      const payload = body._initResults();
      utils.setInterfacePointer(0, utils.getPointer(1, contentOf(payload, 1, 3)));
      const table = payload._initCapTable(2);
      table.get(0).senderHosted = 5;
      table.get(1).senderHosted = 6;
    });
    peer.send(frame);
    const first = await question.results;
    expect(peer.take()).toEqual([{ release: { id: 6, referenceCount: 1 } }, finish]);
    expect(peer.connection.sizes.imports).toBe(2);
    first.close();
    expect(peer.take()).toEqual([{ release: { id: 5, referenceCount: 1 } }]);
  });

  test("that cannot be read fail this question only, and their capabilities are released", async () => {
    const { peer, question } = await askedPeer();
    const frame = returnFrame(question.id, (body) => {
      const payload = body._initResults();
      payload._initCapTable(2).get(0).senderHosted = 5;
      payload.capTable.get(1).senderHosted = 6;
      utils.setText(0, "no struct", payload);
    });
    peer.send(frame);
    await expect(question.results).rejects.toMatchObject({
      kind: "failed",
      message: expect.stringContaining("Boxes.method0: unreadable results"),
    });
    expect(peer.take()).toEqual([
      { release: { id: 5, referenceCount: 1 } },
      { release: { id: 6, referenceCount: 1 } },
      finish,
    ]);
  });

  test("of a bootstrap without a capability", async () => {
    const peer = new RawPeer();
    const bootstrap = peer.connection.bootstrap();
    peer.send(returnFrame(0, (body) => body._initResults()));
    await expect(bootstrap).rejects.toThrow("bootstrap: the peer sent no capability");
  });
});

describe("an exception", () => {
  test.each<[RpcErrorKind, number]>([
    ["failed", 0],
    ["overloaded", 1],
    ["disconnected", 2],
    ["unimplemented", 3],
    ["failed", 17],
  ])("is %s when its type is %p", async (kind, type) => {
    const { peer, question } = await askedPeer();
    peer.send(returnExceptionFrame(question.id, type, "the peer's reason"));
    await expect(question.results).rejects.toMatchObject({ name: "RpcError", kind, message: "the peer's reason" });
    expect(peer.take()).toEqual([finish]);
  });

  test("without a reason", async () => {
    const { peer, question } = await askedPeer();
    peer.send(returnFrame(question.id, (body) => body._initException()));
    await expect(question.results).rejects.toMatchObject({ kind: "failed", message: "" });
  });
});

describe("neither results nor an exception", () => {
  test("canceled", async () => {
    const { peer, question } = await askedPeer();
    const frame = returnFrame(question.id, (body) => {
      body.canceled = true;
    });
    peer.send(frame);
    await expect(question.results).rejects.toThrow("Boxes.method0: canceled by the peer");
    expect(peer.take()).toEqual([finish]);
  });

  test("results sent elsewhere without a request", async () => {
    const { peer, question } = await askedPeer();
    const frame = returnFrame(question.id, (body) => {
      body.resultsSentElsewhere = true;
    });
    peer.send(frame);
    await expect(question.results).rejects.toThrow("Boxes.method0: results were sent elsewhere, unasked");
  });

  test.each([
    ["results to be accepted from a third party", Return_Which.ACCEPT_FROM_THIRD_PARTY],
    ["an unknown kind", 6],
  ])("%s", async (_, which) => {
    const { peer, question } = await askedPeer();
    const frame = returnFrame(question.id, (body) => utils.setUint16(6, which, body));
    peer.send(frame);
    await expect(question.results).rejects.toMatchObject({
      kind: "unimplemented",
      message: `Boxes.method0: return of unknown kind ${which}`,
    });
  });
});

describe("results of a call that the peer forwarded to us", () => {
  const TO_YOURSELF = {
    target: { importedCap: 0 },
    interfaceId: BOX_INTERFACE,
    methodId: 0,
    sendResultsTo: 1,
  } as const;

  function takeFrom(answerId: number, questionId: number): Uint8Array {
    return returnFrame(answerId, (body) => {
      body.takeFromOtherQuestion = questionId;
    });
  }

  /** A peer that got our object, export 0, by its question 90, and called it with sendResultsTo.yourself by question 91. */
  async function forwardedPeer(implementation: Parameters<typeof hosting>[0]): ReturnType<typeof askedPeer> {
    const asked = await askedPeer({ bootstrap: hosting(implementation) });
    asked.peer.send(bootstrapFrame(90), callFrame({ questionId: 91, ...TO_YOURSELF }));
    return asked;
  }

  test("are those of our own answer", async () => {
    const { peer, object, question } = await forwardedPeer((_, results) => Object.assign(results, { text: "kept" }));
    await turn();
    expect(peer.take().slice(1)).toEqual([
      { return: { answerId: 91, releaseParamCaps: true, noFinishNeeded: false, resultsSentElsewhere: true } },
    ]);
    peer.send(takeFrom(question.id, 91));
    expect((await question.results).text).toBe("kept");
    expect(peer.take()).toEqual([finish]);
    peer.send(finishFrame(91, false), finishFrame(90, true));
    object.close();
  });

  test("may arrive later", async () => {
    const gate = Promise.withResolvers<void>();
    const { peer, object, question } = await forwardedPeer(async (_, results) => {
      await gate.promise;
      results.text = "at last";
    });
    peer.send(takeFrom(question.id, 91));
    gate.resolve();
    expect((await question.results).text).toBe("at last");
    peer.send(finishFrame(91, true), finishFrame(90, true));
    object.close();
  });

  test("may be an exception", async () => {
    const { peer, object, question } = await forwardedPeer(() => Promise.reject(new Error("went wrong")));
    await turn();
    expect(peer.take().slice(1)).toEqual([
      { return: { answerId: 91, releaseParamCaps: true, noFinishNeeded: false, resultsSentElsewhere: true } },
    ]);
    peer.send(takeFrom(question.id, 91));
    await expect(question.results).rejects.toThrow("went wrong");
    peer.send(finishFrame(91, true), finishFrame(90, true));
    object.close();
  });

  test("export no capability, as the peer does not receive them", async () => {
    const { peer, object, question } = await forwardedPeer((_, results) => Object.assign(results, { first: silent() }));
    await turn();
    peer.send(takeFrom(question.id, 91));
    await question.results;
    peer.send(finishFrame(91, false), finishFrame(90, true));
    expect(peer.connection.sizes.exports).toBe(0);
    object.close();
  });

  test("end with the connection", async () => {
    const { peer, question } = await forwardedPeer(() => new Promise(() => {}));
    peer.send(takeFrom(question.id, 91));
    peer.connection.disconnected("gone");
    await expect(question.results).rejects.toMatchObject({ kind: "disconnected" });
  });

  test("that miss the deadline: the call was returned, so no Finish is sent", async () => {
    const { peer, object, question } = await forwardedPeer(() => new Promise(() => {}));
    peer.send(returnFrame(question.id, (body) => body._initResults()));
    const late = object.ask(METHOD, undefined, { deadlineMs: 3 });
    peer.send(takeFrom(late.id, 91));
    // Another question already has its id.
    const next = object.ask(METHOD);
    expect(next.id).toBe(late.id);
    peer.take();
    await expect(late.results).rejects.toBeInstanceOf(DeadlineError);
    expect(peer.take()).toEqual([]);
    peer.connection.close();
  });

  test("of an answer that does not exist break the protocol", async () => {
    const { peer, question } = await askedPeer();
    peer.send(takeFrom(question.id, 3));
    expect((await peer.ended).message).toBe("return takes from unknown answer 3");
    await expect(question.results).rejects.toMatchObject({ kind: "disconnected" });
  });
});

describe("capabilities of the parameters", () => {
  test("are released by a Return with releaseParamCaps only", async () => {
    const { peer, object, question } = await askedPeer();
    peer.send(returnFrame(question.id, (body) => body._initResults()));
    const withObjects = () =>
      object.ask(METHOD, (params) => Object.assign(params, { first: silent(), second: silent() }));
    const kept = withObjects();
    const released = withObjects();
    expect(peer.connection.sizes.exports).toBe(4);
    peer.send(
      returnFrame(released.id, (body) => {
        body._initResults();
        body.releaseParamCaps = true;
      }),
    );
    expect(peer.connection.sizes.exports).toBe(2);
    peer.send(returnCapsFrame(kept.id));
    expect(peer.connection.sizes.exports).toBe(2);
    expect(await kept.results).toBeInstanceOf(Box);
    peer.send(releaseFrame(0, 1), releaseFrame(1, 1));
    expect(peer.connection.sizes.exports).toBe(0);
  });

  test("may be results of the Return that releases them", async () => {
    const { peer, object, question } = await askedPeer();
    peer.send(returnFrame(question.id, (body) => body._initResults()));
    const passed = silent();
    const back = object.ask(METHOD, (params) => Object.assign(params, { first: passed }));
    peer.send(
      returnFrame(back.id, (body) => {
        const payload = body._initResults();
        utils.setInterfacePointer(0, utils.getPointer(1, contentOf(payload, 1, 3)));
        payload._initCapTable(1).get(0).receiverHosted = 0;
        body.releaseParamCaps = true;
      }),
    );
    expect((await back.results).first).toBe(passed);
  });

  test("are released by the late Return to a canceled question", async () => {
    const { peer, object, question } = await askedPeer();
    peer.send(returnFrame(question.id, (body) => body._initResults()));
    const canceled = object.ask(METHOD, (params) => Object.assign(params, { first: silent() }), { deadlineMs: 1 });
    await expect(canceled.results).rejects.toBeInstanceOf(DeadlineError);
    expect(peer.connection.sizes.exports).toBe(1);
    peer.send(
      returnFrame(canceled.id, (body) => {
        body.canceled = true;
        body.releaseParamCaps = true;
      }),
    );
  });
});
