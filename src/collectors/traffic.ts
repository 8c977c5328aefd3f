// Traffic with peers by message type. The node counts bytes per peer, and drops the counts when the peer disconnects. So the exporter
// adds the growth of each peer's counts from poll to poll.

import type { EventCounter } from "../metrics/cells.ts";
import { OTHER } from "../metrics/family.ts";
import type { Registry } from "../metrics/registry.ts";
import type { JsonObject, JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, polledInto, type Target } from "./collector.ts";
import * as result from "./result.ts";

/** Message types of Bitcoin Core's protocol.h. The node counts any other type as "*other*". */
const MESSAGES = [
  ["version", "verack", "wtxidrelay", "sendaddrv2", "sendheaders", "sendcmpct", "sendtxrcncl", "feature", "feefilter"],
  ["addr", "addrv2", "getaddr", "ping", "pong", "inv", "getdata", "notfound", "tx", "mempool"],
  ["getblocks", "getheaders", "headers", "block", "cmpctblock", "getblocktxn", "blocktxn"],
  ["filterload", "filteradd", "filterclear", "merkleblock"],
  ["getcfilters", "cfilter", "getcfheaders", "cfheaders", "getcfcheckpt", "cfcheckpt"],
].flat();

const RECEIVED = "bytesrecv_per_msg";
const SENT = "bytessent_per_msg";
type Direction = "received" | "sent";

/** The counts of one peer by message type. Most do not change from poll to poll. */
type Counts = Readonly<Record<Direction, JsonObject>>;

/** Bytes so far of each connected peer, by the peer's id. The node uses each id once. */
type Peers = ReadonlyMap<string, Counts>;

export function trafficCollector(registry: Registry): Collector {
  const bytes = registry.eventCounterVec(
    "bitcoin_peer_message_bytes_total",
    "Bytes received from and sent to peers, by message type.",
    ["direction", "message"],
    2 * (MESSAGES.length + 1),
  );
  const cellsOf = (direction: Direction) =>
    new Map([...MESSAGES, OTHER].map((message) => [message, bytes.with(direction, message)]));
  const cells = { received: cellsOf("received"), sent: cellsOf("sent") };

  /** Of the last poll of this session; undefined before the first one and after a failed one. */
  let last: Peers | undefined;

  const counts: Target<Peers> = {
    set(peers) {
      for (const cell of bytes) cell.start();
      const before = last ?? peers;
      last = new Map(
        [...peers].map(([id, now]) => [
          id,
          {
            received: add(cells.received, now.received, before.get(id)?.received),
            sent: add(cells.sent, now.sent, before.get(id)?.sent),
          },
        ]),
      );
    },
    clear() {
      last = undefined;
    },
  };
  return { polled: [polledInto(counts, fromRpc("getpeerinfo")(readPeers))] };
}

/**
 * Adds the growth of a peer's counts since `before`. A peer that connected since then has no counts there. Returns the counts that
 * the next poll compares with. An answer that is late may be older than the last one: its lower counts are ignored.
 */
function add(cells: ReadonlyMap<string, EventCounter>, now: JsonObject, before: JsonObject = {}): JsonObject {
  for (const message of Object.keys(now)) {
    if (now[message] === before[message]) continue;
    const rise = (result.number(now, message) ?? 0) - (result.number(before, message) ?? 0);
    if (rise < 0) return before;
    (cells.get(message) ?? cells.get(OTHER)!).add(rise);
  }
  return now;
}

function readPeers(peers: JsonValue): Peers {
  return new Map(
    result.asList(peers).flatMap((peer) => {
      const id = result.count(peer, "id");
      if (id === undefined) return [];
      const [received = {}, sent = {}] = [RECEIVED, SENT].map((field) => result.object(peer, field));
      return [[String(id), { received, sent }]];
    }),
  );
}
