import { beforeEach, expect, test } from "bun:test";
import fc from "fast-check";
import { answerRpc, clearAll } from "../../test/builders/polled-calls.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import type { Collector } from "./collector.ts";
import { trafficCollector } from "./traffic.ts";

let registry: Registry;
let traffic: Collector;
beforeEach(() => {
  registry = new Registry();
  traffic = trafficCollector(registry);
});

type Counts = Readonly<Record<string, number>>;

function poll(...peers: { id: number; sent?: Counts; received?: Counts }[]): void {
  const answer = peers.map(({ id, sent = {}, received = {} }) => ({
    id,
    bytessent_per_msg: sent,
    bytesrecv_per_msg: received,
  }));
  answerRpc(traffic, "getpeerinfo", JSON.stringify(answer));
}

/** The counters that are not 0, by direction and message. */
function counted(): Record<string, number> {
  const samples = Object.entries(samplesOf(registry)).map(([series, value]) => {
    const [direction, message] = [...series.matchAll(/="([^"]*)"/g)].map((match) => match[1]);
    return [`${direction} ${message}`, Number(value)] as const;
  });
  return Object.fromEntries(samples.filter(([, value]) => value !== 0));
}

test("there is no sample before the first answer, and every message has one from then on", () => {
  expect(samplesOf(registry)).toEqual({});
  poll();
  expect(Object.keys(samplesOf(registry))).toHaveLength(2 * 37);
});

test("counts what peers' counts rise by, not what was before the first answer", () => {
  poll({ id: 7, sent: { inv: 1000, tx: 5 }, received: { inv: 300 } });
  expect(counted()).toEqual({});
  poll({ id: 7, sent: { inv: 1100, tx: 5, ping: 32 }, received: { inv: 361 } });
  expect(counted()).toEqual({ "sent inv": 100, "sent ping": 32, "received inv": 61 });
});

test("a peer that connected since counts whole, and one that left takes nothing back", () => {
  poll({ id: 1, sent: { inv: 1000 } }, { id: 2, sent: { inv: 50 } });
  poll({ id: 2, sent: { inv: 60 } }, { id: 3, sent: { inv: 7 } });
  expect(counted()).toEqual({ "sent inv": 17 });
  poll();
  expect(counted()).toEqual({ "sent inv": 17 });
});

test("messages that are not listed are other", () => {
  poll({ id: 1 });
  poll({ id: 1, received: { "*other*": 10, telepathy: 3, block: 1 } });
  expect(counted()).toEqual({ "received other": 13, "received block": 1 });
});

test("after a failed poll or another session, the next answer is where counting begins again", () => {
  poll({ id: 1, sent: { inv: 10 } });
  poll({ id: 1, sent: { inv: 15 } });
  clearAll(traffic);
  expect(counted()).toEqual({ "sent inv": 5 });
  poll({ id: 1, sent: { inv: 900 } });
  poll({ id: 1, sent: { inv: 903 } });
  expect(counted()).toEqual({ "sent inv": 8 });
});

test("an answer that is older than the last one counts nothing, now or later", () => {
  poll({ id: 1, sent: { inv: 10, tx: 1 } });
  poll({ id: 1, sent: { inv: 30, tx: 5 } });
  poll({ id: 1, sent: { inv: 20, tx: 5 } });
  poll({ id: 1, sent: { inv: 40, tx: 5 } });
  expect(counted()).toEqual({ "sent inv": 30, "sent tx": 4 });
});

test("counters never fall, whatever the peers' counts do", () => {
  const peer = fc.record({
    id: fc.integer({ min: 0, max: 3 }),
    sent: fc.dictionary(fc.constantFrom("inv", "tx", "x"), fc.nat(1000)),
  });
  const answer = fc.uniqueArray(peer, { selector: ({ id }) => id });
  fc.assert(
    fc.property(fc.array(answer), (answers) => {
      let before = counted();
      for (const peers of answers) {
        poll(...peers);
        const now = counted();
        for (const [key, value] of Object.entries(before)) expect(now[key]).toBeGreaterThanOrEqual(value);
        before = now;
      }
    }),
  );
});

test("without an id a peer is not counted, and without counts there are none", () => {
  answerRpc(traffic, "getpeerinfo", '[{"bytessent_per_msg": {"inv": 5}}, {"id": 4}]');
  answerRpc(traffic, "getpeerinfo", '[{"bytessent_per_msg": {"inv": 50}}, {"id": 4}]');
  expect(counted()).toEqual({});
});
