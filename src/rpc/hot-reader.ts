// Reads the calls of one interface by offset. The hot path (hot-path.ts) answers what a reader has read.

import type { StructView } from "../wire/struct-view.ts";

/**
 * Reads a call of method `methodId` and counts it. Returns false, without having counted anything, if the call cannot be
 * read here: the slow path then handles it. `params` is valid until the function returns.
 */
export type ReadHotCall = (methodId: number, params: StructView) => boolean;

/** Reads the calls of one interface on one exported object. */
export class HotReader {
  readonly interfaceLow: number;
  readonly interfaceHigh: number;
  readonly read: ReadHotCall;
  /** Whether `read` would read a large call of which only the head has arrived. Counts nothing. */
  readonly rehearse: ReadHotCall;

  constructor(interfaceId: bigint, read: ReadHotCall, rehearse: ReadHotCall = () => false) {
    this.interfaceLow = Number(BigInt.asIntN(32, interfaceId));
    this.interfaceHigh = Number(BigInt.asIntN(32, interfaceId >> 32n));
    this.read = read;
    this.rehearse = rehearse;
  }
}
