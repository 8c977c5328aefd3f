// The numbers of all metrics, in one typed array of two 32-bit words a value. Collectors write cells, a scrape reads them.
// Callbacks of the node count here several hundred thousand times a second, so an addition allocates nothing and does
// without BigInt. One thread reads and writes. Atomics take most of an addition's time: 18 ns, and 3 ns without them.

const WORDS_PER_CELL = 2;
const LO = 0;
const HI = 1;

const TWO_32 = 2 ** 32;
const MAX_HI = 0x7fffffff;
const SIGN_BIT = -0x80000000;

/** Memory for cells, of fixed size. A cell is reserved at registration and never freed. */
export class CellStore {
  readonly doubles: Float64Array<ArrayBuffer>;
  /** The same memory: a cell is one double or the two words of an int64. */
  readonly words: Int32Array<ArrayBuffer>;
  #used = 0;

  /** @param capacity the number of cells, 8 bytes each */
  constructor(capacity: number) {
    this.doubles = new Float64Array(capacity);
    this.words = new Int32Array(this.doubles.buffer);
  }

  /**
   * Reserves `count` adjacent cells and returns the index of the first.
   * Throws a RangeError if fewer are left, or if `count` is not a positive integer.
   */
  reserve(count: number): number {
    const first = this.#used;
    const capacity = this.doubles.length;
    if (!Number.isSafeInteger(count) || count < 1 || first + count > capacity) {
      throw new RangeError(`cannot reserve ${count} cells: ${first} of ${capacity} are in use`);
    }
    this.#used += count;
    return first;
  }
}

/** One value, exact as an int64 or a double, or no value. */
export class Cell {
  protected readonly words: Int32Array;
  protected readonly at: number;
  readonly #doubles: Float64Array;
  /** The type of the two words; without a value, a counter still adds to them. */
  protected content: "nothing" | "int64" | "double" = "nothing";

  /** Starts without a value. @param index as `CellStore.reserve` returns it */
  constructor(store: CellStore, index: number) {
    this.words = store.words;
    this.at = index * WORDS_PER_CELL;
    this.#doubles = store.doubles;
  }

  /** The exact value: a bigint if it is an integer beyond 2^53, undefined if there is none. */
  read(): number | bigint | undefined {
    if (this.content === "nothing") return undefined;
    if (this.content === "double") return this.#doubles[this.at / WORDS_PER_CELL]!;
    const lo = Atomics.load(this.words, this.at + LO) >>> 0;
    const hi = Atomics.load(this.words, this.at + HI);
    const value = hi * TWO_32 + lo;
    return Number.isSafeInteger(value) ? value : (BigInt(hi) << 32n) | BigInt(lo);
  }

  protected writeInt64(lo: number, hi: number): void {
    Atomics.store(this.words, this.at + LO, lo);
    Atomics.store(this.words, this.at + HI, hi);
    this.content = "int64";
  }

  protected writeDouble(value: number): void {
    this.#doubles[this.at / WORDS_PER_CELL] = value;
    this.content = "double";
  }
}

/**
 * A sum that the exporter keeps. It starts at 0, never falls, and is exact up to 2^63-1.
 * An invalid addition (negative, fractional, or past 2^63-1) changes nothing and returns false, because the hot path must not
 * throw.
 */
export class Counter extends Cell {
  constructor(store: CellStore, index: number) {
    super(store, index);
    this.writeInt64(0, 0);
  }

  /** Adds 1. */
  inc(): boolean {
    return this.addInt64(1, 0);
  }

  /** Adds `n`, an integer from 0 to 2^53-1. */
  add(n: number): boolean {
    if (n >>> 0 === n) return this.addInt64(n, 0);
    return Number.isSafeInteger(n) && this.addInt64(n >>> 0, Math.floor(n / TWO_32));
  }

  /** Adds a non-negative int64 as its two 32-bit words on the wire; each may be read signed or unsigned. */
  addInt64(lo: number, hi: number): boolean {
    const { words, at } = this;
    const addLo = lo | 0;
    // A hi with its sign bit set, read unsigned, passes here and fails below: any sum with it is past MAX_HI.
    if (hi >>> 0 !== hi || (addLo !== lo && lo >>> 0 !== lo)) return false;

    // In int32, twice as fast as in doubles. The low sum wrapped if it is less than what was added to it, compared as
    // unsigned numbers, which flipping the sign bits does.
    const newLo = (Atomics.load(words, at + LO) + addLo) | 0;
    const carry = (newLo ^ SIGN_BIT) < (addLo ^ SIGN_BIT) ? 1 : 0;
    if (hi + carry > 0) {
      const newHi = Atomics.load(words, at + HI) + hi + carry;
      if (newHi > MAX_HI) return false;
      Atomics.store(words, at + HI, newHi);
    }
    Atomics.store(words, at + LO, newLo);
    return true;
  }
}

/**
 * A counter of events that not every node reports: it has no sample until `start`, so that 0 never means "unknown". Additions
 * before that count.
 */
export class EventCounter extends Counter {
  constructor(store: CellStore, index: number) {
    super(store, index);
    this.content = "nothing";
  }

  /** From now on there is a sample, 0 if nothing was added. Call it when a session can report the event. */
  start(): void {
    this.content = "int64";
  }
}

/** A value that the node or the system keeps. It has no sample until it is set. */
export class Gauge extends Cell {
  /**
   * Sets any number, or an int64 exactly as a bigint. A bigint outside int64 becomes the nearest double, as in Prometheus.
   */
  set(value: number | bigint): void {
    if (typeof value === "bigint" && BigInt.asIntN(64, value) === value) {
      this.writeInt64(Number(BigInt.asIntN(32, value)), Number(value >> 32n));
    } else {
      this.writeDouble(Number(value));
    }
  }

  /** Removes the value: no sample until it is set again. */
  clear(): void {
    this.content = "nothing";
  }
}
