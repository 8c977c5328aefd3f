// Promises of the peer: their resolution is released exactly once, and embargoes are answered.

import { afterEach, describe, expect, test } from "bun:test";
import { utils } from "capnp-es";
import { BOX_INTERFACE, FIRST, hosting, METHOD, silent } from "../../test/builders/box.ts";
import { expectEmptyTables, RawPeer, turn } from "../../test/builders/connections.ts";
import {
  bootstrapFrame,
  callFrame,
  contentOf,
  type Descriptor,
  disembargoFrame,
  finishFrame,
  messageFrame,
  resolveCapFrame,
  resolveExceptionFrame,
  returnFrame,
  type Target,
} from "../../test/builders/rpc-messages.ts";
import type { ImportedCapability } from "./capability.ts";

afterEach(expectEmptyTables);

const PROMISE = 6;

/** A peer whose bootstrap capability is a promise. */
async function peerWithPromise(): Promise<{ peer: RawPeer; promise: ImportedCapability }> {
  const peer = new RawPeer();
  const promise = await peer.bootstrap({ senderPromise: PROMISE });
  return { peer, promise };
}

describe("a promise that resolves", () => {
  test.each<[string, Descriptor, number]>([
    ["to an object", { senderHosted: 20 }, 20],
    ["to another promise", { senderPromise: 21 }, 21],
    ["to an object of a third party", { thirdPartyHosted: 22 }, 22],
    ["to itself", { senderPromise: PROMISE }, PROMISE],
  ])("%s: that is released once, and calls keep using the promise", async (_, cap, importId) => {
    const { peer, promise } = await peerWithPromise();
    peer.send(resolveCapFrame(PROMISE, cap));
    const question = promise.ask(METHOD);
    promise.close();
    const released = importId === PROMISE ? [] : [{ release: { id: importId, referenceCount: 1 } }];
    const references = importId === PROMISE ? 2 : 1;
    expect(peer.take()).toEqual([
      ...released,
      { call: expect.objectContaining({ target: { importedCap: PROMISE } }) },
      { release: { id: PROMISE, referenceCount: references } },
    ]);
    peer.send(returnFrame(question.id, (body) => body._initResults()));
  });

  test("to an object that is already imported: the references are released together", async () => {
    const { peer, promise } = await peerWithPromise();
    const held = await peer.bootstrap({ senderHosted: 20 });
    peer.send(resolveCapFrame(PROMISE, { senderHosted: 20 }));
    peer.take();
    held.close();
    expect(peer.take()).toEqual([{ release: { id: 20, referenceCount: 2 } }]);
    promise.close();
  });

  test("to an object of ours, or to null: nothing is released", async () => {
    const { peer, promise } = await peerWithPromise();
    const question = promise.ask(METHOD, (params) => Object.assign(params, { first: silent() }));
    peer.take();
    peer.send(resolveCapFrame(PROMISE, { receiverHosted: 0 }), resolveCapFrame(PROMISE, "none"));
    expect(peer.take()).toEqual([]);
    peer.send(
      returnFrame(question.id, (body) => {
        body._initResults();
        body.releaseParamCaps = true;
      }),
    );
    promise.close();
  });

  test("after it was released: its resolution is released too", async () => {
    const { peer, promise } = await peerWithPromise();
    promise.close();
    peer.take();
    peer.send(resolveCapFrame(PROMISE, { senderHosted: 20 }), resolveExceptionFrame(PROMISE, 0, "too late"));
    expect(peer.take()).toEqual([{ release: { id: 20, referenceCount: 1 } }]);
  });

  test.each([
    [0, "failed"],
    [2, "disconnected"],
    [3, "unimplemented"],
  ] as const)(
    "to an exception of type %p: calls reject with it, and the promise can be released",
    async (type, kind) => {
      const { peer, promise } = await peerWithPromise();
      const asked = promise.ask(METHOD);
      peer.take();
      peer.send(resolveExceptionFrame(PROMISE, type, "broken promise"));
      await expect(promise.ask(METHOD).results).rejects.toMatchObject({ kind, message: "broken promise" });
      expect(peer.take()).toEqual([]);
      // The peer answers the call that was in transit.
      peer.send(returnFrame(asked.id, (body) => body._initResults()));
      await asked.results;
      peer.take();
      promise.close();
      expect(peer.take()).toEqual([{ release: { id: PROMISE, referenceCount: 1 } }]);
    },
  );

  test("in an unknown way", async () => {
    const { peer, promise } = await peerWithPromise();
    const frame = messageFrame((root) => {
      const body = root._initResolve();
      body.promiseId = PROMISE;
      const { segment, byteOffset } = body;
      // The discriminant follows promiseId.
      segment.setUint16(byteOffset + 8 + 4, 7);
    });
    peer.send(frame);
    expect(peer.take()).toEqual([]);
    expect(peer.connection.ended).toBeUndefined();
    promise.close();
  });
});

describe("a disembargo", () => {
  const leadsBack: Target = { promisedAnswer: { question: 1, path: [FIRST] } };

  /** A peer whose call 1 returned its own capability, our import 30. */
  async function peerWithOwnCapability(): Promise<RawPeer> {
    let kept: ImportedCapability | undefined;
    const peer = new RawPeer({
      bootstrap: hosting(
        ({ first }) => {
          kept = (first as ImportedCapability).retain();
        },
        (_, results) => Object.assign(results, { first: kept }),
        () => kept!.close(),
      ),
    });
    const call = { target: { importedCap: 0 }, interfaceId: BOX_INTERFACE };
    await peer.ask(
      bootstrapFrame(0),
      callFrame({
        questionId: 2,
        ...call,
        methodId: 0,
        fill: (payload) => utils.setInterfacePointer(0, utils.getPointer(FIRST, contentOf(payload, 1, 3))),
        caps: [{ senderHosted: 30 }],
      }),
    );
    const answers = await peer.ask(callFrame({ questionId: 1, ...call, methodId: 1 }));
    expect(answers).toEqual([{ return: expect.objectContaining({ results: [{ receiverHosted: 30 }] }) }]);
    closeKept = () =>
      peer.send(callFrame({ questionId: 2, ...call, methodId: 2 }), finishFrame(1, true), finishFrame(0, true));
    return peer;
  }
  let closeKept = () => {};

  test("of a target that leads back to the peer is echoed", async () => {
    const peer = await peerWithOwnCapability();
    expect(await peer.ask(disembargoFrame(leadsBack, { senderLoopback: 77 }))).toEqual([
      { disembargo: { target: { importedCap: 30 }, receiverLoopback: 77 } },
    ]);
    closeKept();
    await turn();
  });

  test.each<[string, Target, string]>([
    ["an object of ours", { importedCap: 0 }, "disembargo of a target that does not lead back to its sender"],
    [
      "an export that does not exist",
      { importedCap: 9 },
      "disembargo of a target that does not lead back to its sender",
    ],
    [
      "an answer that does not exist",
      { promisedAnswer: { question: 9, path: [] } },
      "promised answer 9 has no results",
    ],
  ])("of %s breaks the protocol", async (_, target, reason) => {
    const peer = await peerWithOwnCapability();
    peer.send(disembargoFrame(target, { senderLoopback: 1 }));
    expect((await peer.ended).message).toBe(reason);
    expect(peer.take()).toEqual([{ abort: { type: 0, reason } }]);
  });

  test("in reply to one that we never sent breaks the protocol", async () => {
    const { peer } = await peerWithPromise();
    peer.send(disembargoFrame({ importedCap: 0 }, { receiverLoopback: 1 }));
    const reason = "disembargo for an embargo that was never set";
    expect(await peer.ended).toMatchObject({ name: "ProtocolError", message: reason });
    expect(peer.take()).toEqual([{ abort: { type: 0, reason } }]);
  });

  test.each([
    ["accept", { accept: true as const }, 2],
    ["provide", { provide: 3 }, 3],
  ])("of level 3, %s, is returned as unimplemented", async (_, context, which) => {
    const { peer, promise } = await peerWithPromise();
    const messages = await peer.ask(disembargoFrame({ importedCap: 0 }, context));
    expect(messages).toEqual([{ unimplemented: { disembargo: { target: { importedCap: 0 }, context: which } } }]);
    promise.close();
  });
});
