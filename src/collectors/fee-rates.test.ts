import { expect, test } from "bun:test";
import fc from "fast-check";
import { collected } from "../../test/builders/collected.ts";
import { parseJson } from "../../test/builders/json.ts";
import { callsOf, clearAll } from "../../test/builders/polled-calls.ts";
import { type JsonValue, readJson } from "../node/json.ts";
import { feeRatesCollector } from "./fee-rates.ts";

const feeRates = collected(feeRatesCollector);
const METHOD = "getmempoolfeeratediagram";

/** A chunk: its weight, and its fees in satoshis. */
type Chunk = readonly [weight: number, fee: number];

/** The diagram of these chunks, as the node prints it. */
function diagramOf(chunks: readonly Chunk[]): string {
  let weight = 0;
  let fee = 0;
  const points = [[0, 0] as Chunk, ...chunks].map(([chunkWeight, chunkFee]) => {
    weight += chunkWeight;
    fee += chunkFee;
    return `{"weight":${weight},"fee":${Math.floor(fee / 1e8)}.${String(fee % 1e8).padStart(8, "0")}}`;
  });
  return `[${points}]`;
}

const read = (...chunks: Chunk[]) => feeRates.read(METHOD, diagramOf(chunks));

/** Samples that are not 0 of a family, by the label. */
function byLabel(samples: Record<string, string>, family: string): Record<string, string> {
  const own = Object.entries(samples).filter(([series, value]) => series.startsWith(`${family}{`) && value !== "0");
  return Object.fromEntries(own.map(([series, value]) => [/"(.*)"/.exec(series)![1]!, value]));
}

const VBYTES = "bitcoin_mempool_fee_rate_band_vbytes";
const FEES = "bitcoin_mempool_fee_rate_band_fees_satoshis";
const NEXT = "bitcoin_mempool_next_blocks_fee_rate_satoshis_per_vbyte";

test("each chunk counts in the band of its fee rate; a bound belongs to the band above", () => {
  // 2000, 12, 11.99, 1, 0.1 and 0.05 satoshis per virtual byte.
  const samples = read([400, 200_000], [400, 1200], [40_000, 119_900], [800, 200], [400, 10], [802, 10]);
  expect(byLabel(samples, VBYTES)).toEqual({
    "1000+": "100",
    "12-20": "100",
    "8-12": "10000",
    "1-2": "200",
    "0.1-0.2": "100",
    "0-0.1": "200.5",
  });
  expect(byLabel(samples, FEES)).toEqual({
    "1000+": "200000",
    "12-20": "1200",
    "8-12": "119900",
    "1-2": "200",
    "0.1-0.2": "10",
    "0-0.1": "10",
  });
});

test("an empty mempool has empty bands and no fee rate", () => {
  const samples = read();
  expect(Object.keys(samples).filter((series) => series.startsWith(VBYTES))).toHaveLength(19);
  expect(byLabel(samples, VBYTES)).toEqual({});
  expect(byLabel(samples, NEXT)).toEqual({});
  expect(samples).toHaveProperty("bitcoin_mempool_next_block_fees_satoshis", "0");
});

test("blocks are full with the chunk that reaches their weight; the fees are those of chunks that fit whole", () => {
  const samples = read([3_991_000, 50_000_000], [1000, 5000], [3_992_000, 9_980_000], [4_000_000, 1_000_000]);
  expect(byLabel(samples, NEXT)).toEqual({ 1: "20", 2: "10", 3: "1" });
  expect(samples).toHaveProperty("bitcoin_mempool_next_block_fees_satoshis", "50005000");
});

test("a chunk across the limit is not in the next block, and its rate is what fills it", () => {
  const samples = read([3_991_999, 50_000_000], [400, 1000]);
  expect(byLabel(samples, NEXT)).toEqual({ 1: "10" });
  expect(samples).toHaveProperty("bitcoin_mempool_next_block_fees_satoshis", "50000000");
});

test("a diagram replaces the one before, even one that was read in part", () => {
  read([400, 200_000], [4_000_000, 1_000_000]);
  const { items } = callsOf(feeRates.collector).jsonRpc[0]!.source;
  (items as (point: JsonValue) => void)(parseJson(`{"weight": 800, "fee": 0.00000100}`));
  expect(byLabel(read([400, 1200]), VBYTES)).toEqual({ "12-20": "100" });
  clearAll(feeRates.collector);
  expect(feeRates.samples()).toEqual({});
});

test("a malformed diagram removes all samples", () => {
  read([400, 1200]);
  expect(() => feeRates.read(METHOD, "{}")).toThrow("the result is not a count: {}");
  expect(feeRates.samples()).toEqual({});
  read([400, 1200]);
  expect(() => feeRates.read(METHOD, "[]")).toThrow("not a diagram of fee rates");
  expect(feeRates.samples()).toEqual({});
  expect(() => feeRates.read(METHOD, '[{"weight": "heavy"}]')).toThrow('"weight" is not');
});

test("bands add up to the whole mempool, whatever it has", () => {
  const chunk = fc.tuple(fc.integer({ min: 1, max: 400_000 }), fc.integer({ min: 0, max: 100_000_000 }));
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 60 }), (chunks) => {
      const samples = read(...chunks);
      const sum = (family: string) =>
        Object.values(byLabel(samples, family)).reduce((total, value) => total + Number(value), 0);
      const total = (index: 0 | 1) => chunks.reduce((sum, chunk) => sum + chunk[index], 0);
      expect(sum(VBYTES) * 4).toBe(total(0));
      expect(sum(FEES)).toBe(total(1));
    }),
  );
});

test("a diagram of 100,000 chunks is read point by point, between other work", async () => {
  const chunks = Array.from({ length: 100_000 }, (_, index): Chunk => [561, Math.round(1_000_000 / (1 + index / 10))]);
  const { source } = callsOf(feeRates.collector).jsonRpc[0]!;
  const bytes = Buffer.from(diagramOf(chunks));
  let turns = 0;
  const timer = setInterval(() => turns++);
  const result = await readJson(bytes, { items: source.items });
  clearInterval(timer);
  expect(source.read(result)).toBeDefined();
  expect(turns).toBeGreaterThan(3);
});
