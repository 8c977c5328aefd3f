// One message of the stream in a buffer: the segment table and the segments, or their head. The frame reader moves one Frame
// from message to message; it is valid only while it is handled.

import { readUint32, WORD_BYTES } from "./words.ts";

/*
 * The stream framing (https://capnproto.org/encoding.html#serialization-over-a-stream), little-endian 32-bit numbers:
 *   segment count minus one · size in words of each segment · padding to a word · the segments
 */

/** Bytes of the segment table of a frame with `segmentCount` segments, padding included. */
export function segmentTableBytes(segmentCount: number): number {
  return (4 + segmentCount * 4 + 7) & ~7;
}

/** A view of one frame. Its bytes belong to the reader, so the handler copies those that it keeps. */
export class Frame {
  bytes: Uint8Array = new Uint8Array(0);
  /** Byte offset of the segment table in `bytes`. */
  start = 0;
  /** Byte offset after the last segment; of a head, after its last byte. */
  end = 0;
  /** False for a head: the rest of the frame was dropped. */
  isWhole = true;
  /** The segments of a large frame that is whole. `bytes` then has its head alone. The handler may keep them. */
  segments: readonly ArrayBuffer[] | undefined;
  /** Byte offsets of the first segment, or its part in the head. It holds the message's root pointer. */
  rootStart = 0;
  rootEnd = 0;

  /**
   * Points this view at the frame whose segment table starts at `start`. The caller has checked that the frame ends at
   * `end`, or, unless `isWhole`, that its segment table ends there or before.
   */
  reset(bytes: Uint8Array, start: number, end: number, isWhole = true): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.isWhole = isWhole;
    this.segments = undefined;
    this.rootStart = start + segmentTableBytes(readUint32(bytes, start) + 1);
    this.rootEnd = Math.min(end, this.rootStart + readUint32(bytes, start + 4) * WORD_BYTES);
  }

  /** Bytes of the whole frame, by the table. */
  get sizeBytes(): number {
    return this.segmentStart(this.segmentCount) - this.start;
  }

  /** The number of segments, by the table. */
  get segmentCount(): number {
    return readUint32(this.bytes, this.start) + 1;
  }

  /** Bytes of segment `id`, by the table. The caller keeps `id` below `segmentCount`. */
  segmentBytes(id: number): number {
    return readUint32(this.bytes, this.start + 4 + id * 4) * WORD_BYTES;
  }

  /** Byte offset of segment `id`, which in a head may be at its end or beyond; of one more, where the frame ends. */
  segmentStart(id: number): number {
    let start = this.rootStart;
    for (let before = 0; before < id; before++) start += this.segmentBytes(before);
    return start;
  }
}
