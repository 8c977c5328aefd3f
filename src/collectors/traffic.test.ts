import { expect, test } from "bun:test";
import fc from "fast-check";
import { collected } from "../../test/builders/collected.ts";
import { clearAll } from "../../test/builders/polled-calls.ts";
import { trafficCollector } from "./traffic.ts";

const traffic = collected(trafficCollector);

type Counts = Readonly<Record<string, number>>;

function poll(...peers: { id: number; sent?: Counts; received?: Counts }[]): void {
  const answer = peers.map(({ id, sent = {}, received = {} }) => ({
    id,
    bytessent_per_msg: sent,
    bytesrecv_per_msg: received,
  }));
  traffic.read("getpeerinfo", answer);
}

/** The counters that are not 0, by direction and message. */
function counted(): Record<string, number> {
  const samples = Object.entries(traffic.samples()).map(([series, value]) => {
    const [direction, message] = [...series.matchAll(/="([^"]*)"/g)].map((match) => match[1]);
    return [`${direction} ${message}`, Number(value)] as const;
  });
  return Object.fromEntries(samples.filter(([, value]) => value !== 0));
}

test("there is no sample before the first answer, and every message has one from then on", () => {
  expect(traffic.samples()).toEqual({});
  poll();
  expect(Object.keys(traffic.samples())).toHaveLength(2 * 37);
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
  clearAll(traffic.collector);
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
  traffic.read("getpeerinfo", '[{"bytessent_per_msg": {"inv": 5}}, {"id": 4}]');
  traffic.read("getpeerinfo", '[{"bytessent_per_msg": {"inv": 50}}, {"id": 4}]');
  expect(counted()).toEqual({});
});
