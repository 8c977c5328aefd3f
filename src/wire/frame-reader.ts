// Cuts a byte stream into frames, whatever pieces it comes in. A frame that lies whole in a chunk is handed on in place;
// one that spans chunks is copied together, unless all that is wanted of it is in its head: then the rest is dropped as it
// comes. The connection feeds it what the socket yields.

import { Frame, segmentTableBytes } from "./frame.ts";
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

/** A buffer that grew beyond this for one large frame is given back after it. */
const KEPT_BUFFER_BYTES = 256 * 1024;
const FIRST_BUFFER_BYTES = 16 * 1024;

/** A frame that is longer and spans chunks is first shown by its head: the segment table and this much of the first segment. */
const HEAD_ONLY_ABOVE_BYTES = 16 * 1024;
const HEAD_SEGMENT_BYTES = 1024;

/** Stands for a frame size that cannot be told yet, as its segment table is not all there. */
const UNKNOWN = -1;

export class FrameReader {
  readonly #limits: FrameLimits;
  readonly #handle: (frame: Frame) => void;
  readonly #isHeadEnough: (head: Frame) => boolean;
  readonly #frame = new Frame();
  /** The begin of a frame whose end has not come yet: the first `#filled` bytes of `#buffer`. */
  #buffer = new Uint8Array(FIRST_BUFFER_BYTES);
  #filled = 0;
  /** Bytes of that frame that are still to come and will be dropped, as its head is enough. */
  #dropping = 0;

  /**
   * `handle` is called for each frame in order, when its last byte has come; the frame is valid until it returns.
   * `isHeadEnough` is asked about a large frame when its head is there: true when `handle` will need no more of it. It then
   * gets the head alone.
   */
  constructor(
    handle: (frame: Frame) => void,
    limits: FrameLimits = FRAME_LIMITS,
    isHeadEnough: (head: Frame) => boolean = () => false,
  ) {
    this.#handle = handle;
    this.#limits = limits;
    this.#isHeadEnough = isHeadEnough;
  }

  /** Bytes of the unfinished frame that are kept. */
  get pendingBytes(): number {
    return this.#filled;
  }

  /** Whether the unfinished frame is one whose head is enough. */
  get isDropping(): boolean {
    return this.#dropping > 0;
  }

  /**
   * Reads the next bytes of the stream and hands on each frame that they finish.
   * @throws ProtocolError when a segment table is over a limit; nothing may be read after it.
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

  /** Adds to the unfinished frame what it lacks next of `chunk` from `at` on. Returns where the next byte is. */
  #readPending(chunk: Uint8Array, at: number): number {
    if (this.#dropping > 0) {
      const end = Math.min(chunk.length, at + this.#dropping);
      this.#dropping -= end - at;
      if (this.#dropping === 0) this.#finishPending(false);
      return end;
    }
    const sizeBytes = this.#frameBytes(this.#buffer, 0, this.#filled);
    const headBytes = this.#headBytes(sizeBytes);
    const wantedBytes = this.#filled < headBytes ? headBytes : sizeBytes;
    const end = Math.min(chunk.length, at + wantedBytes - this.#filled);
    this.#keep(chunk, at, end);
    if (this.#filled < wantedBytes) return end;
    // A table is looked at as soon as it is there, though nothing may follow it in this chunk.
    if (sizeBytes === UNKNOWN) return this.#readPending(chunk, end);
    if (this.#filled === sizeBytes) {
      this.#finishPending(true);
    } else {
      this.#frame.reset(this.#buffer, 0, this.#filled, false);
      if (this.#isHeadEnough(this.#frame)) this.#dropping = sizeBytes - this.#filled;
    }
    return end;
  }

  #finishPending(isWhole: boolean): void {
    this.#frame.reset(this.#buffer, 0, this.#filled, isWhole);
    this.#filled = 0;
    this.#handle(this.#frame);
    if (this.#buffer.length > KEPT_BUFFER_BYTES) this.#buffer = new Uint8Array(FIRST_BUFFER_BYTES);
  }

  /**
   * Bytes of the unfinished frame, `sizeBytes` in all, that are to be there before it is looked at: the first word, then the
   * segment table, then the head of a large frame or all of another.
   */
  #headBytes(sizeBytes: number): number {
    if (this.#filled < WORD_BYTES) return WORD_BYTES;
    const tableBytes = segmentTableBytes(readUint32(this.#buffer, 0) + 1);
    if (sizeBytes === UNKNOWN) return tableBytes;
    if (sizeBytes <= HEAD_ONLY_ABOVE_BYTES) return sizeBytes;
    return tableBytes + Math.min(HEAD_SEGMENT_BYTES, readUint32(this.#buffer, 4) * WORD_BYTES);
  }

  #keep(chunk: Uint8Array, start: number, end: number): void {
    const neededBytes = this.#filled + end - start;
    if (neededBytes > this.#buffer.length) {
      // Grown by what has come, never by what the table promises: a promise costs the peer nothing.
      const grown = new Uint8Array(Math.max(neededBytes, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, this.#filled));
      this.#buffer = grown;
    }
    this.#buffer.set(chunk.subarray(start, end), this.#filled);
    this.#filled = neededBytes;
  }

  /** Bytes of the frame that begins at `start`, of whose bytes those before `end` are there, or UNKNOWN. */
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
