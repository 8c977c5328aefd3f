// The callbacks of a node: which method of a client's object each event calls, and with what parameters.

import { type Method, type Struct, utils } from "capnp-es";
import type { ContextParams } from "../../src/node/server-threads.ts";
import type { ImportedCapability } from "../../src/rpc/capability.ts";
import { type BlockInfo, ChainNotifications$Client, type ChainstateRole } from "../../src/schema/chain.ts";
import { Thread$Client, type Thread$Server } from "../../src/schema/mp/proxy.ts";
import { UtxoCacheTrace$Client, type UtxoInfo } from "../../src/schema/tracing.ts";
import type { Block, Coin, NodeEvent } from "./chain.ts";

const [destroyNotifications, txAdded, txRemoved, connected, disconnected, tipUpdated, flushed] =
  ChainNotifications$Client.methods;
const [destroyTrace, add, spend, uncache] = UtxoCacheTrace$Client.methods;
const COIN_METHODS = { add, spend, uncache };

/** The calls on an object that a client subscribed. Each resolves when the client has answered. */
export interface Callback {
  /** Undefined when the object has no method for the event. */
  notify(event: NodeEvent): Promise<Struct> | undefined;
  destroy(): Promise<Struct>;
}

/** The calls on a ChainNotifications; `thread` is the thread of the node that makes them. */
export function chainNotifications(object: ImportedCapability, thread: Thread$Server): Callback {
  const call = callWithContext(object, thread);
  return {
    destroy: () => call(destroyNotifications),
    notify(event) {
      switch (event.name) {
        case "transactionAddedToMempool": {
          const { bytes } = event.transaction;
          return call(txAdded, (params) => params._initTx(bytes.length).copyBuffer(bytes));
        }
        case "transactionRemovedFromMempool": {
          const { reason, transaction } = event;
          return call(txRemoved, (params) => {
            params._initTx(transaction.bytes.length).copyBuffer(transaction.bytes);
            params.reason = reason;
          });
        }
        case "blockConnected":
          return call(connected, (params) => {
            writeRole(params._initRole());
            writeBlock(params._initBlock(), event.block);
          });
        case "blockDisconnected":
          return call(disconnected, (params) => writeBlock(params._initBlock(), event.block));
        case "updatedBlockTip":
          return call(tipUpdated);
        case "chainStateFlushed":
          return call(flushed, (params) => {
            writeRole(params._initRole());
            params._initLocator(event.locator.length).copyBuffer(event.locator);
          });
        default:
          return undefined;
      }
    },
  };
}

/** The calls on a UtxoCacheTrace. Only destroy has a context. */
export function utxoCacheTrace(object: ImportedCapability, thread: Thread$Server): Callback {
  return {
    destroy: () => callWithContext(object, thread)(destroyTrace),
    notify(event) {
      if (!("coin" in event)) return undefined;
      return object.ask(COIN_METHODS[event.name], (params) => writeCoin(params._initUtxoInfo(), event.coin)).results;
    },
  };
}

/**
 * Calls methods that have a context. As in a real node, it names two threads, so a call brings two capabilities, which the
 * client releases with its answer.
 */
function callWithContext(object: ImportedCapability, thread: Thread$Server) {
  return <P extends ContextParams, R extends Struct>(method: Method<P, R>, fill: (params: P) => void = () => {}) =>
    object.ask(method, (params) => {
      const context = params._initContext();
      context.thread = new Thread$Client(thread);
      context.callbackThread = new Thread$Client(thread);
      fill(params);
    }).results;
}

/** The only chain state of a node without a snapshot is validated. */
function writeRole(role: ChainstateRole): void {
  role.validated = true;
}

function writeBlock(info: BlockInfo, block: Block): void {
  info._initHash(block.hash.length).copyBuffer(block.hash);
  info._initPrevHash(block.prevHash.length).copyBuffer(block.prevHash);
  // BlockInfo.height, at byte 0, is stored XORed with its default, -1. capnp-es 0.0.16 applies only 16 bits of it.
  utils.setInt32(0, block.height ^ -1, info);
  info._initData(block.bytes.length).copyBuffer(block.bytes);
  info.chainTimeMax = block.time;
}

function writeCoin(info: UtxoInfo, coin: Coin): void {
  info._initOutpointHash(coin.txid.length).copyBuffer(coin.txid);
  info.outpointN = coin.index;
  info.height = coin.height;
  info.value = coin.valueSat;
  info.isCoinbase = coin.isCoinbase;
}
