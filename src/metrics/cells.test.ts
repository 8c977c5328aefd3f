// Cells against a BigInt model, and at the limits of their words.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { CellStore, Counter, EventCounter, Gauge } from "./cells.ts";

const MAX_INT64 = 2n ** 63n - 1n;
const MAX_HI = 0x7fffffff;

function newCounter(): Counter {
  return new Counter(new CellStore(1), 0);
}

function newGauge(): Gauge {
  return new Gauge(new CellStore(1), 0);
}

/** The words of an int64 as a DataView's getInt32 gives them. */
function wordsOf(value: bigint): [lo: number, hi: number] {
  return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
}

function counterAt(value: bigint): Counter {
  const counter = newCounter();
  expect(counter.addInt64(...wordsOf(value))).toBe(true);
  return counter;
}

const anyUint32 = fc.oneof(fc.nat({ max: 3 }), fc.integer({ min: 0, max: 0xffffffff }), fc.constant(0xffffffff));
const anyInt64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: MAX_INT64 }),
  fc.bigInt({ min: 0n, max: 2n ** 33n }),
  fc.bigInt({ min: 0n, max: 2n ** 54n }),
  fc.constantFrom(0n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, MAX_INT64, -1n, -(2n ** 63n)),
);
const anyStep = fc.oneof(
  fc.constant({ how: "inc" as const, value: 1n }),
  anyUint32.map((n) => ({ how: "add" as const, value: BigInt(n) })),
  fc.maxSafeNat().map((n) => ({ how: "add" as const, value: BigInt(n) })),
  anyInt64.map((value) => ({ how: "addInt64" as const, value })),
  anyInt64.map((value) => ({ how: "addUnsignedWords" as const, value })),
);

test("a counter is the sum of what it accepted, in any order and with any carries", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
      const counter = newCounter();
      let sum = 0n;
      for (const { how, value } of steps) {
        const [lo, hi] = wordsOf(value);
        let taken: boolean;
        if (how === "inc") taken = counter.inc();
        else if (how === "add") taken = counter.add(Number(value));
        else if (how === "addInt64") taken = counter.addInt64(lo, hi);
        else taken = counter.addInt64(lo >>> 0, hi >>> 0);

        expect(taken).toBe(value >= 0n && sum + value <= MAX_INT64);
        if (taken) sum += value;
        expect(BigInt(counter.read() ?? -1)).toBe(sum);
      }
    }),
    { numRuns: 500 },
  );
});

test.each([0xffffffffn, 2n ** 53n - 1n, 2n ** 63n - 2n])("inc carries past %p", (value) => {
  const counter = counterAt(value);
  expect(counter.inc()).toBe(true);
  expect(BigInt(counter.read()!)).toBe(value + 1n);
});

test("a counter reads as a number while that is exact, as a bigint beyond", () => {
  expect(counterAt(2n ** 53n - 1n).read()).toBe(2 ** 53 - 1);
  expect(counterAt(2n ** 53n).read()).toBe(2n ** 53n);
  expect(counterAt(2n ** 53n + 1n).read()).toBe(2n ** 53n + 1n);
});

test("a counter at the maximum of int64 refuses more", () => {
  const counter = counterAt(MAX_INT64);
  expect(counter.inc()).toBe(false);
  expect(counter.add(0xffffffff)).toBe(false);
  expect(counter.addInt64(...wordsOf(MAX_INT64))).toBe(false);
  expect(counter.read()).toBe(MAX_INT64);
  expect(counter.add(0)).toBe(true);
});

test.each([-1, -(2 ** 31), 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  "add(%p) is refused and changes nothing",
  (n) => {
    const counter = counterAt(7n);
    expect(counter.add(n)).toBe(false);
    expect(counter.read()).toBe(7);
  },
);

test.each([
  [0, -1],
  [-1, -1],
  [0, 0x80000000],
  [0, 0xffffffff],
  [0, 0.5],
  [0.5, 0],
  [2 ** 32, 0],
  [-(2 ** 31) - 1, 0],
  [Number.NaN, 0],
  [0, Number.NaN],
])("addInt64(%p, %p) is refused and changes nothing", (lo, hi) => {
  const counter = counterAt(7n);
  expect(counter.addInt64(lo, hi)).toBe(false);
  expect(counter.read()).toBe(7);
});

test("a counter starts at 0, a gauge without a value", () => {
  expect(newCounter().read()).toBe(0);
  expect(newGauge().read()).toBeUndefined();
});

test("a gauge returns any int64 and any double until it is cleared", () => {
  const gauge = newGauge();
  fc.assert(
    fc.property(fc.oneof(anyInt64, fc.double(), fc.maxSafeInteger()), (value) => {
      gauge.set(value);
      const read = gauge.read()!;
      if (typeof value === "bigint") expect(BigInt(read)).toBe(value);
      else expect(read).toBe(value);
      gauge.clear();
      expect(gauge.read()).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});

test("a gauge keeps a bigint outside int64 as the nearest double", () => {
  const gauge = newGauge();
  gauge.set(2n ** 63n);
  expect(gauge.read()).toBe(2 ** 63);
  gauge.set(-(2n ** 70n));
  expect(gauge.read()).toBe(-(2 ** 70));
});

test("cells of one store are independent", () => {
  const store = new CellStore(3);
  const first = new Gauge(store, store.reserve(1));
  const counter = new Counter(store, store.reserve(1));
  const last = new Gauge(store, store.reserve(1));
  counter.addInt64(-1, MAX_HI);
  expect([first.read(), last.read()]).toEqual([undefined, undefined]);
  first.set(-1n);
  last.set(-1n);
  expect(counter.read()).toBe(MAX_INT64);
});

test("a full store throws", () => {
  const store = new CellStore(3);
  expect(store.reserve(2)).toBe(0);
  expect(() => store.reserve(2)).toThrow("cannot reserve 2 cells: 2 of 3 are in use");
  expect(() => store.reserve(0)).toThrow(RangeError);
  expect(() => store.reserve(Number.NaN)).toThrow(RangeError);
  expect(store.reserve(1)).toBe(2);
});

test("an event counter has no value until it starts, and loses nothing", () => {
  const counter = new EventCounter(new CellStore(1), 0);
  expect(counter.read()).toBeUndefined();
  counter.start();
  expect(counter.read()).toBe(0);

  const early = new EventCounter(new CellStore(1), 0);
  early.inc();
  early.addInt64(-1, 1);
  expect(early.read()).toBeUndefined();
  early.start();
  expect(early.read()).toBe(2 ** 33);
  early.inc();
  early.start();
  expect(early.read()).toBe(2 ** 33 + 1);
});

test("a counter in the place of another starts at 0", () => {
  const store = new CellStore(1);
  new Counter(store, 0).add(5);
  const counter = new EventCounter(store, 0);
  counter.start();
  expect(counter.read()).toBe(0);
});
