// Questions that end without an answer: at their deadline or with the connection.

import { afterEach, describe, expect, test } from "bun:test";
import { hosting, METHOD, silent } from "../../test/builders/box.ts";
import {
  connectPair,
  connectToObject,
  EMPTY_TABLES,
  expectEmptyTables,
  RawPeer,
  turn,
} from "../../test/builders/connections.ts";
import { finishFrame, returnBootstrapFrame, returnCapsFrame, returnFrame } from "../../test/builders/rpc-messages.ts";
import type { ImportedCapability } from "./capability.ts";
import type { Connection } from "./connection.ts";
import { DeadlineError, RpcError } from "./errors.ts";

afterEach(expectEmptyTables);

/** Appears in the text of the error. */
const DEADLINE_MS = 3;

/** A peer that has returned its bootstrap capability, import 0, to question 0. */
async function peerWithObject(): Promise<{ peer: RawPeer; object: ImportedCapability }> {
  const peer = new RawPeer();
  const object = await peer.bootstrap();
  return { peer, object };
}

describe("a deadline", () => {
  test("rejects the question and sends Finish for its results", async () => {
    const { peer, object } = await peerWithObject();
    const question = object.ask(METHOD, undefined, { deadlineMs: DEADLINE_MS });
    const error = await question.results.catch((reason) => reason);
    expect(error).toBeInstanceOf(DeadlineError);
    expect(error.message).toBe("Boxes.method0 was not answered within 3 ms");
    const finish = { finish: { questionId: question.id, releaseResultCaps: true } };
    expect(peer.take()).toEqual([{ call: expect.anything() }, finish]);

    peer.send(returnFrame(question.id, (body) => body._initResults()));
    object.close();
  });

  test("of the connection applies to calls and bootstraps without one", async () => {
    const peer = new RawPeer({ deadlineMs: DEADLINE_MS });
    const bootstrap = peer.connection.bootstrap();
    await expect(bootstrap).rejects.toThrow("bootstrap was not answered within 3 ms");
    peer.send(returnBootstrapFrame(0, { senderHosted: 0 }));
    expect(peer.connection.sizes).toEqual(EMPTY_TABLES);
  });

  test("keeps the id in use until the late Return, whose capabilities are ignored", async () => {
    const { peer, object } = await peerWithObject();
    const late = object.ask(METHOD, undefined, { deadlineMs: DEADLINE_MS });
    let isReturned = false;
    late.returned.then(() => {
      isReturned = true;
    });
    await late.results.catch(() => {});
    const other = object.ask(METHOD);
    expect(other.id).not.toBe(late.id);
    expect(peer.connection.sizes.questions).toBe(2);
    await turn();
    expect(isReturned).toBe(false);
    peer.take();

    peer.send(returnCapsFrame(late.id, { senderHosted: 7 }, { senderHosted: 8 }));
    await late.returned;
    expect(peer.connection.sizes).toMatchObject({ questions: 1, imports: 1 });
    expect(peer.take()).toEqual([]);

    const next = object.ask(METHOD);
    expect(next.id).toBe(late.id);
    for (const { id } of [next, other]) peer.send(returnFrame(id, (body) => body._initResults()));
    object.close();
  });

  test("that passes before the Return leaves nothing in the tables of either side", async () => {
    const gate = Promise.withResolvers<void>();
    const bootstrap = hosting(async ({ first }, results) => {
      await gate.promise;
      results.first = silent();
      results.second = first;
    });
    const { settled, object } = await connectToObject({ server: { bootstrap } });
    const fill = (params: { first: unknown }) => Object.assign(params, { first: silent() });
    const question = object.ask(METHOD, fill, { deadlineMs: DEADLINE_MS });
    await expect(question.results).rejects.toBeInstanceOf(DeadlineError);
    await settled();
    gate.resolve();
    await question.returned;
  });

  test("that passes while the Return is in transit: the results are released", async () => {
    let isAnswered = false;
    const bootstrap = hosting((_, results) => {
      Object.assign(results, { first: silent() });
      isAnswered = true;
    });
    const { server, down, settled, object } = await connectToObject({ server: { bootstrap } });
    down.isHeld = true;
    const question = object.ask(METHOD, undefined, { deadlineMs: DEADLINE_MS });
    await expect(question.results).rejects.toBeInstanceOf(DeadlineError);
    expect(isAnswered).toBe(true);
    await settled();
    expect(server.sizes).toMatchObject({ answers: 0, exports: 1 });
    down.letGo();
    await question.returned;
  });

  test("that was met has no effect later", async () => {
    const { peer, object } = await peerWithObject();
    const question = object.ask(METHOD, undefined, { deadlineMs: DEADLINE_MS });
    peer.send(returnFrame(question.id, (body) => body._initResults()));
    await question.results;
    peer.take();
    const later = object.ask(METHOD, undefined, { deadlineMs: DEADLINE_MS * 2 });
    await expect(later.results).rejects.toBeInstanceOf(DeadlineError);
    expect(peer.take()).toEqual([
      { call: expect.anything() },
      { finish: { questionId: later.id, releaseResultCaps: true } },
    ]);
    peer.send(returnFrame(later.id, (body) => body._initResults()));
    object.close();
  });
});

describe("the end of the connection", () => {
  const ways: [string, (connection: Connection) => void, string][] = [
    ["by us", (connection) => connection.close(), "connection closed by us"],
    ["by the stream", (connection) => connection.disconnected("broken pipe"), "broken pipe"],
  ];

  test.each(ways)("%s rejects every question and empties the tables", async (_, end, reason) => {
    const { peer, object } = await peerWithObject();
    const canceled = object.ask(METHOD, undefined, { deadlineMs: DEADLINE_MS });
    await canceled.results.catch(() => {});
    const questions = [object.ask(METHOD, (params) => Object.assign(params, { first: silent() })), object.ask(METHOD)];
    const bootstrap = peer.connection.bootstrap();
    expect(peer.connection.sizes).toEqual({ questions: 4, answers: 0, imports: 1, exports: 1 });

    end(peer.connection);
    expect(peer.connection.sizes).toEqual(EMPTY_TABLES);
    for (const { results, returned } of questions) {
      const error = await results.catch((rejection) => rejection);
      expect(error).toBeInstanceOf(RpcError);
      expect(error).toMatchObject({ kind: "disconnected", message: `Boxes.method0: ${reason}` });
      await returned;
    }
    await canceled.returned;
    await expect(bootstrap).rejects.toThrow(`bootstrap: ${reason}`);
    expect(await peer.ended).toMatchObject({ kind: "disconnected", message: reason });
    expect(peer.isClosed).toBe(true);
  });

  test("is reported once, after every question was rejected", async () => {
    const reasons: string[] = [];
    const peer = new RawPeer({
      onEnd: ({ message }) => reasons.push(`${message}, ${peer.connection.sizes.questions} open`),
    });
    const bootstrap = peer.connection.bootstrap();
    peer.connection.disconnected("first");
    peer.connection.disconnected("second");
    peer.connection.close();
    peer.send(finishFrame(0, true));
    await expect(bootstrap).rejects.toThrow("first");
    expect(reasons).toEqual(["first, 0 open"]);
    expect(peer.connection.ended?.message).toBe("first");
  });

  test("rejects later calls", async () => {
    const { peer, object } = await peerWithObject();
    peer.connection.disconnected("gone");
    peer.take();
    const question = object.ask(METHOD);
    await expect(question.results).rejects.toMatchObject({ kind: "disconnected", message: "Boxes.method0: gone" });
    await question.returned;
    await expect(peer.connection.bootstrap()).rejects.toMatchObject({ kind: "disconnected" });
    object.close();
    expect(peer.take()).toEqual([]);
    expect(peer.connection.sizes).toEqual(EMPTY_TABLES);
  });

  test("while our methods run: their results are dropped", async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const bootstrap = hosting(async ({ number }) => gates[number]!.promise);
    const { client, server, settled, object } = await connectToObject({ server: { bootstrap } });
    const questions = [0, 1].map((number) => object.ask(METHOD, (params) => Object.assign(params, { number })));
    await settled();
    expect(server.sizes.answers).toBe(2);
    client.close();
    await settled();
    expect(server.ended?.message).toBe("the peer closed the stream");
    gates[0]!.resolve();
    gates[1]!.reject(new Error("too late to matter"));
    await settled();
    expect(server.sizes).toEqual(EMPTY_TABLES);
    for (const { results } of questions) await expect(results).rejects.toThrow("connection closed by us");
  });

  test("resolves exports.released", async () => {
    const bootstrap = silent();
    const { client, server } = connectPair({ server: { bootstrap } });
    await client.bootstrap();
    expect(server.sizes.exports).toBe(1);
    const released = server.exports.released();
    server.disconnected("over");
    await released;
    expect(server.sizes.exports).toBe(0);
  });
});
