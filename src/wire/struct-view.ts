// A struct read in place, inside one segment of a frame: the offsets of its data and pointers, with every bound checked. The
// hot path moves one view from struct to struct instead of allocating objects.

import type { Frame } from "./frame.ts";
import { readInt32, readUint16, readUint32, WORD_BYTES } from "./words.ts";

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

/*
 * A list pointer (https://capnproto.org/encoding.html#lists): A = 1, B as above; in the high half
 *   3 bits = size of an element, 2 for a byte      29 bits = number of elements
 *
 * A far pointer (https://capnproto.org/encoding.html#inter-segment-pointers): A = 2
 *   bit 2 = whether the landing pad has two words   29 bits = offset of the pad in its segment, in words
 *   high half = id of the segment                   The pad of one word is the pointer itself.
 */
const LIST = 1;
const FAR = 2;
const ELEMENT_SIZE_MASK = 7;
const BYTE_ELEMENTS = 2;
const TWO_WORD_PAD = 4;

/** A struct in a segment. Valid as long as the bytes of its frame. */
export class StructView {
  bytes: Uint8Array = new Uint8Array(0);
  /** Byte offsets of the segment in `bytes`. No byte outside is read. */
  #segmentEnd = 0;
  #segmentStart = 0;
  /** Byte offset of the data section, which is `dataBytes` long. */
  data = 0;
  dataBytes = 0;
  /** Byte offset of the pointer section, which holds `pointerCount` words. */
  #pointers = 0;
  pointerCount = 0;
  #frame: Frame | undefined;

  /** Sets the segment that the next `follow` reads: bytes from `segmentStart` up to `segmentEnd`, the first one of `frame`. */
  reset(bytes: Uint8Array, segmentStart: number, segmentEnd: number, frame?: Frame): void {
    this.bytes = bytes;
    this.#frame = frame;
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

  /**
   * The length of the Data in pointer slot `slot`, whose own bytes need not exist: 0 for a null pointer and for a slot that the
   * struct does not have. Returns -1 unless the pointer names bytes inside one segment, directly or by an existing landing pad of
   * one word.
   */
  dataLength(slot: number): number {
    if (slot >= this.pointerCount) return 0;
    const at = this.#pointers + slot * WORD_BYTES;
    const frame = this.#frame;
    const low = readInt32(this.bytes, at);
    if (frame === undefined || (low & POINTER_KIND_MASK) !== FAR) {
      const end = frame === undefined ? this.#segmentEnd : this.#segmentStart + frame.segmentBytes(0);
      return byteListLength(this.bytes, at, this.#segmentStart, end);
    }
    const segment = readUint32(this.bytes, at + 4);
    if ((low & TWO_WORD_PAD) !== 0 || segment >= frame.segmentCount) return -1;
    const start = frame.segmentStart(segment);
    const end = start + frame.segmentBytes(segment);
    const pad = start + (low >>> 3) * WORD_BYTES;
    if (pad + WORD_BYTES > end || pad + WORD_BYTES > frame.end) return -1;
    return byteListLength(this.bytes, pad, start, end);
  }
}

/** The length of the list of bytes that the pointer at byte offset `at` names; -1 for any other pointer but null. */
function byteListLength(bytes: Uint8Array, at: number, segmentStart: number, segmentEnd: number): number {
  const low = readInt32(bytes, at);
  const high = readUint32(bytes, at + 4);
  if (low === 0 && high === 0) return 0;
  if ((low & POINTER_KIND_MASK) !== LIST || (high & ELEMENT_SIZE_MASK) !== BYTE_ELEMENTS) return -1;
  const length = high >>> 3;
  const data = at + WORD_BYTES + (low >> 2) * WORD_BYTES;
  return data >= segmentStart && data + length <= segmentEnd ? length : -1;
}
