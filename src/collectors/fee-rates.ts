// The mempool by fee rate, and the fee rates that fill the next blocks. The source is the node's diagram of its mempool: chunks of
// transactions that would be mined together, from the highest fee rate to the lowest. A full mempool has some 100,000 chunks,
// which are read one by one.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, polled, polledInto } from "./collector.ts";
import { samplesOf } from "./labelled.ts";
import * as result from "./result.ts";

/** Polls from one call to the next: the node locks its mempool for an answer, which has megabytes if the mempool is full. */
const EVERY = 5;

/** Lower bounds of the bands, in satoshis per virtual byte; the first begins at 0. */
const BOUNDS = [0.1, 0.2, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 1000];
const BANDS = [0, ...BOUNDS].map((from, index) => (index < BOUNDS.length ? `${from}-${BOUNDS[index]}` : `${from}+`));

const WEIGHT_PER_VBYTE = 4;
/** Maximum weight of a block's transactions: 4,000,000 without what Bitcoin Core reserves for header and coinbase. */
const BLOCK_WEIGHT = 3_992_000;
const NEXT_BLOCKS = [1, 2, 3, 6];

export function feeRatesCollector(registry: Registry): Collector {
  const vbytes = registry.gaugeVec(
    "bitcoin_mempool_fee_rate_band_vbytes",
    "Virtual size of the mempool's transactions, by band of fee rates in satoshis per virtual byte.",
    ["band"],
    BANDS.length,
  );
  const fees = registry.gaugeVec(
    "bitcoin_mempool_fee_rate_band_fees_satoshis",
    "Fees of the mempool's transactions in satoshis, by band of fee rates in satoshis per virtual byte.",
    ["band"],
    BANDS.length,
  );
  const nextBlocks = registry.gaugeVec(
    "bitcoin_mempool_next_blocks_fee_rate_satoshis_per_vbyte",
    "Fee rate at which the mempool's transactions fill the next `blocks` blocks, in satoshis per virtual byte.",
    ["blocks"],
    NEXT_BLOCKS.length,
  );
  const nextBlockFees = registry.gauge(
    "bitcoin_mempool_next_block_fees_satoshis",
    "Fees of the transactions that fit into the next block, in satoshis.",
  );

  const diagram = new Diagram();
  const source = fromRpc("getmempoolfeeratediagram", { every: EVERY, items: (point) => diagram.add(point) });
  const ofDiagram = <Value>(read: () => Value) =>
    source((result) => {
      diagram.expectPoints(result);
      return read();
    });
  return {
    polled: [
      polledInto(
        samplesOf(vbytes),
        ofDiagram(() => byBand(diagram.vbytes)),
      ),
      polledInto(
        samplesOf(fees),
        ofDiagram(() => byBand(diagram.fees)),
      ),
      polledInto(
        samplesOf(nextBlocks),
        ofDiagram(() => NEXT_BLOCKS.map((blocks, index) => [[String(blocks)], diagram.fillRates[index]] as const)),
      ),
      polled(
        nextBlockFees,
        ofDiagram(() => diagram.nextBlockFees),
      ),
    ],
  };
}

function byBand(values: Float64Array) {
  return BANDS.map((band, index) => [[band], values[index]] as const);
}

/** Sums over the points of one diagram. A point is the weight and the fees of all chunks up to it; the first is 0. */
class Diagram {
  /** By band. */
  readonly vbytes = new Float64Array(BANDS.length);
  /** By band, in satoshis. */
  readonly fees = new Float64Array(BANDS.length);
  /** By NEXT_BLOCKS; undefined while the mempool does not fill that number of blocks. */
  readonly fillRates: (number | undefined)[] = [];
  /** In satoshis. */
  nextBlockFees = 0;
  #points = 0;
  #weight = 0;
  #fee = 0;

  /** @throws Error when it is not a point of a diagram. */
  add(point: JsonValue): void {
    const weight = Number(result.count(point, "weight"));
    const fee = Number(result.satoshis(point, "fee"));
    if (weight === 0) this.#reset();
    this.#points++;
    const chunkWeight = weight - this.#weight;
    const chunkFee = fee - this.#fee;
    this.#weight = weight;
    this.#fee = fee;
    if (chunkWeight > 0) this.#addChunk(chunkWeight, chunkFee);
  }

  /** @throws Error unless `result`, the number of points that were read, is the number of points of the diagram. */
  expectPoints(points: JsonValue): void {
    if (result.asCount(points) !== BigInt(this.#points)) throw new Error("the result is not a diagram of fee rates");
  }

  #addChunk(weight: number, fee: number): void {
    const rate = (fee * WEIGHT_PER_VBYTE) / weight;
    const above = BOUNDS.findIndex((bound) => rate < bound);
    const band = above < 0 ? BOUNDS.length : above;
    this.vbytes[band]! += weight / WEIGHT_PER_VBYTE;
    this.fees[band]! += fee;
    if (this.#weight <= BLOCK_WEIGHT) this.nextBlockFees = this.#fee;
    for (const [index, blocks] of NEXT_BLOCKS.entries()) {
      if (this.#weight >= blocks * BLOCK_WEIGHT) this.fillRates[index] ??= rate;
    }
  }

  #reset(): void {
    this.vbytes.fill(0);
    this.fees.fill(0);
    this.fillRates.length = 0;
    this.nextBlockFees = 0;
    this.#points = this.#weight = this.#fee = 0;
  }
}
