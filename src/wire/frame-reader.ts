// Cuts a byte stream into frames, whatever pieces it comes in. A frame that lies whole in a chunk is handed on in place;
// only one that spans chunks is copied together. The connection feeds it what the socket yields.

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

/** Stands for a frame size that cannot be told yet, as its segment table is not all there. */
const UNKNOWN = -1;

export class FrameReader {
  readonly #limits: FrameLimits;
  readonly #handle: (frame: Frame) => void;
  readonly #frame = new Frame();
  /** The begin of a frame whose end has not come yet: the first `#filled` bytes of `#buffer`. */
  #buffer = new Uint8Array(FIRST_BUFFER_BYTES);
  #filled = 0;

  /** `handle` is called for each frame in order; the frame is valid until it returns. */
  constructor(handle: (frame: Frame) => void, limits: FrameLimits = FRAME_LIMITS) {
    this.#handle = handle;
    this.#limits = limits;
  }

  /** Bytes of the unfinished frame that are kept. */
  get pendingBytes(): number {
    return this.#filled;
  }

  /**
   * Reads the next bytes of the stream and hands on each frame that they finish.
   * @throws ProtocolError when a segment table is over a limit; nothing may be read after it.
   */
  read(chunk: Uint8Array): void {
    let at = this.#filled > 0 ? this.#finishPending(chunk) : 0;
    while (at < chunk.length) {
      const sizeBytes = this.#frameBytes(chunk, at, chunk.length);
      if (sizeBytes === UNKNOWN || at + sizeBytes > chunk.length) {
        this.#keep(chunk, at, chunk.length);
        return;
      }
      this.#frame.reset(chunk, at, at + sizeBytes);
      at += sizeBytes;
      this.#handle(this.#frame);
    }
  }

  /** Adds to the unfinished frame what of `chunk` belongs to it. Returns the offset of the first byte that does not. */
  #finishPending(chunk: Uint8Array): number {
    let at = 0;
    for (;;) {
      const sizeBytes = this.#frameBytes(this.#buffer, 0, this.#filled);
      const wantedBytes = sizeBytes === UNKNOWN ? this.#tableBytes() : sizeBytes;
      const end = Math.min(chunk.length, at + wantedBytes - this.#filled);
      this.#keep(chunk, at, end);
      at = end;
      if (this.#filled < wantedBytes) return at;
      if (sizeBytes !== UNKNOWN) break;
    }
    this.#frame.reset(this.#buffer, 0, this.#filled);
    this.#filled = 0;
    this.#handle(this.#frame);
    if (this.#buffer.length > KEPT_BUFFER_BYTES) this.#buffer = new Uint8Array(FIRST_BUFFER_BYTES);
    return at;
  }

  /** Bytes of the unfinished frame that tell its size: the first word, then the whole segment table. */
  #tableBytes(): number {
    return this.#filled < WORD_BYTES ? WORD_BYTES : segmentTableBytes(readUint32(this.#buffer, 0) + 1);
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
