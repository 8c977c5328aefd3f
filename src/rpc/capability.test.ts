// Capabilities in use: called, passed on, retained, closed.

import { afterEach, describe, expect, test } from "bun:test";
import { type Client, ErrorClient } from "capnp-es";
import { BOX_INTERFACE, type Box, hosting, METHOD, OTHER_METHOD, silent } from "../../test/builders/box.ts";
import { connectToObject, expectEmptyTables, RawPeer, turn } from "../../test/builders/connections.ts";
import {
  bootstrapFrame,
  callFrame,
  finishFrame,
  releaseFrame,
  returnBootstrapFrame,
  returnFrame,
} from "../../test/builders/rpc-messages.ts";
import { Thread$Client } from "../schema/mp/proxy.ts";
import { type ImportedCapability, importOf } from "./capability.ts";

afterEach(expectEmptyTables);

test("generated clients carry a capability, but do not call it", async () => {
  const { object } = await connectToObject({ server: { bootstrap: silent() } });
  expect(() => new Thread$Client(object).getName()).toThrow("generated clients cannot call");
});

describe("a capability in parameters", () => {
  test("can be called while the method runs", async () => {
    const bootstrap = hosting(async ({ first }, results) => {
      const { text } = await (first as ImportedCapability).ask(METHOD).results;
      results.text = `heard: ${text}`;
    });
    const { object } = await connectToObject({ server: { bootstrap } });
    const callback = hosting((_, results) => Object.assign(results, { text: "hello" }));
    const { text } = await object.ask(METHOD, (params) => Object.assign(params, { first: callback })).results;
    expect(text).toBe("heard: hello");
  });

  test("is released with the Return", async () => {
    const { client, server, settled, object } = await connectToObject({ server: { bootstrap: hosting(() => {}) } });
    await object.ask(METHOD, (params) => Object.assign(params, { first: silent(), second: silent() })).results;
    await settled();
    expect(client.sizes.exports).toBe(0);
    expect(server.sizes.imports).toBe(0);
  });

  test("that is retained remains open until it is closed", async () => {
    let kept: ImportedCapability | undefined;
    const bootstrap = hosting(({ first }) => {
      kept = (first as ImportedCapability).retain();
    });
    const { client, server, settled, object } = await connectToObject({ server: { bootstrap } });
    const callback = hosting((_, results) => Object.assign(results, { text: "still open" }));
    await object.ask(METHOD, (params) => Object.assign(params, { first: callback, second: silent() })).results;
    await settled();
    expect(client.sizes.exports).toBe(1);
    expect(server.sizes.imports).toBe(1);
    expect((await kept!.ask(METHOD).results).text).toBe("still open");
    kept!.close();
    kept!.close();
    await settled();
    expect(client.sizes.exports).toBe(0);
  });

  test("that was not retained cannot be used after the Return", async () => {
    let kept: ImportedCapability | undefined;
    const bootstrap = hosting(({ first }) => {
      kept = first as ImportedCapability;
    });
    const { server, settled, object } = await connectToObject({ server: { bootstrap } });
    await object.ask(METHOD, (params) => Object.assign(params, { first: silent() })).results;
    await expect(kept!.ask(METHOD).results).rejects.toThrow("the capability was closed");
    kept!.close();
    await settled();
    expect(server.ended).toBeUndefined();
  });

  test("that the method closes itself is released once", async () => {
    const bootstrap = hosting(({ first }) => first.close());
    const { client, settled, object } = await connectToObject({ server: { bootstrap } });
    await object.ask(METHOD, (params) => Object.assign(params, { first: silent(), second: silent() })).results;
    await settled();
    expect(client.sizes.exports).toBe(0);
    expect(client.ended).toBeUndefined();
  });

  test("the same object twice, and retained once", async () => {
    const kept: ImportedCapability[] = [];
    const bootstrap = hosting(({ first }) => {
      kept.push((first as ImportedCapability).retain());
    });
    const { client, settled, object } = await connectToObject({ server: { bootstrap } });
    const callback = hosting((_, results) => Object.assign(results, { number: 1 }));
    const fill = (params: object) => Object.assign(params, { first: callback, second: callback });
    await object.ask(METHOD, fill).results;
    await object.ask(METHOD, fill).results;
    await settled();
    expect(client.sizes.exports).toBe(1);
    kept[0]!.close();
    await settled();
    expect((await kept[1]!.ask(METHOD).results).number).toBe(1);
    kept[1]!.close();
    await settled();
    expect(client.sizes.exports).toBe(0);
  });
});

describe("capabilities in results", () => {
  /** An object whose results hold two others. */
  const ofTwo = () => hosting((_, results) => Object.assign(results, { first: silent(), second: silent() }));

  test("are released with their call", async () => {
    const { client, server, settled, object } = await connectToObject({ server: { bootstrap: ofTwo() } });
    for (let call = 0; call < 100; call++) await object.ask(METHOD).results;
    await settled();
    expect(client.sizes.imports).toBe(1);
    expect(server.sizes.exports).toBe(1);
  });

  test("remain open if they are retained while the results are read", async () => {
    const { server, settled, object } = await connectToObject({ server: { bootstrap: ofTwo() } });
    const first = await object.ask(METHOD, undefined, { read: ({ first }) => importOf(first) }).results;
    await settled();
    expect(server.sizes.exports).toBe(2);
    expect(first.isOpen).toBe(true);
    first.close();
    await settled();
    expect(server.sizes.exports).toBe(1);
  });

  test("cannot be retained later", async () => {
    const { object } = await connectToObject({ server: { bootstrap: ofTwo() } });
    const { first } = await object.ask(METHOD).results;
    expect(() => importOf(first)).toThrow("the capability was released with its call");
  });

  test("are released if reading the results fails", async () => {
    const { server, settled, object } = await connectToObject({ server: { bootstrap: ofTwo() } });
    const read = () => {
      throw new Error("of no use");
    };
    await expect(object.ask(METHOD, undefined, { read }).results).rejects.toThrow(
      "Boxes.method0: unreadable results: of no use",
    );
    await settled();
    expect(server.sizes.exports).toBe(1);
  });

  test("that are null", async () => {
    const { object } = await connectToObject({ server: { bootstrap: hosting(() => {}) } });
    const { results } = object.ask(METHOD, undefined, { read: ({ first }) => importOf(first) });
    await expect(results).rejects.toMatchObject({
      kind: "failed",
      message: "Boxes.method0: the peer sent no capability",
    });
  });

  test("may be objects of the caller's", async () => {
    const bootstrap = hosting(({ first }, results) => Object.assign(results, { first }));
    const { object } = await connectToObject({ server: { bootstrap } });
    const own = silent();
    expect((await object.ask(METHOD, (params) => Object.assign(params, { first: own })).results).first).toBe(own);
  });
});

describe("what cannot be used", () => {
  async function peerWithObject(): Promise<{ peer: RawPeer; object: ImportedCapability }> {
    const peer = new RawPeer();
    const object = await peer.bootstrap({ senderHosted: 3 });
    return { peer, object };
  }

  test("a closed capability: nothing is sent", async () => {
    const { peer, object } = await peerWithObject();
    object.close();
    expect(peer.take()).toEqual([{ release: { id: 3, referenceCount: 1 } }]);
    await expect(object.ask(METHOD).results).rejects.toMatchObject({
      kind: "failed",
      message: "the capability was closed",
    });
    object.close();
    expect(peer.take()).toEqual([]);
  });

  test.each<[string, (foreign: ImportedCapability, closed: ImportedCapability) => Client]>([
    ["a capability of another connection", (foreign) => foreign],
    ["a closed capability", (_, closed) => closed],
    ["a client of unknown kind", () => new ErrorClient(new Error("null"))],
  ])("%s as a parameter: nothing is sent and nothing remains exported", async (_, choose) => {
    const { peer, object } = await peerWithObject();
    const { object: foreign } = await peerWithObject();
    const closed = await peer.bootstrap({ senderHosted: 3 });
    closed.close();
    peer.take();
    const question = object.ask(METHOD, (params) =>
      Object.assign(params, { first: silent(), second: choose(foreign, closed) }),
    );
    await expect(question.results).rejects.toMatchObject({ kind: "failed" });
    expect(peer.take()).toEqual([]);
    expect(peer.connection.sizes.exports).toBe(0);
    foreign.close();
  });

  test("a capability whose connection has ended can be closed", async () => {
    const { peer, object } = await peerWithObject();
    peer.connection.close();
    object.close();
    expect(object.isOpen).toBe(false);
  });
});

describe("passing on", () => {
  test("a capability of the peer's arrives there as its own", async () => {
    const own = silent();
    let received: unknown;
    const bootstrap = hosting(
      (_, results) => Object.assign(results, { first: own }),
      ({ first }) => {
        received = first;
      },
    );
    const { object } = await connectToObject({ server: { bootstrap } });
    const first = await object.ask(METHOD, undefined, { read: ({ first }) => importOf(first) }).results;
    await object.ask(OTHER_METHOD, (params) => Object.assign(params, { first })).results;
    expect(received).toBe(own);
    first.close();
  });

  test("one object many times is one export with as many references", async () => {
    const own = silent();
    const bootstrap = hosting((_, results) => Object.assign(results, { first: own, second: own }));
    const { server, settled, object } = await connectToObject({ server: { bootstrap } });
    const handles: Client[] = [];
    const read = ({ first, second }: Box) => handles.push(importOf(first), importOf(second));
    for (let round = 0; round < 3; round++) await object.ask(METHOD, undefined, { read }).results;
    await settled();
    expect(server.sizes.exports).toBe(2);
    for (const handle of handles.slice(1)) handle.close();
    await settled();
    expect(server.sizes.exports).toBe(2);
    handles[0]!.close();
    await settled();
    expect(server.sizes.exports).toBe(1);
  });
});

describe("references", () => {
  test("of one import are released together, when its last handle is closed", async () => {
    const peer = new RawPeer();
    const bootstraps = [0, 1, 2].map(() => peer.connection.bootstrap());
    for (const id of [0, 1, 2]) peer.send(returnBootstrapFrame(id, { senderHosted: 9 }));
    const handles = await Promise.all(bootstraps);
    peer.take();
    handles[0]!.close();
    handles[2]!.close();
    expect(peer.take()).toEqual([]);
    handles[1]!.close();
    expect(peer.take()).toEqual([{ release: { id: 9, referenceCount: 3 } }]);
  });

  test("of parameters count, even if an older handle is closed meanwhile", async () => {
    const gate = Promise.withResolvers<void>();
    const peer = new RawPeer({ bootstrap: hosting(() => gate.promise) });
    const older = await peer.bootstrap({ senderHosted: 9 });
    const call = { target: { importedCap: 0 }, interfaceId: BOX_INTERFACE, methodId: 0 };
    peer.send(
      bootstrapFrame(0),
      callFrame({ questionId: 1, ...call, caps: [{ senderHosted: 9 }, { senderHosted: 9 }] }),
    );
    older.close();
    peer.take();
    gate.resolve();
    await turn();
    // The Return releases the two of the parameters, so this is the one of the bootstrap.
    expect(peer.take()).toEqual([
      { release: { id: 9, referenceCount: 1 } },
      { return: { answerId: 1, releaseParamCaps: true, noFinishNeeded: true, results: [] } },
    ]);
    peer.send(finishFrame(0, true));
  });

  test("of an object that was released and is exported again", async () => {
    const own = hosting((_, results) => Object.assign(results, { number: 5 }));
    const others = [silent(), silent()];
    const bootstrap = hosting(async ({ first }, results) => {
      results.number = (await (first as ImportedCapability).ask(METHOD).results).number;
    });
    const { client, settled, object } = await connectToObject({ server: { bootstrap } });
    for (const other of others) {
      const { number } = await object.ask(METHOD, (params) => Object.assign(params, { first: own, second: other }))
        .results;
      expect(number).toBe(5);
      await settled();
      expect(client.sizes.exports).toBe(0);
      // Exports the first object again, with an id that another object had.
      await object.ask(METHOD, (params) => Object.assign(params, { first: own })).results;
    }
  });

  test("of several exports: released waits for all of them", async () => {
    const bootstrap = hosting((_, results) => Object.assign(results, { first: silent(), second: silent() }));
    const { server, settled, object } = await connectToObject({ server: { bootstrap } });
    const read = ({ first, second }: Box) => ({ first: importOf(first), second: importOf(second) });
    const { first, second } = await object.ask(METHOD, undefined, { read }).results;
    let areReleased = false;
    const released = server.exports.released().then(() => {
      areReleased = true;
    });
    for (const handle of [first, object]) {
      handle.close();
      await settled();
      expect(areReleased).toBe(false);
    }
    second.close();
    await released;
    await server.exports.released();
  });

  test("of an export are released one by one or together", async () => {
    const own = silent();
    const peer = new RawPeer();
    const object = await peer.bootstrap();
    const question = object.ask(METHOD, (params) => Object.assign(params, { first: own, second: own }));
    const other = object.ask(METHOD, (params) => Object.assign(params, { first: own }));
    for (const { id } of [question, other]) peer.send(returnFrame(id, (body) => body._initResults()));
    const released = peer.connection.exports.released();
    peer.send(releaseFrame(0, 1));
    expect(peer.connection.sizes.exports).toBe(1);
    peer.send(releaseFrame(0, 2));
    await released;
    expect(peer.connection.sizes.exports).toBe(0);
  });
});
