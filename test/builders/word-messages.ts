// Messages laid out word by word, in any way that the Cap'n Proto encoding allows: structs of any size, in any segment, behind
// near, far and double far pointers, with unused words between them. capnp-es lays out in one way only, as C++ does.
// Source: https://capnproto.org/encoding.html

import { frameOf } from "./frames.ts";

export interface StructNode {
  readonly data: readonly bigint[];
  readonly pointers: readonly PointerNode[];
}
export type PointerNode =
  | null
  | StructNode
  | { readonly bytes: Uint8Array }
  /** Elements must be of one size. */
  | { readonly structs: readonly StructNode[] }
  | { readonly capability: number };

/** How objects are laid out. Each function is called once per object, in the order of the tree. */
export interface Layout {
  readonly segments: number;
  /** The segment of an object, of `segments`. */
  segmentOf(depth: number): number;
  /** Unused words before an object. */
  paddingOf(depth: number): number;
  /** How the pointer to an object is written. A pointer to another segment is never near. */
  pointerTo(depth: number): "near" | "far" | "double far";
}

/** The layout of the C++ runtime and of capnp-es for a small message. */
export const PLAIN_LAYOUT: Layout = { segments: 1, segmentOf: () => 0, paddingOf: () => 0, pointerTo: () => "near" };

const UNUSED = 0xdead_beef_dead_beefn;

interface Place {
  readonly segment: number;
  readonly word: number;
}

/** A frame with `root`, laid out by `layout`. */
export function wordMessage(root: StructNode, layout: Layout): Uint8Array {
  const writer = new WordWriter(layout);
  writer.write({ segment: 0, word: writer.allocate(0, 1).word }, root, 0);
  return frameOf(...writer.segments.map((words) => new Uint8Array(new BigUint64Array(words).buffer)));
}

class WordWriter {
  readonly #layout: Layout;
  readonly segments: bigint[][];

  constructor(layout: Layout) {
    this.#layout = layout;
    this.segments = Array.from({ length: layout.segments }, () => []);
  }

  allocate(segment: number, words: number): Place {
    const place = { segment, word: this.segments[segment]!.length };
    for (let count = 0; count < words; count++) this.segments[segment]!.push(0n);
    return place;
  }

  /** Writes `node`, and at `pointer` the pointer to it. */
  write(pointer: Place, node: PointerNode, depth: number): void {
    if (node === null) return;
    if ("capability" in node) return this.#set(pointer, 3n | (BigInt(node.capability) << 32n));
    const place = this.#place(wordsOf(node), depth);
    // The pointer is written first: its target may need landing pads after the object itself.
    this.#point(pointer, place, tagOf(node), depth);
    if ("bytes" in node) this.#writeBytes(place, node.bytes);
    else if ("structs" in node) this.#writeStructs(place, node.structs, depth);
    else this.#writeStruct(place, node, depth);
  }

  #set({ segment, word }: Place, value: bigint): void {
    this.segments[segment]![word] = value;
  }

  #place(words: number, depth: number): Place {
    const segment = this.#layout.segmentOf(depth) % this.#layout.segments;
    for (let count = this.#layout.paddingOf(depth); count > 0; count--) this.segments[segment]!.push(UNUSED);
    return this.allocate(segment, words);
  }

  #point(pointer: Place, target: Place, tag: bigint, depth: number): void {
    const kind = this.#layout.pointerTo(depth);
    if (kind === "near" && pointer.segment === target.segment) return this.#set(pointer, near(pointer, target, tag));
    if (kind === "double far") {
      const pad = this.allocate(this.#layout.segmentOf(depth) % this.#layout.segments, 2);
      this.#set(pad, far(target, false));
      this.#set({ ...pad, word: pad.word + 1 }, tag);
      return this.#set(pointer, far(pad, true));
    }
    const pad = this.allocate(target.segment, 1);
    this.#set(pad, near(pad, target, tag));
    this.#set(pointer, far(pad, false));
  }

  #writeStruct({ segment, word }: Place, { data, pointers }: StructNode, depth: number): void {
    data.forEach((value, index) => {
      this.#set({ segment, word: word + index }, BigInt.asUintN(64, value));
    });
    pointers.forEach((child, slot) => {
      this.write({ segment, word: word + data.length + slot }, child, depth + 1);
    });
  }

  #writeBytes({ segment, word }: Place, bytes: Uint8Array): void {
    const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
    padded.set(bytes);
    new BigUint64Array(padded.buffer).forEach((value, index) => {
      this.#set({ segment, word: word + index }, value);
    });
  }

  #writeStructs({ segment, word }: Place, structs: readonly StructNode[], depth: number): void {
    const [first] = structs;
    this.#set({ segment, word }, (BigInt(structs.length) << 2n) | (first === undefined ? 0n : tagOf(first)));
    structs.forEach((struct, index) => {
      this.#writeStruct({ segment, word: word + 1 + index * wordsOf(struct) }, struct, depth);
    });
  }
}

function wordsOf(node: Exclude<PointerNode, null | { capability: number }>): number {
  if ("bytes" in node) return Math.ceil(node.bytes.length / 8);
  if ("structs" in node) return node.structs.reduce((sum, struct) => sum + wordsOf(struct), 1);
  return node.data.length + node.pointers.length;
}

/** A pointer to `node` without its offset. */
function tagOf(node: Exclude<PointerNode, null | { capability: number }>): bigint {
  if ("bytes" in node) return 1n | (2n << 32n) | (BigInt(node.bytes.length) << 35n);
  if ("structs" in node) return 1n | (7n << 32n) | (BigInt(wordsOf(node) - 1) << 35n);
  return (BigInt(node.data.length) << 32n) | (BigInt(node.pointers.length) << 48n);
}

function near(pointer: Place, target: Place, tag: bigint): bigint {
  // A struct of no size may lie anywhere; an offset of 0 would make the pointer null.
  const offset = tag === 0n ? -1 : target.word - pointer.word - 1;
  return tag | BigInt.asUintN(32, BigInt(offset) << 2n);
}

function far({ segment, word }: Place, isDouble: boolean): bigint {
  return (isDouble ? 6n : 2n) | (BigInt(word) << 3n) | (BigInt(segment) << 32n);
}
