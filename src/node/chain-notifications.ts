// ChainNotifications: our object that the node calls for each block, mempool change and flush. A thread of the node waits for
// each answer, so calls are read by offset. The debug log needs more fields and uses the generated classes.

import { utils } from "capnp-es";
import { HotReader, type ReadHotCall } from "../rpc/hot-reader.ts";
import { type BlockInfo, ChainNotifications$Client, ChainNotifications$Server } from "../schema/chain.ts";
import type { StructView } from "../wire/struct-view.ts";
import { readInt32, WORD_BYTES } from "../wire/words.ts";
import { displayHash } from "./hash.ts";
import { transactionId } from "./transaction.ts";

/** Handles the events of the node's chain and mempool. Handlers must be fast: a thread of the node waits for each. */
export interface ChainEvents {
  /** `sizeBytes` of the transaction, with its witnesses. */
  transactionAddedToMempool(sizeBytes: number): void;
  /** `reason` is a MemPoolRemovalReason. Transactions removed by a block are not reported. */
  transactionRemovedFromMempool(reason: number): void;
  /**
   * `height` of the block, from 0. Blocks below a snapshot, which a node connects to its historical chain state, are not
   * reported: they do not extend the active chain, and Bitcoin Core's own listeners skip them too.
   */
  blockConnected(height: number): void;
  blockDisconnected(height: number): void;
  updatedBlockTip(): void;
  chainStateFlushed(): void;
}

/** Logs one line that describes an event. */
export type DebugLine = (line: string) => void;

/** Names of MemPoolRemovalReason in Bitcoin Core, by value. */
export const REMOVAL_REASONS = ["expiry", "sizelimit", "reorg", "block", "conflict", "replaced"] as const;

/** BlockInfo.height is stored XORed with its default, -1. */
const HEIGHT_MASK = -1;

/**
 * The height of a block. The generated getter is wrong: capnp-es 0.0.16 uses only 16 bits of an Int32's default and reads
 * 121 as -65415.
 */
export function blockHeight(block: BlockInfo): number {
  return utils.getInt32(HEIGHT_AT, block) ^ HEIGHT_MASK;
}

/**
 * The object to register with Chain.handleNotifications. With `debug`, each call is described in a line. A flush is answered
 * when `beforeFlushReturns` has resolved; until then the node waits.
 */
export function chainNotificationsServer(
  events: ChainEvents,
  debug: DebugLine = () => {},
  beforeFlushReturns: () => Promise<void> = async () => {},
): ChainNotifications$Server {
  return new ChainNotifications$Server({
    async destroy() {},
    async transactionAddedToMempool(params) {
      const tx = params.tx.toUint8Array();
      events.transactionAddedToMempool(tx.length);
      debug(`transaction added to mempool: txid=${transactionId(tx)} size=${tx.length}`);
    },
    async transactionRemovedFromMempool(params) {
      const { reason } = params;
      events.transactionRemovedFromMempool(reason);
      const tx = params.tx.toUint8Array();
      const name = REMOVAL_REASONS[reason] ?? reason;
      debug(`transaction removed from mempool: txid=${transactionId(tx)} size=${tx.length} reason=${name}`);
    },
    async blockConnected(params) {
      const { block, role } = params;
      const { validated, historical } = role;
      if (!historical) events.blockConnected(blockHeight(block));
      debug(`block connected: ${describe(block)} validated=${validated} historical=${historical}`);
    },
    async blockDisconnected({ block }) {
      events.blockDisconnected(blockHeight(block));
      debug(`block disconnected: ${describe(block)}`);
    },
    async updatedBlockTip() {
      events.updatedBlockTip();
      debug("block tip updated");
    },
    async chainStateFlushed(params) {
      events.chainStateFlushed();
      const { validated, historical } = params.role;
      debug(`chain state flushed: validated=${validated} historical=${historical}`);
      await beforeFlushReturns();
    },
  });
}

function describe(block: BlockInfo): string {
  return `height=${blockHeight(block)} hash=${displayHash(block.hash.toUint8Array())} size=${block.data.length}`;
}

/*
 * What is read by offset. Parameters, with their pointers:
 *   0 destroy                         context
 *   1 transactionAddedToMempool       context, tx
 *   2 transactionRemovedFromMempool   context, tx           data: reason Int32 at byte 0
 *   3 blockConnected                  context, role, block
 *   4 blockDisconnected               context, block
 *   5 updatedBlockTip                 context
 *   6 chainStateFlushed               context, role, locator
 * BlockInfo: data: height Int32 at byte 0, stored XORed with -1
 * ChainstateRole: data: validated, bit 0; historical, bit 1
 */
const TRANSACTION_ADDED = 1;
const TRANSACTION_REMOVED = 2;
const BLOCK_CONNECTED = 3;
const BLOCK_DISCONNECTED = 4;
const UPDATED_BLOCK_TIP = 5;

const TRANSACTION = 1;
const REASON_AT = 0;
const BLOCK_CONNECTED_ROLE = 1;
const BLOCK_CONNECTED_BLOCK = 2;
const BLOCK_DISCONNECTED_BLOCK = 1;
const HEIGHT_AT = 0;
const ROLE_BITS_AT = 0;
const HISTORICAL = 1 << 1;

/** Ignores every event: for rehearsals (hot-reader.ts), and for events that are not counted. */
export const NO_EVENTS: ChainEvents = {
  transactionAddedToMempool() {},
  transactionRemovedFromMempool() {},
  blockConnected() {},
  blockDisconnected() {},
  updatedBlockTip() {},
  chainStateFlushed() {},
};

/**
 * Reads the same calls by offset, except destroy and the rare chainStateFlushed, whose answer may have to wait. The fields that it
 * reads precede the bytes of the block or transaction, so the head of a large frame is enough.
 */
export function chainNotificationsReader(events: ChainEvents): HotReader {
  return new HotReader(ChainNotifications$Client.interfaceId, readTo(events), readTo(NO_EVENTS));
}

function readTo(events: ChainEvents): ReadHotCall {
  return (methodId, params) => {
    switch (methodId) {
      case TRANSACTION_ADDED: {
        const sizeBytes = params.dataLength(TRANSACTION);
        if (sizeBytes < 0) return false;
        events.transactionAddedToMempool(sizeBytes);
        return true;
      }
      case TRANSACTION_REMOVED:
        if (params.dataBytes < REASON_AT + 4) return false;
        events.transactionRemovedFromMempool(readInt32(params.bytes, params.data + REASON_AT));
        return true;
      case BLOCK_CONNECTED:
        return readConnected(params, events);
      case BLOCK_DISCONNECTED:
        if (!params.followSlot(BLOCK_DISCONNECTED_BLOCK) || !hasHeight(params)) return false;
        events.blockDisconnected(heightAt(params));
        return true;
      case UPDATED_BLOCK_TIP:
        events.updatedBlockTip();
        return true;
      default:
        return false;
    }
  };
}

/** Moves the view to the role, and from there to the block by the kept offset of the parameters' pointers. */
function readConnected(view: StructView, events: ChainEvents): boolean {
  if (view.pointerCount <= BLOCK_CONNECTED_BLOCK) return false;
  const pointers = view.data + view.dataBytes;
  if (!view.follow(pointers + BLOCK_CONNECTED_ROLE * WORD_BYTES) || view.dataBytes <= ROLE_BITS_AT) return false;
  const isHistorical = (view.bytes[view.data + ROLE_BITS_AT]! & HISTORICAL) !== 0;
  if (!view.follow(pointers + BLOCK_CONNECTED_BLOCK * WORD_BYTES) || !hasHeight(view)) return false;
  if (!isHistorical) events.blockConnected(heightAt(view));
  return true;
}

function hasHeight(block: StructView): boolean {
  return block.dataBytes >= HEIGHT_AT + 4;
}

function heightAt(block: StructView): number {
  return readInt32(block.bytes, block.data + HEIGHT_AT) ^ HEIGHT_MASK;
}
