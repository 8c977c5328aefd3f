// Traffic with peers by message type. The node counts per connected peer, and what it counted for a peer is gone with the
// peer; so the exporter adds up what each peer's counts rise by from poll to poll.

import type { EventCounter } from "../metrics/cells.ts";
import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, polledInto, type Target } from "./collector.ts";
import * as result from "./result.ts";

/** Message types of Bitcoin Core's protocol.h. It counts those of any other type as "*other*". */
const MESSAGES = [
  ["version", "verack", "wtxidrelay", "sendaddrv2", "sendheaders", "sendcmpct", "sendtxrcncl", "feature", "feefilter"],
  ["addr", "addrv2", "getaddr", "ping", "pong", "inv", "getdata", "notfound", "tx", "mempool"],
  ["getblocks", "getheaders", "headers", "block", "cmpctblock", "getblocktxn", "blocktxn"],
  ["filterload", "filteradd", "filterclear", "merkleblock"],
  ["getcfilters", "cfilter", "getcfheaders", "cfheaders", "getcfcheckpt", "cfcheckpt"],
].flat();
const OTHER = "other";

const DIRECTIONS = { received: "bytesrecv_per_msg", sent: "bytessent_per_msg" } as const;
type Direction = keyof typeof DIRECTIONS;

/** The counts of one peer by message type, as the node names it. */
type Counts = Readonly<Record<Direction, ReadonlyMap<string, number>>>;

/** Bytes so far of each connected peer, by its id: the node uses each id once. */
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

  /** Of the last poll of this session, unless it failed. */
  let last: Peers | undefined;

  const counts: Target<Peers> = {
    set(peers) {
      for (const direction of ["received", "sent"] as const) {
        for (const cell of cells[direction].values()) cell.start();
        if (last === undefined) continue;
        for (const [id, now] of peers) add(cells[direction], now[direction], last.get(id)?.[direction]);
      }
      last = peers;
    },
    clear() {
      last = undefined;
    },
  };
  return { polled: [polledInto(counts, fromRpc("getpeerinfo")(readPeers))] };
}

/** Adds what a peer's counts rose by; all of it for a peer that connected since. */
function add(
  cells: ReadonlyMap<string, EventCounter>,
  now: ReadonlyMap<string, number>,
  before: ReadonlyMap<string, number> = new Map(),
): void {
  for (const [message, count] of now) {
    const rise = count - (before.get(message) ?? 0);
    if (rise > 0) (cells.get(message) ?? cells.get(OTHER)!).add(rise);
  }
}

function readPeers(peers: JsonValue): Peers {
  return new Map(
    result.asList(peers).flatMap((peer) => {
      const id = result.count(peer, "id");
      return id === undefined
        ? []
        : [[String(id), { received: countsOf(peer, "received"), sent: countsOf(peer, "sent") }]];
    }),
  );
}

function countsOf(peer: JsonValue, direction: Direction): ReadonlyMap<string, number> {
  const byMessage = result.object(peer, DIRECTIONS[direction]) ?? {};
  return new Map(Object.keys(byMessage).map((message) => [message, result.number(byMessage, message) ?? 0]));
}
