// Structs read in place: the view moves to the struct that a pointer names, never outside the segment.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { frameOf } from "../../test/builders/frames.ts";
import { Frame } from "./frame.ts";
import { StructView } from "./struct-view.ts";

const WORD = 8;

/** A struct pointer; `offset` is in words from the end of the pointer. */
function structPointer(offset: number, dataWords: number, pointerCount: number): bigint {
  return BigInt.asUintN(32, BigInt(offset) << 2n) | (BigInt(dataWords) << 32n) | (BigInt(pointerCount) << 48n);
}

/** A view on a segment of these words, which lies between pointers into it. */
function viewOn(...words: bigint[]): { view: StructView; at: (word: number) => number } {
  const before = [0xffff_ffff_ffff_ffffn, structPointer(0, 1, 0)];
  const after = [structPointer(-2, 1, 0), 0xffff_ffff_ffff_ffffn];
  const bytes = new Uint8Array(new BigUint64Array([...before, ...words, ...after]).buffer);
  const start = before.length * WORD;
  const view = new StructView();
  view.reset(bytes, start, start + words.length * WORD);
  return { view, at: (word) => start + word * WORD };
}

/** Where the view is, in words of the segment. */
function place({ view, at }: ReturnType<typeof viewOn>): { data: number; dataWords: number; pointerCount: number } {
  return { data: (view.data - at(0)) / WORD, dataWords: view.dataBytes / WORD, pointerCount: view.pointerCount };
}

describe("follow", () => {
  test("moves to the struct behind the pointer", () => {
    const segment = viewOn(structPointer(1, 2, 1), 7n, 8n, 9n, 0n);
    expect(segment.view.follow(segment.at(0))).toBe(true);
    expect(place(segment)).toEqual({ data: 2, dataWords: 2, pointerCount: 1 });
  });

  test("moves to a struct before the pointer", () => {
    const segment = viewOn(7n, 8n, structPointer(-3, 2, 0));
    expect(segment.view.follow(segment.at(2))).toBe(true);
    expect(place(segment)).toEqual({ data: 0, dataWords: 2, pointerCount: 0 });
  });

  test("moves to an empty struct, which lies at its own pointer", () => {
    const segment = viewOn(0n, structPointer(-1, 0, 0));
    expect(segment.view.follow(segment.at(1))).toBe(true);
    expect(place(segment)).toEqual({ data: 1, dataWords: 0, pointerCount: 0 });
  });

  test("moves to a struct that ends with the segment", () => {
    const segment = viewOn(structPointer(0, 1, 1), 7n, 0n);
    expect(segment.view.follow(segment.at(0))).toBe(true);
    expect(place(segment)).toEqual({ data: 1, dataWords: 1, pointerCount: 1 });
  });

  test.each<[string, bigint]>([
    ["null", 0n],
    ["a list", structPointer(0, 1, 0) | 1n],
    ["a far pointer", 2n],
    ["a double far pointer", 6n],
    ["a capability", 3n],
    ["data beyond the segment", structPointer(0, 4, 0)],
    ["pointers beyond the segment", structPointer(0, 1, 3)],
    ["a start beyond the segment", structPointer(4, 0, 0)],
    ["a start before the segment", structPointer(-3, 1, 0)],
    ["the farthest start", structPointer(2 ** 29 - 1, 1, 1)],
    ["the farthest start backwards", structPointer(-(2 ** 29), 1, 1)],
    ["the largest struct", structPointer(0, 0xffff, 0xffff)],
  ])("refuses %s and does not move", (_, pointer) => {
    const segment = viewOn(structPointer(0, 1, 0), pointer, 7n, 8n, 9n);
    segment.view.follow(segment.at(0));
    const before = place(segment);
    expect(segment.view.follow(segment.at(1))).toBe(false);
    expect(place(segment)).toEqual(before);
  });

  test.each([-1, 3])("refuses a pointer at word %p of a segment of 3", (word) => {
    const segment = viewOn(structPointer(0, 0, 0), 0n, 0n);
    expect(segment.view.follow(segment.at(word))).toBe(false);
  });

  test("stays in the segment for random words", () => {
    const anyWord = fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc
        .tuple(fc.integer({ min: -8, max: 8 }), fc.nat({ max: 4 }), fc.nat({ max: 4 }))
        .map((parts) => structPointer(...parts)),
    );
    let followed = 0;
    fc.assert(
      fc.property(fc.array(anyWord, { minLength: 1, maxLength: 8 }), fc.array(fc.nat({ max: 5 })), (words, slots) => {
        const segment = viewOn(...words);
        for (let word = 0; word < words.length; word++) {
          if (!segment.view.follow(segment.at(word))) continue;
          followed++;
          for (const slot of slots) {
            const { data, dataWords, pointerCount } = place(segment);
            expect(data).toBeGreaterThanOrEqual(0);
            expect(data + dataWords + pointerCount).toBeLessThanOrEqual(words.length);
            segment.view.followSlot(slot);
          }
        }
      }),
      { numRuns: 500 },
    );
    expect(followed).toBeGreaterThan(100);
  });
});

describe("followSlot", () => {
  test("follows the pointer in the slot, after the data", () => {
    const segment = viewOn(structPointer(0, 1, 2), 7n, 0n, structPointer(0, 1, 0), 9n);
    segment.view.follow(segment.at(0));
    expect(segment.view.followSlot(0)).toBe(false);
    expect(segment.view.followSlot(1)).toBe(true);
    expect(place(segment)).toEqual({ data: 4, dataWords: 1, pointerCount: 0 });
  });

  test("refuses a slot that the struct does not have, whatever follows the struct", () => {
    const segment = viewOn(structPointer(0, 1, 1), 7n, 0n, structPointer(0, 1, 0), 9n);
    segment.view.follow(segment.at(0));
    expect(segment.view.followSlot(1)).toBe(false);
    expect(place(segment)).toEqual({ data: 1, dataWords: 1, pointerCount: 1 });
  });
});

describe("dataLength", () => {
  /** A list pointer; `elements` is the code of the size of one, 2 for a byte. */
  const listPointer = (offset: number, length: number, elements = 2) =>
    BigInt.asUintN(32, (BigInt(offset) << 2n) | 1n) | (BigInt(elements) << 32n) | (BigInt(length) << 35n);
  const farPointer = (segment: number, pad: number, isDouble = false) =>
    2n | (isDouble ? 4n : 0n) | (BigInt(pad) << 3n) | (BigInt(segment) << 32n);

  const words = (...all: bigint[]) => new Uint8Array(new BigUint64Array(all).buffer);

  /** The length that slot 0 of a struct has, whose pointer is `pointer`, in a frame of these segments; of it `sizeBytes` are there. */
  function lengthIn(
    pointer: bigint,
    rest: bigint[],
    others: bigint[][] = [],
    sizeBytes = Number.POSITIVE_INFINITY,
  ): number {
    const bytes = frameOf(words(structPointer(0, 0, 1), pointer, ...rest), ...others.map((other) => words(...other)));
    const frame = new Frame();
    frame.reset(bytes, 0, Math.min(sizeBytes, bytes.length), sizeBytes >= bytes.length);
    const view = new StructView();
    view.reset(bytes, frame.rootStart, frame.rootEnd, frame);
    expect(view.follow(frame.rootStart)).toBe(true);
    return view.dataLength(0);
  }

  test("is the number of bytes in the list", () => {
    expect(lengthIn(listPointer(0, 13), [0n, 0n])).toBe(13);
    expect(lengthIn(listPointer(1, 8), [0n, 0n])).toBe(8);
    expect(lengthIn(listPointer(-2, 16), [])).toBe(16);
    expect(lengthIn(listPointer(0, 0), [])).toBe(0);
  });

  test("is 0 for a null pointer, and for a slot that the struct does not have", () => {
    expect(lengthIn(0n, [])).toBe(0);
    const segment = viewOn(structPointer(0, 1, 0), 7n);
    segment.view.follow(segment.at(0));
    expect(segment.view.dataLength(0)).toBe(0);
  });

  test("is not known of a list that leaves its segment, of other elements, and of what is no list", () => {
    expect(lengthIn(listPointer(0, 17), [0n, 0n])).toBe(-1);
    expect(lengthIn(listPointer(-3, 1), [])).toBe(-1);
    expect(lengthIn(listPointer(3, 0), [0n, 0n])).toBe(-1);
    expect(lengthIn(listPointer(0, 1, 5), [0n])).toBe(-1);
    expect(lengthIn(structPointer(0, 1, 0), [0n])).toBe(-1);
    expect(lengthIn(3n, [])).toBe(-1);
  });

  test("is read through the landing pad of a far pointer", () => {
    expect(lengthIn(farPointer(1, 0), [], [[listPointer(0, 9), 0n, 0n]])).toBe(9);
    expect(lengthIn(farPointer(2, 1), [], [[0n], [7n, listPointer(0, 16), 0n, 0n]])).toBe(16);
  });

  test("is not known behind another far pointer, or a pad or list that is not in its segment", () => {
    const pad = listPointer(0, 8);
    expect(lengthIn(farPointer(1, 0, true), [], [[pad, 0n]])).toBe(-1);
    expect(lengthIn(farPointer(1, 2), [], [[pad, 0n]])).toBe(-1);
    expect(lengthIn(farPointer(2, 0), [], [[pad, 0n]])).toBe(-1);
    expect(lengthIn(farPointer(1, 0), [], [[listPointer(0, 9), 0n]])).toBe(-1);
    expect(lengthIn(farPointer(1, 0), [], [[farPointer(1, 1), pad, 0n]])).toBe(-1);
  });

  test("of a head, the pad has to be there, its list need not", () => {
    const large = [listPointer(0, 80_000), ...new Array<bigint>(10_000).fill(7n)];
    const padEnd = 16 + 2 * WORD + WORD;
    expect(lengthIn(farPointer(1, 0), [], [large], padEnd)).toBe(80_000);
    expect(lengthIn(farPointer(1, 0), [], [large], padEnd - 1)).toBe(-1);
    // In one segment, the list goes on beyond the head.
    expect(lengthIn(listPointer(0, 80_000), large.slice(1), [], 200)).toBe(80_000);
    expect(lengthIn(listPointer(0, 80_001), large.slice(1), [], 200)).toBe(-1);
  });
});

test("a reset view has nothing to read", () => {
  const segment = viewOn(structPointer(0, 1, 1), 7n, structPointer(-1, 0, 0));
  segment.view.follow(segment.at(0));
  segment.view.reset(segment.view.bytes, segment.at(0), segment.at(3));
  expect(place(segment)).toEqual({ data: 0, dataWords: 0, pointerCount: 0 });
  expect(segment.view.followSlot(0)).toBe(false);
});
