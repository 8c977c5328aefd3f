// Calls between two of our connections: results or the right exception arrive.

import { afterEach, describe, expect, test } from "bun:test";
import { BOX_INTERFACE, hosting, METHOD, OTHER_METHOD, silent } from "../../test/builders/box.ts";
import { connectPair, connectToObject, DELIVERIES, expectEmptyTables } from "../../test/builders/connections.ts";
import { RpcError, type RpcErrorKind } from "./errors.ts";

afterEach(expectEmptyTables);

describe.each(DELIVERIES)("over a stream that delivers %s", (delivery) => {
  test("results arrive", async () => {
    const bootstrap = hosting(({ number, text }, results) => {
      results.number = number + 1;
      results.text = `${text}!`;
    });
    const { object } = await connectToObject({ server: { bootstrap }, delivery });
    const { number, text } = await object.ask(METHOD, (params) => {
      params.number = 41;
      params.text = "hello";
    }).results;
    expect({ number, text }).toEqual({ number: 42, text: "hello!" });
  });

  test("calls start in the order in which they were sent, and may return in another", async () => {
    const taken: number[] = [];
    const gate = Promise.withResolvers<void>();
    const bootstrap = hosting(async ({ number }) => {
      taken.push(number);
      if (number === 0) await gate.promise;
    });
    const { object } = await connectToObject({ server: { bootstrap }, delivery });
    const answered: number[] = [];
    const [first, ...others] = [0, 1, 2].map(async (number) => {
      await object.ask(METHOD, (params) => Object.assign(params, { number })).results;
      answered.push(number);
    });
    await Promise.all(others);
    expect(taken).toEqual([0, 1, 2]);
    expect(answered).toEqual([1, 2]);
    gate.resolve();
    await first;
  });

  test("hundreds of calls at once each get their own results", async () => {
    const bootstrap = hosting(async ({ number, text }, results) => {
      results.text = `${number} ${text}`;
    });
    const { object } = await connectToObject({ server: { bootstrap }, delivery });
    const texts = await Promise.all(
      Array.from({ length: 300 }, async (_, number) => {
        const { results } = object.ask(METHOD, (params) =>
          Object.assign(params, { number, text: "x".repeat(number % 50) }),
        );
        return (await results).text;
      }),
    );
    expect(texts).toEqual(texts.map((_, number) => `${number} ${"x".repeat(number % 50)}`));
  });
});

test("both sides call and answer", async () => {
  const hosted = (name: string) => hosting((_, results) => Object.assign(results, { text: name }));
  const { client, server } = connectPair({
    client: { bootstrap: hosted("client") },
    server: { bootstrap: hosted("server") },
  });
  const objects = await Promise.all([client.bootstrap(), server.bootstrap()]);
  const names = await Promise.all(objects.map(async (object) => (await object.ask(METHOD).results).text));
  expect(names).toEqual(["server", "client"]);
  for (const object of objects) object.close();
});

test("every bootstrap returns a handle of its own", async () => {
  const { client, settled, server } = connectPair({ server: { bootstrap: silent() } });
  const first = await client.bootstrap();
  const second = await client.bootstrap();
  first.close();
  await settled();
  expect(server.sizes.exports).toBe(1);
  expect(second.isOpen).toBe(true);
  second.close();
});

test("parameters larger than a buffer", async () => {
  const bootstrap = hosting(({ text }, results) => Object.assign(results, { number: text.length, text }));
  const { object } = await connectToObject({ server: { bootstrap }, delivery: "whole" });
  const text = "0123456789".repeat(30_000);
  const results = await object.ask(METHOD, (params) => Object.assign(params, { text })).results;
  expect(results.number).toBe(text.length);
  expect(results.text === text).toBe(true);
});

describe("exceptions", () => {
  test.each<RpcErrorKind>(["failed", "overloaded", "disconnected", "unimplemented"])(
    "%s keeps its kind and text",
    async (kind) => {
      const bootstrap = hosting(() => Promise.reject(new RpcError(kind, `thrown ${kind}: ümläut`)));
      const { object } = await connectToObject({ server: { bootstrap } });
      const error = await object.ask(METHOD).results.catch((reason) => reason);
      expect(error).toBeInstanceOf(RpcError);
      expect(error).toMatchObject({ kind, message: `thrown ${kind}: ümläut` });
      object.close();
    },
  );

  test.each<[string, () => unknown, string]>([
    [
      "throws before it returns a promise",
      () => {
        throw new TypeError("at once");
      },
      "at once",
    ],
    ["rejects", async () => Promise.reject(new Error("later")), "later"],
    ["rejects with a text", () => Promise.reject("just a text"), "just a text"],
    ["rejects with nothing", () => Promise.reject(), "undefined"],
    ["rejects with a value that has no text", () => Promise.reject(Object.create(null)), "has no text"],
  ])("a method that %s is answered, and the next call too", async (_, misbehave, text) => {
    const bootstrap = hosting(misbehave, (_params, results) => Object.assign(results, { text: "fine" }));
    const { object } = await connectToObject({ server: { bootstrap } });
    const error = await object.ask(METHOD).results.catch((reason) => reason);
    expect(error).toMatchObject({ name: "RpcError", kind: "failed", message: expect.stringContaining(text) });
    expect((await object.ask(OTHER_METHOD).results).text).toBe("fine");
  });

  test("a method that the object does not have", async () => {
    const { object } = await connectToObject({ server: { bootstrap: hosting(() => {}) } });
    await expect(object.ask(OTHER_METHOD).results).rejects.toMatchObject({
      kind: "unimplemented",
      message: `method not implemented: interface 0x${BOX_INTERFACE.toString(16)} method 1`,
    });
  });

  test("an interface that the object does not have", async () => {
    const { object } = await connectToObject({ server: { bootstrap: hosting(() => {}) } });
    await expect(object.ask({ ...METHOD, interfaceId: 7n }).results).rejects.toMatchObject({
      kind: "unimplemented",
      message: "interface not implemented: interface 0x7 method 0",
    });
  });

  test("a bootstrap where the peer offers none", async () => {
    const { client } = connectPair();
    await expect(client.bootstrap()).rejects.toMatchObject({
      kind: "unimplemented",
      message: "no bootstrap capability is offered here",
    });
  });

  test("parameters that cannot be written are not sent", async () => {
    let calls = 0;
    const bootstrap = hosting(() => calls++);
    const { settled, object } = await connectToObject({ server: { bootstrap } });
    const question = object.ask(METHOD, () => {
      throw new Error("no such parameter");
    });
    await expect(question.results).rejects.toThrow("no such parameter");
    await question.returned;
    await settled();
    expect(calls).toBe(0);
  });

  test("results that cannot be written become an exception", async () => {
    const notACapability = { call: () => {}, close: () => {} } as never;
    const bootstrap = hosting((_, results) => Object.assign(results, { first: silent(), second: notACapability }));
    const { object } = await connectToObject({ server: { bootstrap } });
    await expect(object.ask(METHOD).results).rejects.toThrow(
      "a capability to send is neither hosted here nor open on this connection",
    );
  });
});
