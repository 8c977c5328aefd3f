// A connection whose peer holds our ChainNotifications as export 0 and our UtxoCacheTrace as export 1, as a node with
// subscriptions does. The test decides what the node sends.

import { chainNotificationsReader, chainNotificationsServer } from "../../src/node/chain-notifications.ts";
import { utxoCacheTraceReader, utxoCacheTraceServer } from "../../src/node/utxo-cache-trace.ts";
import { METHOD } from "./box.ts";
import { RawPeer } from "./connections.ts";
import { type EventLog, eventLog } from "./event-log.ts";
import { releaseFrame, returnBootstrapFrame, returnFrame } from "./rpc-messages.ts";

/** Whether calls are read by offset where possible, or all with generated classes. */
export type Path = "hot" | "slow";

/** Exports that the peer holds. */
export const CHAIN_NOTIFICATIONS = 0;
export const UTXO_CACHE_TRACE = 1;

export interface Subscriber extends EventLog {
  readonly peer: RawPeer;
  /** Lines that describe the events, on the slow path. */
  readonly debugLines: string[];
  /** Releases everything. */
  unsubscribe(): void;
}

export function subscriber(path: Path): Subscriber {
  const log = eventLog();
  const debugLines: string[] = [];
  const peer = new RawPeer();
  const { connection } = peer;
  const chain = chainNotificationsServer(log.chain, (line) => debugLines.push(line));
  const utxoCache = utxoCacheTraceServer(log.utxoCache, (line) => debugLines.push(line));
  if (path === "hot") {
    connection.exports.setHotReader(chain, chainNotificationsReader(log.chain));
    connection.exports.setHotReader(utxoCache, utxoCacheTraceReader(log.utxoCache));
  }
  // Any call with both as parameters is enough; the peer retains them.
  connection.bootstrap().then((object) => {
    object.ask(METHOD, (params) => Object.assign(params, { first: chain, second: utxoCache }));
    object.close();
  });
  peer.send(returnBootstrapFrame(0, { senderHosted: 0 }));
  return {
    ...log,
    peer,
    debugLines,
    unsubscribe: () => peer.send(releaseFrame(CHAIN_NOTIFICATIONS, 1), releaseFrame(UTXO_CACHE_TRACE, 1)),
  };
}

/** A subscriber that the peer has answered, so that nothing is under way. */
export async function subscribed(path: Path): Promise<Subscriber> {
  const made = subscriber(path);
  await Promise.resolve();
  made.peer.send(returnFrame(0, (body) => body._initResults()));
  made.peer.take();
  return made;
}
