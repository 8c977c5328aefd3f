// The peers of the simulated node: constant outbound ones, and inbound ones that come and go with the blocks. One of the
// outbound peers stalls from time to time.

interface Kind {
  readonly network: "ipv4" | "ipv6" | "onion" | "i2p";
  /** As `getpeerinfo` names it. */
  readonly type: "inbound" | "outbound-full-relay" | "block-relay-only";
  readonly transport: "v1" | "v2";
  readonly minPingMs: number;
  readonly subversion: string;
  readonly protocol: number;
  /** The autonomous system of its address, on the networks that have one. */
  readonly autonomousSystem?: number;
  /** Of its clock, in seconds. */
  readonly timeOffsetS?: number;
}

/** Bytes by message type. */
export type MessageBytes = Record<string, number>;

export interface Peer extends Kind {
  readonly id: number;
  readonly isInbound: boolean;
  /** Sends new blocks without a request (BIP 152), as the node selected. */
  readonly isHighBandwidth: boolean;
  readonly received: MessageBytes;
  readonly sent: MessageBytes;
}

const CORE_31 = { subversion: "/Satoshi:31.0.0/", protocol: 70_016 };
const CORE_32 = { subversion: "/Satoshi:32.0.0/", protocol: 70_017 };
const CORE_29 = { subversion: "/Satoshi:29.1.0/", protocol: 70_016 };
const CORE_25 = { subversion: "/Satoshi:25.0.0/", protocol: 70_016 };
const OTHER = { subversion: "/btcwire:0.5.0/btcd:0.24.2/", protocol: 70_013 };

const FULL_RELAY = { type: "outbound-full-relay", transport: "v2" } as const;
const BLOCK_RELAY = { type: "block-relay-only", transport: "v2" } as const;
const INCOMING = { type: "inbound", transport: "v2" } as const;

const OUTBOUND: readonly Kind[] = [
  { ...FULL_RELAY, ...CORE_32, network: "ipv4", minPingMs: 18, autonomousSystem: 24_940 },
  { ...FULL_RELAY, ...CORE_31, network: "ipv4", minPingMs: 31, autonomousSystem: 16_276 },
  { ...FULL_RELAY, ...CORE_25, network: "ipv4", minPingMs: 84, autonomousSystem: 24_940, transport: "v1" },
  { ...FULL_RELAY, ...CORE_31, network: "ipv6", minPingMs: 42, autonomousSystem: 7922 },
  { ...FULL_RELAY, ...CORE_29, network: "onion", minPingMs: 460 },
  { ...FULL_RELAY, ...CORE_31, network: "i2p", minPingMs: 910 },
  { ...BLOCK_RELAY, ...CORE_31, network: "ipv4", minPingMs: 25, autonomousSystem: 3320 },
  { ...BLOCK_RELAY, ...CORE_29, network: "onion", minPingMs: 380, transport: "v1" },
];

const INBOUND: readonly Kind[] = [
  { ...INCOMING, ...CORE_31, network: "ipv4", minPingMs: 57, autonomousSystem: 24_940 },
  { ...INCOMING, ...CORE_31, network: "onion", minPingMs: 520 },
  {
    ...INCOMING,
    ...OTHER,
    network: "ipv4",
    minPingMs: 133,
    autonomousSystem: 14_061,
    transport: "v1",
    timeOffsetS: 71,
  },
  { ...INCOMING, ...CORE_32, network: "ipv6", minPingMs: 76, autonomousSystem: 7922 },
  { ...INCOMING, ...CORE_29, network: "ipv4", minPingMs: 22, autonomousSystem: 24_940 },
  { ...INCOMING, ...CORE_31, network: "i2p", minPingMs: 1240 },
];

const MIN_INBOUND = 2;
/** As many as Bitcoin Core selects. */
const HIGH_BANDWIDTH_PEERS = 3;

/** The outbound peer that stalls, and at which heights: the last STALLED of every STALLS_EVERY. */
const STALLING = 4;
const STALLS_EVERY = 12;
const STALLED = 3;

/** Bytes of an announcement of one transaction, of a header, and of a ping or its answer, each with its message. */
const INV_BYTES = 61;
const HEADER_BYTES = 106;
const PING_BYTES = 32;
/** Of the messages at the start of a connection. */
const HANDSHAKE: Readonly<MessageBytes> = { version: 126, verack: 24, sendcmpct: 33, feefilter: 32 };

export class Peers {
  #connected: Peer[] = [];
  #nextId = 0;
  /** Since the last start, with those of peers that have disconnected. */
  receivedBytes = 0;
  sentBytes = 0;

  get connected(): readonly Peer[] {
    return this.#connected;
  }

  /** Disconnects all and connects those of `height`: the node has started. */
  restart(height: number): void {
    this.#connected = [];
    this.receivedBytes = this.sentBytes = 0;
    for (const kind of OUTBOUND) this.#connect(kind);
    this.#changeTo(height);
  }

  /** A transaction comes from one peer, and goes to the others. */
  relayTransaction(bytes: number): void {
    const relaying = this.#connected.filter(({ type }) => type !== "block-relay-only");
    const from = relaying[bytes % relaying.length]!;
    for (const peer of relaying) {
      this.#receive(peer, "inv", INV_BYTES);
      this.#send(peer, "inv", INV_BYTES);
      if (peer === from) this.#receive(peer, "tx", bytes);
      else this.#send(peer, "tx", bytes);
    }
  }

  /** A block comes from one peer, its header from the others; peers are pinged, and some come or leave. */
  relayBlock(height: number, bytes: number): void {
    const [from, ...others] = this.#connected;
    this.#receive(from!, "cmpctblock", bytes);
    for (const peer of others) {
      this.#receive(peer, "headers", HEADER_BYTES);
      this.#send(peer, peer.isInbound ? "cmpctblock" : "headers", peer.isInbound ? bytes : HEADER_BYTES);
    }
    for (const [index, peer] of this.#connected.entries()) {
      this.#send(peer, "ping", PING_BYTES);
      if (stallOf(index, height) === 0) this.#receive(peer, "pong", PING_BYTES);
    }
    this.#changeTo(height);
  }

  /** The number of inbound peers rises and falls by one per block. */
  #changeTo(height: number): void {
    const range = INBOUND.length - MIN_INBOUND;
    const phase = height % (2 * range);
    const kinds = [...OUTBOUND, ...INBOUND.slice(0, MIN_INBOUND + Math.min(phase, 2 * range - phase))];
    this.#connected.splice(kinds.length);
    for (const kind of kinds.slice(this.#connected.length)) this.#connect(kind);
  }

  #connect(kind: Kind): void {
    const isHighBandwidth = this.#connected.length < HIGH_BANDWIDTH_PEERS;
    const isInbound = kind.type === "inbound";
    const peer: Peer = { ...kind, id: this.#nextId++, isInbound, isHighBandwidth, received: {}, sent: {} };
    this.#connected.push(peer);
    for (const [message, bytes] of Object.entries(HANDSHAKE)) {
      this.#receive(peer, message, bytes);
      this.#send(peer, message, bytes);
    }
  }

  #receive({ received }: Peer, message: string, bytes: number): void {
    received[message] = (received[message] ?? 0) + bytes;
    this.receivedBytes += bytes;
  }

  #send({ sent }: Peer, message: string, bytes: number): void {
    sent[message] = (sent[message] ?? 0) + bytes;
    this.sentBytes += bytes;
  }
}

/** For how many blocks the peer at `index` has answered nothing; 0 if it answers. */
export function stallOf(index: number, height: number): number {
  if (index !== STALLING) return 0;
  return Math.max(0, (height % STALLS_EVERY) - (STALLS_EVERY - STALLED) + 1);
}
