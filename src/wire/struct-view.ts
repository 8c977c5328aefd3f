// A struct read in place, inside one segment of a frame: the offsets of its data and pointers, with every bound checked. The
// hot path moves one view from struct to struct instead of allocating objects.

import { readInt32, readUint16, WORD_BYTES } from "./words.ts";

/*
 * A struct pointer (https://capnproto.org/encoding.html#structs):
 *
 *   lsb                      struct pointer                       msb
 *   +-+-----------------------------+---------------+---------------+
 *   |A|             B               |       C       |       D       |
 *   +-+-----------------------------+---------------+---------------+
 *   A (2 bits) = 0   B (30 bits) = offset, in words, from the end of the pointer to the struct
 *   C (16 bits) = words of data      D (16 bits) = words of pointers
 */
const POINTER_KIND_MASK = 3;

/** A struct in a segment. Valid as long as the bytes of its frame. */
export class StructView {
  bytes: Uint8Array = new Uint8Array(0);
  /** Byte offsets of the segment in `bytes`: nothing outside is read. */
  #segmentEnd = 0;
  #segmentStart = 0;
  /** Byte offset of the data section, which is `dataBytes` long. */
  data = 0;
  dataBytes = 0;
  /** Byte offset of the pointer section, which holds `pointerCount` words. */
  #pointers = 0;
  pointerCount = 0;

  /** Sets the segment that the next `follow` reads: bytes from `segmentStart` up to `segmentEnd`. */
  reset(bytes: Uint8Array, segmentStart: number, segmentEnd: number): void {
    this.bytes = bytes;
    this.#segmentStart = segmentStart;
    this.#segmentEnd = segmentEnd;
    this.data = this.#pointers = segmentStart;
    this.dataBytes = this.pointerCount = 0;
  }

  /**
   * Moves the view to the struct that the pointer at byte offset `at` names. Returns false, without moving, unless that is a
   * near pointer to a struct inside the segment: it may be null, a list, a far pointer, a capability or out of bounds.
   */
  follow(at: number): boolean {
    if (at < this.#segmentStart || at + WORD_BYTES > this.#segmentEnd) return false;
    const low = readInt32(this.bytes, at);
    const dataWords = readUint16(this.bytes, at + 4);
    const pointerCount = readUint16(this.bytes, at + 6);
    if ((low & POINTER_KIND_MASK) !== 0 || (low === 0 && dataWords + pointerCount === 0)) return false;
    const data = at + WORD_BYTES + (low >> 2) * WORD_BYTES;
    const pointers = data + dataWords * WORD_BYTES;
    if (data < this.#segmentStart || pointers + pointerCount * WORD_BYTES > this.#segmentEnd) return false;
    this.data = data;
    this.dataBytes = dataWords * WORD_BYTES;
    this.#pointers = pointers;
    this.pointerCount = pointerCount;
    return true;
  }

  /** Moves the view to the struct in pointer slot `slot`. Returns false as `follow` does, or if there is no such slot. */
  followSlot(slot: number): boolean {
    return slot < this.pointerCount && this.follow(this.#pointers + slot * WORD_BYTES);
  }
}
