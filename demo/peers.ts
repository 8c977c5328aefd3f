// The peers of the simulated node: some that it connected to and keeps, and some that connect to it and come and go with
// the blocks.

export interface Peer {
  readonly isInbound: boolean;
  readonly network: "ipv4" | "ipv6" | "onion" | "i2p";
  /** As `getpeerinfo` names it. */
  readonly type: "inbound" | "outbound-full-relay" | "block-relay-only";
  readonly transport: "v1" | "v2";
  /** The least time that a ping took, in seconds. */
  readonly minPingS: number;
}

type Row = readonly [Peer["network"], Peer["type"], Peer["transport"], minPingMs: number];

const OUTBOUND = peers([
  ["ipv4", "outbound-full-relay", "v2", 18],
  ["ipv4", "outbound-full-relay", "v2", 31],
  ["ipv4", "outbound-full-relay", "v1", 84],
  ["ipv6", "outbound-full-relay", "v2", 42],
  ["onion", "outbound-full-relay", "v2", 460],
  ["i2p", "outbound-full-relay", "v2", 910],
  ["ipv4", "block-relay-only", "v2", 25],
  ["onion", "block-relay-only", "v1", 380],
]);

const INBOUND = peers([
  ["ipv4", "inbound", "v2", 57],
  ["onion", "inbound", "v2", 520],
  ["ipv4", "inbound", "v1", 133],
  ["ipv6", "inbound", "v2", 76],
  ["ipv4", "inbound", "v2", 22],
  ["i2p", "inbound", "v2", 1240],
]);

/** Inbound peers that are always there. */
const LEAST_INBOUND = 2;

/** The peers while the tip is at `height`. */
export function peersAt(height: number): readonly Peer[] {
  // Up and down again, by one at a block.
  const range = INBOUND.length - LEAST_INBOUND;
  const phase = height % (2 * range);
  return [...OUTBOUND, ...INBOUND.slice(0, LEAST_INBOUND + Math.min(phase, 2 * range - phase))];
}

function peers(rows: readonly Row[]): readonly Peer[] {
  return rows.map(([network, type, transport, minPingMs]) => ({
    isInbound: type === "inbound",
    network,
    type,
    transport,
    minPingS: minPingMs / 1000,
  }));
}
