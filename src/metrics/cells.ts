// The numbers themselves: every value the exporter shows lives in one SharedArrayBuffer, four 32-bit words a cell.
// Callbacks count here some hundred thousand times a second, so counting neither allocates nor touches a BigInt.
// One thread writes. Any thread may read, and never sees half of a change.

// A cell:
//
//   word 0  lo    low half of the value
//   word 1  hi    high half of the value
//   word 2  kind  ABSENT, INT64 (hi:lo is a signed integer) or FLOAT64 (hi:lo are the bits of a double)
//   word 3  seq   odd while hi or kind are being changed, so that a reader knows to look again
//
// Most additions change lo alone, which a single store does whole; only a carry into hi pays for seq. So being right
// for readers on other threads costs an addition nothing.
const WORDS_PER_CELL = 4;
const LO = 0;
const HI = 1;
const KIND = 2;
const SEQ = 3;

const ABSENT = 0;
const INT64 = 1;
const FLOAT64 = 2;

const TWO_32 = 2 ** 32;
const MAX_HI = 0x7fffffff;
const SIGN_BIT = -0x80000000;

// Carries a double to its two words and back; written and read in one breath. Each thread has its own.
const float = new Float64Array(1);
const floatWords = new Int32Array(float.buffer);

/** Hands out cells from one buffer of fixed size, at registration; nothing is ever given back. */
export class CellStore {
  readonly words: Int32Array<SharedArrayBuffer>;
  #used = 0;

  /** @param capacity how many cells the store holds, at 16 bytes each */
  constructor(capacity: number) {
    this.words = new Int32Array(new SharedArrayBuffer(capacity * WORDS_PER_CELL * 4));
  }

  /**
   * Sets aside `count` neighbouring cells and returns where they begin, in cells.
   * Throws a RangeError if the store has no room for them, or if `count` is no positive integer.
   */
  reserve(count: number): number {
    const first = this.#used;
    const capacity = this.words.length / WORDS_PER_CELL;
    if (!Number.isSafeInteger(count) || count < 1 || first + count > capacity) {
      throw new RangeError(`cannot reserve ${count} cells: ${first} of ${capacity} are in use`);
    }
    this.#used += count;
    return first;
  }
}

/** One value, read-only; also what another thread makes over the store's words to read it. */
export class Cell {
  protected readonly words: Int32Array;
  protected readonly at: number;

  /** @param index which cell of `words` this is, as `CellStore.reserve` counts them */
  constructor(words: Int32Array, index: number) {
    this.words = words;
    this.at = index * WORDS_PER_CELL;
  }

  /** The exact value: a bigint when it is an integer beyond 2^53, undefined when there is none. */
  read(): number | bigint | undefined {
    const { words, at } = this;
    let seq: number;
    let lo: number;
    let hi: number;
    let kind: number;
    do {
      seq = Atomics.load(words, at + SEQ);
      lo = Atomics.load(words, at + LO);
      hi = Atomics.load(words, at + HI);
      kind = Atomics.load(words, at + KIND);
    } while ((seq & 1) !== 0 || Atomics.load(words, at + SEQ) !== seq);

    if (kind === ABSENT) return undefined;
    if (kind === FLOAT64) {
      floatWords[0] = lo;
      floatWords[1] = hi;
      return float[0]!;
    }
    const value = hi * TWO_32 + (lo >>> 0);
    return Number.isSafeInteger(value) ? value : (BigInt(hi) << 32n) | BigInt(lo >>> 0);
  }

  /** Changes the whole cell at once, as a reader on another thread sees it. */
  protected write(lo: number, hi: number, kind: number): void {
    const { words, at } = this;
    Atomics.add(words, at + SEQ, 1);
    Atomics.store(words, at + LO, lo);
    Atomics.store(words, at + HI, hi);
    Atomics.store(words, at + KIND, kind);
    Atomics.add(words, at + SEQ, 1);
  }
}

/**
 * A sum that we keep ourselves. It starts at 0, never goes down, and is exact up to 2^63-1.
 * An addition it cannot take (negative, fractional, or past 2^63-1) leaves it as it was and returns false: the hot
 * path must not throw, and the caller knows whom to tell.
 */
export class Counter extends Cell {
  constructor(words: Int32Array, index: number) {
    super(words, index);
    this.write(0, 0, INT64);
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

  /** Adds a non-negative int64, given as the two 32-bit words it has on the wire; each may be read signed or unsigned. */
  addInt64(lo: number, hi: number): boolean {
    const { words, at } = this;
    const addLo = lo | 0;
    // A hi with its sign bit set, read unsigned, passes here and fails below, as any sum with it is past MAX_HI.
    if (hi >>> 0 !== hi || (addLo !== lo && lo >>> 0 !== lo)) return false;

    // All in int32, twice as fast as in doubles. The sum wrapped if it is less than what was added to it, both taken
    // as unsigned, which flipping the sign bit does.
    const newLo = (Atomics.load(words, at + LO) + addLo) | 0;
    const carry = (newLo ^ SIGN_BIT) < (addLo ^ SIGN_BIT) ? 1 : 0;
    if (hi === 0 && carry === 0) {
      Atomics.store(words, at + LO, newLo);
      return true;
    }

    const newHi = Atomics.load(words, at + HI) + hi + carry;
    if (newHi > MAX_HI) return false;
    this.write(newLo, newHi, INT64);
    return true;
  }
}

/** A value that somebody else keeps and we are told. It starts absent, without a sample, until it is set. */
export class Gauge extends Cell {
  constructor(words: Int32Array, index: number) {
    super(words, index);
    this.clear();
  }

  /**
   * Sets any number, or an int64 exactly as a bigint. A bigint outside int64 is kept as the nearest double, which is
   * all that Prometheus would make of it.
   */
  set(value: number | bigint): void {
    if (typeof value === "bigint" && BigInt.asIntN(64, value) === value) {
      this.write(Number(BigInt.asIntN(32, value)), Number(value >> 32n), INT64);
    } else {
      float[0] = Number(value);
      this.write(floatWords[0]!, floatWords[1]!, FLOAT64);
    }
  }

  /** Takes the value away: no sample until it is set again. */
  clear(): void {
    this.write(0, 0, ABSENT);
  }
}
