// The peers of the simulated node: constant outbound ones, and inbound ones whose number changes with each block.

export interface Peer {
  readonly isInbound: boolean;
  readonly network: "ipv4" | "ipv6" | "onion" | "i2p";
  /** As `getpeerinfo` names it. */
  readonly type: "inbound" | "outbound-full-relay" | "block-relay-only";
  readonly transport: "v1" | "v2";
  /** Minimum ping time in seconds. */
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

const MIN_INBOUND = 2;

/** The peers while the tip is at `height`. */
export function peersAt(height: number): readonly Peer[] {
  // Up and down again, by one per block.
  const range = INBOUND.length - MIN_INBOUND;
  const phase = height % (2 * range);
  return [...OUTBOUND, ...INBOUND.slice(0, MIN_INBOUND + Math.min(phase, 2 * range - phase))];
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
