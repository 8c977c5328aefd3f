// Splits a byte stream into frames, independent of its chunks. A frame that lies whole in a chunk is handled in place; one that
// spans chunks is copied together. If the head of a large frame is enough for its handler, the rest is dropped as it arrives. The
// connection passes in the chunks of the socket.

import { Frame, segmentTableBytes } from "./frame.ts";
import { LargeFrame } from "./large-frame.ts";
import { ProtocolError } from "./protocol-error.ts";
import { readUint32, WORD_BYTES } from "./words.ts";

export interface FrameLimits {
  /** Segments in one frame. */
  readonly segments: number;
  /** Words in all segments of one frame. */
  readonly words: number;
}

/** The limits of the C++ runtime's own reader: 512 segments, 8 Mi words (64 MiB). The largest block takes 0.5 Mi words. */
export const FRAME_LIMITS: FrameLimits = { segments: 512, words: 8 * 1024 * 1024 };

/** The segments of a larger frame get buffers of their own. */
const MAX_BUFFER_BYTES = 256 * 1024;
const FIRST_BUFFER_BYTES = 16 * 1024;

/**
 * A larger frame that spans chunks has a head: its segment table and this much of the first segment; or all of a shorter one
 * and the next word, the landing pad of a large list that has a segment of its own.
 */
const HEAD_ONLY_ABOVE_BYTES = 16 * 1024;
const HEAD_SEGMENT_BYTES = 1024;

/** The frame size while the segment table is incomplete. */
const UNKNOWN = -1;

export class FrameReader {
  readonly #handle: (frame: Frame) => void;
  readonly #isHeadEnough: (head: Frame) => boolean;
  readonly #limits: FrameLimits;
  readonly #frame = new Frame();
  /** The start of a frame that is incomplete: the first `#filled` bytes of `#buffer`. */
  #buffer = new Uint8Array(FIRST_BUFFER_BYTES);
  #filled = 0;
  /** The segments of that frame if it is large and its head is not enough; `#buffer` then has the head. */
  #large: LargeFrame | undefined;
  /** Bytes of that frame that have not arrived and will be dropped, because its head is enough. */
  #dropping = 0;

  /**
   * `handle` is called for each frame in order, when its last byte has arrived; the frame is valid until it returns.
   * `isHeadEnough` is called for a large frame when its head has arrived. If it returns true, `handle` gets the head alone.
   */
  constructor(
    handle: (frame: Frame) => void,
    isHeadEnough: (head: Frame) => boolean = () => false,
    limits: FrameLimits = FRAME_LIMITS,
  ) {
    this.#handle = handle;
    this.#isHeadEnough = isHeadEnough;
    this.#limits = limits;
  }

  /** Whether the rest of a frame is being dropped. */
  get isDropping(): boolean {
    return this.#dropping > 0;
  }

  /**
   * Reads the next bytes of the stream and handles each frame that they complete.
   * @throws ProtocolError when a segment table is over a limit; the reader must not be used after it.
   */
  read(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      const sizeBytes = this.#filled > 0 ? UNKNOWN : this.#frameBytes(chunk, at, chunk.length);
      if (sizeBytes === UNKNOWN || at + sizeBytes > chunk.length) {
        at = this.#readPending(chunk, at);
      } else {
        this.#frame.reset(chunk, at, at + sizeBytes);
        at += sizeBytes;
        this.#handle(this.#frame);
      }
    }
  }

  /** Adds the bytes of `chunk` from `at` on that the incomplete frame needs next. Returns the offset after these bytes. */
  #readPending(chunk: Uint8Array, at: number): number {
    if (this.#dropping > 0) {
      const end = Math.min(chunk.length, at + this.#dropping);
      this.#dropping -= end - at;
      if (this.#dropping === 0) this.#finishPending(false);
      return end;
    }
    if (this.#large !== undefined) return this.#readLarge(this.#large, chunk, at);
    const sizeBytes = this.#frameBytes(this.#buffer, 0, this.#filled);
    const headBytes = this.#headBytes(sizeBytes);
    const wantedBytes = this.#filled < headBytes ? headBytes : sizeBytes;
    const end = Math.min(chunk.length, at + wantedBytes - this.#filled);
    this.#keep(chunk, at, end, wantedBytes);
    if (this.#filled < wantedBytes) return end;
    // A complete table is checked at once, even at the end of a chunk.
    if (sizeBytes === UNKNOWN) return this.#readPending(chunk, end);
    if (this.#filled === sizeBytes) {
      this.#finishPending(true);
    } else {
      this.#frame.reset(this.#buffer, 0, this.#filled, false);
      if (this.#isHeadEnough(this.#frame)) this.#dropping = sizeBytes - this.#filled;
      else if (sizeBytes > MAX_BUFFER_BYTES) this.#startLarge(this.#frame);
    }
    return end;
  }

  #startLarge(head: Frame): void {
    this.#large = new LargeFrame(Array.from({ length: head.segmentCount }, (_, id) => head.segmentBytes(id)));
    this.#large.add(head.bytes.subarray(head.rootStart, head.end), 0);
  }

  #readLarge(large: LargeFrame, chunk: Uint8Array, at: number): number {
    const end = large.add(chunk, at);
    if (large.isComplete) {
      this.#large = undefined;
      this.#finishPending(true, large.segments);
    }
    return end;
  }

  #finishPending(isWhole: boolean, segments?: readonly ArrayBuffer[]): void {
    this.#frame.reset(this.#buffer, 0, this.#filled, isWhole);
    this.#frame.segments = segments;
    this.#filled = 0;
    this.#handle(this.#frame);
  }

  /**
   * The number of bytes of the incomplete frame, `sizeBytes` in all, at which it is checked next: the first word, then the
   * segment table, then the head of a large frame or all of another.
   */
  #headBytes(sizeBytes: number): number {
    if (this.#filled < WORD_BYTES) return WORD_BYTES;
    const tableBytes = segmentTableBytes(readUint32(this.#buffer, 0) + 1);
    if (sizeBytes === UNKNOWN) return tableBytes;
    if (sizeBytes <= HEAD_ONLY_ABOVE_BYTES) return sizeBytes;
    return tableBytes + Math.min(HEAD_SEGMENT_BYTES, (readUint32(this.#buffer, 4) + 1) * WORD_BYTES);
  }

  /** Copies `chunk` from `start` up to `end` to the incomplete frame, of which up to `wantedBytes` are needed. */
  #keep(chunk: Uint8Array, start: number, end: number, wantedBytes: number): void {
    const filled = this.#filled + end - start;
    if (filled > this.#buffer.length) {
      // Grows with the received bytes, up to the size in the table. That size alone allocates nothing: it may be a false claim.
      const grown = new Uint8Array(Math.min(wantedBytes, Math.max(filled, this.#buffer.length * 2)));
      grown.set(this.#buffer.subarray(0, this.#filled));
      this.#buffer = grown;
    }
    this.#buffer.set(chunk.subarray(start, end), this.#filled);
    this.#filled = filled;
  }

  /** The size of the frame that starts at `start`, or UNKNOWN if its table does not end before `end`. */
  #frameBytes(bytes: Uint8Array, start: number, end: number): number {
    if (end - start < WORD_BYTES) return UNKNOWN;
    const segmentCount = readUint32(bytes, start) + 1;
    if (segmentCount > this.#limits.segments) {
      throw new ProtocolError(
        `frame of ${segmentCount} segments is over the limit of ${this.#limits.segments} segments`,
      );
    }
    const tableBytes = segmentTableBytes(segmentCount);
    if (end - start < tableBytes) return UNKNOWN;
    let words = 0;
    for (let index = 0; index < segmentCount; index++) words += readUint32(bytes, start + 4 + index * 4);
    if (words > this.#limits.words) {
      throw new ProtocolError(`frame of ${words} words is over the limit of ${this.#limits.words} words`);
    }
    if (readUint32(bytes, start + 4) === 0) throw new ProtocolError("frame whose first segment has no root pointer");
    return tableBytes + words * WORD_BYTES;
  }
}
