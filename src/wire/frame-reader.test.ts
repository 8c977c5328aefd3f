// Frames of a stream: the same however it is split into chunks. Over a limit nothing is read or allocated.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { cutAt, frameOf, segmentTable } from "../../test/builders/frames.ts";
import type { Frame } from "./frame.ts";
import { FRAME_LIMITS, FrameReader } from "./frame-reader.ts";
import { ProtocolError } from "./protocol-error.ts";

/** The fields and bytes of a frame, copied: a frame is valid only while it is handled. */
interface SeenFrame {
  readonly bytes: Buffer;
  readonly root: Buffer;
}

function seen({ bytes, start, end, rootStart, rootEnd, segments }: Frame): SeenFrame {
  const own = segments?.map((segment) => new Uint8Array(segment));
  return {
    bytes: Buffer.from(own === undefined ? bytes.subarray(start, end) : frameOf(...own)),
    root: Buffer.from(own?.[0] ?? bytes.subarray(rootStart, rootEnd)),
  };
}

function readAll(chunks: Iterable<Uint8Array>, onFrame?: (frame: Frame) => void): SeenFrame[] {
  const frames: SeenFrame[] = [];
  let onNext = onFrame;
  const reader = new FrameReader((frame) => {
    frames.push(seen(frame));
    expect(frame.sizeBytes).toBe(frames.at(-1)!.bytes.length);
    onNext?.(frame);
  });
  for (const chunk of chunks) reader.read(chunk);
  onNext = undefined;
  expectNothingPending(reader, frames);
  return frames;
}

/** Checks that the next frame is handled alone and whole. `handled` gets an item for each, which is removed. */
function expectNothingPending(reader: FrameReader, handled: unknown[]): void {
  const count = handled.length;
  reader.read(frameOf(filledSegment(1)));
  expect(handled).toHaveLength(count + 1);
  handled.pop();
}

function wholeFrames(frames: readonly (readonly Uint8Array[])[]): SeenFrame[] {
  return frames.map((segments) => ({
    bytes: Buffer.from(frameOf(...segments)),
    root: Buffer.from(segments[0]!),
  }));
}

const anySegment = (minWords: number) =>
  fc.array(fc.uint8Array({ minLength: 8, maxLength: 8 }), { minLength: minWords, maxLength: 5 }).map(Buffer.concat);
const anyFrame = fc
  .tuple(anySegment(1), fc.array(anySegment(0), { maxLength: 4 }))
  .map(([root, others]) => [root, ...others]);
const anyFrames = fc.array(anyFrame, { minLength: 1, maxLength: 6 });

function streamOf(frames: readonly (readonly Uint8Array[])[]): Buffer {
  return Buffer.concat(frames.map((segments) => frameOf(...segments)));
}

/** A segment of `words` words, none of which is zero. */
function filledSegment(words: number): Uint8Array {
  return new Uint8Array(words * 8).fill(0xa5);
}

describe("frames are the same", () => {
  test("from one chunk", () => {
    fc.assert(fc.property(anyFrames, (frames) => expect(readAll([streamOf(frames)])).toEqual(wholeFrames(frames))));
  });

  test("from two chunks, cut anywhere", () => {
    fc.assert(
      fc.property(anyFrames, (frames) => {
        const stream = streamOf(frames);
        const expected = wholeFrames(frames);
        for (let cut = 0; cut <= stream.length; cut++) expect(readAll(cutAt(stream, [cut]))).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });

  test("from single bytes", () => {
    fc.assert(
      fc.property(anyFrames, (frames) => {
        const stream = streamOf(frames);
        const everywhere = Array.from({ length: stream.length }, (_, offset) => offset);
        expect(readAll(cutAt(stream, everywhere))).toEqual(wholeFrames(frames));
      }),
    );
  });

  test("from random pieces, empty ones included", () => {
    fc.assert(
      fc.property(anyFrames, fc.array(fc.nat(), { maxLength: 12 }), (frames, cuts) => {
        const stream = streamOf(frames);
        const chunks = cutAt(
          stream,
          cuts.map((cut) => cut % (stream.length + 1)),
        );
        expect(readAll(chunks)).toEqual(wholeFrames(frames));
      }),
    );
  });

  test("from chunks that end exactly with a frame", () => {
    fc.assert(
      fc.property(anyFrames, (frames) => {
        expect(readAll(frames.map((segments) => frameOf(...segments)))).toEqual(wholeFrames(frames));
      }),
    );
  });

  test("with one larger than any buffer kept, between small ones, in pieces", () => {
    const frames = [[filledSegment(3)], [filledSegment(50_000), filledSegment(7)], [filledSegment(1)]];
    const stream = streamOf(frames);
    const cuts = Array.from({ length: 30 }, (_, index) => index * 13_001);
    expect(readAll(cutAt(stream, cuts))).toEqual(wholeFrames(frames));
  });

  test("with as many segments as the limit allows", () => {
    const frames = [Array.from({ length: FRAME_LIMITS.segments }, () => filledSegment(1))];
    expect(readAll([streamOf(frames)])).toEqual(wholeFrames(frames));
  });
});

/** Sizes of the byte arrays that `act` makes. */
function sizesAllocatedBy(act: () => void): number[] {
  const sizes: number[] = [];
  const original = globalThis.Uint8Array;
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, args: [number]) {
      if (typeof args[0] === "number") sizes.push(args[0]);
      return Reflect.construct(target, args);
    },
  });
  try {
    act();
  } finally {
    globalThis.Uint8Array = original;
  }
  return sizes;
}

describe("memory", () => {
  test("a frame that lies whole in a chunk is handled in place", () => {
    const chunk = frameOf(filledSegment(2));
    let bytes: Uint8Array | undefined;
    readAll([chunk], (frame) => {
      bytes = frame.bytes;
    });
    expect(bytes).toBe(chunk);
  });

  test("the size in a segment table is not allocated before the bytes arrive", () => {
    const chunks = [segmentTable([FRAME_LIMITS.words]), new Uint8Array(100)];
    const reader = new FrameReader(() => {});
    const allocated = sizesAllocatedBy(() => {
      for (const chunk of chunks) reader.read(chunk);
    });
    expect(Math.max(0, ...allocated)).toBeLessThan(1000);
  });

  test("a frame in pieces is allocated as it arrives", () => {
    const chunks = cutAt(frameOf(new Uint8Array(100_000)), [50_000]);
    const allocated = sizesAllocatedBy(() => readAll(chunks));
    expect(Math.max(...allocated)).toBeWithin(100_000, 200_000);
  });

  test("a large frame takes no memory before its bytes arrive", () => {
    const MIB = 1024 * 1024;
    const script = `
      const { FrameReader } = await import(${JSON.stringify(import.meta.resolve("./frame-reader.ts"))});
      const frames = Array.from({ length: 10 }, () => new FrameReader(() => {}));
      const head = new Uint8Array(2048);
      new Uint32Array(head.buffer)[1] = ${32 * MIB} / 8;
      for (const reader of frames) reader.read(head.subarray());
      console.log(process.memoryUsage().rss);`;
    const { stdout } = Bun.spawnSync([process.execPath, "-e", script]);
    expect(Number(stdout.toString())).toBeWithin(MIB, 160 * MIB);
  });

  test("the buffers of a large frame are as large as its segments, and no frame's after it", () => {
    const sizes: (number | number[])[] = [];
    const small = frameOf(filledSegment(2));
    const stream = Buffer.concat([frameOf(filledSegment(40_000), filledSegment(0), filledSegment(100_000)), small]);
    readAll(cutAt(stream, [1, 10, 1000, 400_000, stream.length - 5]), ({ bytes, segments }) => {
      sizes.push(segments?.map(({ byteLength }) => byteLength) ?? bytes.length);
    });
    expect(sizes[0]).toEqual([320_000, 0, 800_000]);
    expect(sizes[1]).toBeLessThan(100_000);
  });
});

describe("a large frame whose head is enough", () => {
  const ROOT_WORDS = 200;
  const large = frameOf(filledSegment(ROOT_WORDS), filledSegment(100_000));
  const HEAD_BYTES = 16 + 1024;
  const small = frameOf(filledSegment(2));
  const stream = Buffer.concat([small, large, small]);

  /** The sizes of the heads in question, and of each handled frame or head, with whether it was whole. */
  function readHeads(chunks: Iterable<Uint8Array>, isHeadEnough: boolean) {
    const asked: number[] = [];
    const handled: [sizeBytes: number, isWhole: boolean][] = [];
    const reader = new FrameReader(
      (frame) => handled.push([seen(frame).bytes.length, frame.isWhole]),
      ({ bytes, start, end, isWhole, rootStart, rootEnd }) => {
        expect({ isWhole, rootEnd }).toEqual({ isWhole: false, rootEnd: end });
        expect(bytes.subarray(rootStart, rootEnd)).toEqual(large.subarray(16, HEAD_BYTES));
        asked.push(end - start);
        return isHeadEnough;
      },
    );
    for (const chunk of chunks) reader.read(chunk);
    expectNothingPending(reader, handled);
    return { asked, handled };
  }

  const cuts = fc.array(fc.nat({ max: stream.length }), { minLength: 1, maxLength: 8 });

  test("is handled by its head, once, wherever the stream is cut", () => {
    const property = fc.property(cuts, (at) => {
      const { asked, handled } = readHeads(cutAt(stream, at), true);
      const isCut = at.some((cut) => cut > small.length && cut < small.length + large.length);
      expect(asked).toEqual(isCut ? [HEAD_BYTES] : []);
      expect(handled).toEqual([
        [small.length, true],
        isCut ? [HEAD_BYTES, false] : [large.length, true],
        [small.length, true],
      ]);
    });
    fc.assert(property, { examples: [[[small.length + 1]], [[small.length + large.length - 1]]] });
  });

  test("byte by byte around its head and its end", () => {
    const at = [
      ...Array(HEAD_BYTES + 50).keys(),
      ...Array.from({ length: 40 }, (_, index) => stream.length - index - 1),
    ];
    const { handled } = readHeads(cutAt(stream, at), true);
    expect(handled).toEqual([
      [small.length, true],
      [HEAD_BYTES, false],
      [small.length, true],
    ]);
  });

  test("is handled when its last byte has arrived, and no earlier", () => {
    const handled: number[] = [];
    const reader = new FrameReader(
      ({ end }) => handled.push(end),
      () => true,
    );
    reader.read(large.subarray(0, -1));
    expect(handled).toEqual([]);
    reader.read(large.subarray(-1));
    expect(handled).toEqual([HEAD_BYTES]);
  });

  test("has a head with all of a short first segment and the word after it", () => {
    const frame = frameOf(filledSegment(20), filledSegment(5000));
    const heads: number[] = [];
    const reader = new FrameReader(
      () => {},
      ({ end }) => heads.push(end) > 0,
    );
    reader.read(frame.subarray(0, 500));
    expect(heads).toEqual([16 + 21 * 8]);
  });

  test("is copied together if the head is not enough", () => {
    const property = fc.property(cuts, (at) => {
      const { handled } = readHeads(cutAt(stream, at), false);
      expect(handled).toEqual([
        [small.length, true],
        [large.length, true],
        [small.length, true],
      ]);
    });
    fc.assert(property, { numRuns: 50 });
  });

  test("takes no memory", () => {
    const chunks = cutAt(
      large,
      Array.from({ length: 12 }, (_, index) => (index + 1) * 65_536),
    );
    const reader = new FrameReader(
      () => {},
      () => true,
    );
    const allocated = sizesAllocatedBy(() => {
      for (const chunk of chunks) reader.read(chunk);
    });
    expect(allocated).toEqual([]);
  });
});

describe("limits", () => {
  const limits = { segments: 3, words: 10 };

  function readWithLimits(...chunks: Uint8Array[]): SeenFrame[] {
    const frames: SeenFrame[] = [];
    const reader = new FrameReader((frame) => frames.push(seen(frame)), undefined, limits);
    for (const chunk of chunks) reader.read(chunk);
    return frames;
  }

  test("a frame at both limits is read", () => {
    expect(readWithLimits(frameOf(filledSegment(4), filledSegment(3), filledSegment(3)))).toHaveLength(1);
  });

  test.each([
    ["one segment too many", segmentTable([1, 1, 1, 1]), "frame of 4 segments is over the limit of 3 segments"],
    [
      "as many segments as a number holds",
      new Uint8Array(8).fill(0xff),
      "frame of 4294967296 segments is over the limit of 3 segments",
    ],
    ["one word too many", segmentTable([11]), "frame of 11 words is over the limit of 10 words"],
    ["one word too many in all", segmentTable([4, 4, 3]), "frame of 11 words is over the limit of 10 words"],
    [
      "more words than a 32-bit number holds",
      segmentTable([0xffffffff, 0xffffffff, 0xffffffff]),
      "frame of 12884901885 words is over the limit of 10 words",
    ],
    ["no word for the root pointer", segmentTable([0]), "frame whose first segment has no root pointer"],
    ["no word for the root pointer, but others", segmentTable([0, 5]), "frame whose first segment has no root pointer"],
  ])("%s", (_, table, message) => {
    const refused = new ProtocolError(message);
    expect(() => readWithLimits(table)).toThrow(ProtocolError);
    expect(() => readWithLimits(table)).toThrow(refused);
    expect(() => readWithLimits(...cutAt(table, [1, 2, 3, 4, 5, 6, 7]))).toThrow(refused);
    expect(() => readWithLimits(Buffer.concat([frameOf(filledSegment(1)), table]))).toThrow(refused);
  });

  test("too many segments are refused at the first word, before the table has arrived", () => {
    expect(() => readWithLimits(segmentTable([1, 1, 1, 1, 1, 1]).slice(0, 8))).toThrow(ProtocolError);
  });

  test("are those of the C++ runtime by default", () => {
    const read = (table: Uint8Array) => new FrameReader(() => {}).read(table);
    read(segmentTable([8 * 1024 * 1024]));
    expect(() => read(segmentTable([8 * 1024 * 1024 + 1]))).toThrow("over the limit of 8388608 words");
    read(segmentTable(new Array(512).fill(1)));
    expect(() => read(segmentTable(new Array(513).fill(1)))).toThrow("over the limit of 512 segments");
  });
});
