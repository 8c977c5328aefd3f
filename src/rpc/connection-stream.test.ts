// A connection and its stream: how writes are gathered, and what happens when the peer reads slowly or not at all.

import { afterEach, describe, expect, test } from "bun:test";
import { BOX_INTERFACE, type Box, hosting, METHOD } from "../../test/builders/box.ts";
import { EMPTY_TABLES, expectEmptyTables, RawPeer, turn } from "../../test/builders/connections.ts";
import { cutAt } from "../../test/builders/frames.ts";
import {
  bootstrapFrame,
  callFrame,
  contentOf,
  finishFrame,
  messageFrame,
  returnBootstrapFrame,
} from "../../test/builders/rpc-messages.ts";
import { MAX_UNSENT_BYTES } from "./connection.ts";
import { HotReader } from "./hot-path.ts";

afterEach(expectEmptyTables);

const call = { target: { importedCap: 0 }, interfaceId: BOX_INTERFACE, methodId: 0 };

/** A peer that holds an object of ours whose calls the hot path answers. */
async function peerOfHotObject(): Promise<RawPeer> {
  const bootstrap = hosting(() => {});
  const peer = new RawPeer({ bootstrap });
  peer.connection.setHotReader(bootstrap, new HotReader(BOX_INTERFACE, () => true));
  await peer.ask(bootstrapFrame(0));
  peer.writes.length = 0;
  return peer;
}

const hotCall = (questionId: number) => callFrame({ questionId, ...call, fill: (payload) => contentOf(payload, 0, 0) });

describe("writes", () => {
  test("all answers to one chunk leave in one write", async () => {
    const peer = await peerOfHotObject();
    peer.send(...[1, 2, 3, 4].map(hotCall));
    expect(peer.connection.hotCalls).toBe(4);
    expect(peer.take()).toHaveLength(4);
    expect(peer.writes).toHaveLength(1);
    peer.send(finishFrame(0, true));
  });

  test("so do exceptions and what is sent back", async () => {
    const peer = await peerOfHotObject();
    const noSuchExport = { ...call, target: { importedCap: 77 } };
    peer.send(
      callFrame({ questionId: 1, ...noSuchExport }),
      messageFrame((root) => root._initProvide()),
      hotCall(2),
      callFrame({ questionId: 3, ...noSuchExport }),
    );
    expect(peer.take()).toHaveLength(4);
    expect(peer.writes).toHaveLength(1);
    peer.send(finishFrame(0, true));
  });

  test("a chunk that asks nothing causes none", async () => {
    const peer = await peerOfHotObject();
    peer.send(finishFrame(7, true), finishFrame(8, true));
    expect(peer.writes).toEqual([]);
    peer.send(finishFrame(0, true));
  });

  test("a call of ours leaves at once", async () => {
    const peer = new RawPeer();
    const bootstrap = peer.connection.bootstrap();
    expect(peer.take()).toEqual([{ bootstrap: { questionId: 0 } }]);
    peer.send(returnBootstrapFrame(0, { senderHosted: 0 }));
    (await bootstrap).close();
  });

  test("a call is answered as soon as its last byte came, and no earlier", async () => {
    const peer = await peerOfHotObject();
    const frame = hotCall(1);
    for (const chunk of cutAt(frame, [1, 8, 9, frame.length - 1])) {
      expect(peer.take()).toEqual([]);
      peer.send(chunk);
    }
    expect(peer.take()).toHaveLength(1);
    peer.send(finishFrame(0, true));
  });
});

describe("a peer that takes only a part", () => {
  test("gets the rest in order when it drains", async () => {
    const peer = await peerOfHotObject();
    peer.takesBytes = 10;
    peer.send(...[1, 2, 3].map(hotCall));
    let drains = 0;
    while (peer.writes.at(-1) === 10) {
      peer.connection.drained();
      drains++;
    }
    expect(drains).toBeGreaterThan(5);
    const answers = peer.take() as { return: { answerId: number } }[];
    expect(answers.map((answer) => answer.return.answerId)).toEqual([1, 2, 3]);
    peer.takesBytes = Number.POSITIVE_INFINITY;
    peer.send(finishFrame(0, true));
  });

  test("of nothing gets all of it later", async () => {
    const peer = await peerOfHotObject();
    peer.takesBytes = 0;
    for (let questionId = 1; questionId <= 100; questionId++) peer.send(hotCall(questionId));
    expect(peer.take()).toEqual([]);
    peer.takesBytes = Number.POSITIVE_INFINITY;
    peer.connection.drained();
    expect(peer.take()).toHaveLength(100);
    peer.connection.drained();
    expect(peer.take()).toEqual([]);
    peer.send(finishFrame(0, true));
  });
});

describe("a peer that does not read", () => {
  test("ends the connection when more than the limit waits, which is named", async () => {
    const peer = new RawPeer({ bootstrap: hosting(() => {}) });
    const bootstrap = peer.connection.bootstrap();
    peer.send(returnBootstrapFrame(0, { senderHosted: 0 }));
    const object = await bootstrap;
    peer.takesBytes = 0;
    const question = object.ask(METHOD, (params: Box) => {
      params.text = "x".repeat(MAX_UNSENT_BYTES);
    });
    const reason = await peer.ended;
    expect(reason).toMatchObject({ name: "ProtocolError" });
    expect(reason.message).toMatch(
      new RegExp(`^\\d+ pending bytes are over the limit of ${MAX_UNSENT_BYTES} bytes: peer does not read$`),
    );
    await expect(question.results).rejects.toMatchObject({ kind: "disconnected" });
    expect(peer.isClosed).toBe(true);
    expect(peer.connection.sizes).toEqual(EMPTY_TABLES);
  });

  test("may leave waiting as much as the limit", async () => {
    const peer = await peerOfHotObject();
    peer.takesBytes = 0;
    const answerBytes = 72;
    const answers = Math.floor(MAX_UNSENT_BYTES / answerBytes);
    const frame = hotCall(1);
    const calls = 1000;
    const chunk = Buffer.concat(new Array(calls).fill(frame));
    for (let count = 0; count + calls <= answers; count += calls) peer.connection.receive(chunk);
    expect(peer.connection.ended).toBeUndefined();
    peer.connection.receive(chunk);
    peer.connection.receive(chunk);
    expect(peer.connection.ended?.message).toContain("peer does not read");
  });
});

test("what waits when the connection is closed is handed over for a last attempt", async () => {
  const peer = await peerOfHotObject();
  peer.takesBytes = 0;
  peer.send(hotCall(1), hotCall(2));
  expect(peer.take()).toEqual([]);
  peer.connection.close();
  expect(peer.take()).toHaveLength(2);
});

test("chunks that come after the end are not read", async () => {
  const peer = await peerOfHotObject();
  peer.connection.close();
  peer.send(hotCall(1));
  peer.connection.drained();
  await turn();
  expect(peer.connection.hotCalls).toBe(0);
  expect(peer.take()).toEqual([]);
});
