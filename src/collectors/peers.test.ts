import { expect, test } from "bun:test";
import { collected } from "../../test/builders/collected.ts";
import { clearAll } from "../../test/builders/polled-calls.ts";
import { feed } from "../../test/builders/rpc-answers.ts";
import { peersCollector } from "./peers.ts";

const peers = collected(peersCollector);
const read = (...answers: object[]) => peers.read("getpeerinfo", answers);

/** Connections by direction, network, type and transport, as the labels read. */
function connections(samples: Record<string, string>): Record<string, string> {
  const found = Object.entries(samples).flatMap(([series, value]) => {
    const labels = [...series.matchAll(/="([^"]*)"/g)].map((match) => match[1]);
    return labels.length === 4 && value !== "0" ? [[labels.join(" "), value]] : [];
  });
  return Object.fromEntries(found);
}

function peer(inbound: boolean, network: string, connectionType: string, transport: string, more = {}): object {
  return { inbound, network, connection_type: connectionType, transport_protocol_type: transport, ...more };
}

test("peers of a kind are counted together", () => {
  const samples = read(
    peer(true, "onion", "inbound", "v1"),
    peer(false, "i2p", "manual", "v2"),
    peer(true, "onion", "inbound", "v1"),
    peer(true, "onion", "inbound", "detecting"),
  );
  expect(connections(samples)).toEqual({
    "inbound onion inbound v1": "2",
    "outbound i2p manual v2": "1",
    "inbound onion inbound detecting": "1",
  });
});

test("a kind without peers is 0, and without an answer it has no sample", () => {
  const series = 'bitcoin_connections{direction="inbound",network="onion",connection_type="inbound",transport="v1"}';
  expect(read(peer(true, "onion", "inbound", "v1"))).toHaveProperty([series], "1");
  expect(read()).toHaveProperty([series], "0");
  clearAll(peers.collector);
  expect(peers.samples()).toEqual({});
  // And it does not come back with the next node.
  expect(read()).not.toHaveProperty([series]);
});

test("without peers both directions and both transports are 0", () => {
  expect(Object.values(read())).toEqual(["0", "0", "0", "0"]);
});

test("unknown and missing values are other", () => {
  const samples = read(peer(true, "hyperspace", "telepathy", "v3"), { inbound: false });
  expect(connections(samples)).toEqual({ "inbound other other other": "1", "outbound other other other": "1" });
});

test("however strange the peers, the series are bounded and each peer is counted", () => {
  const strange = Array.from({ length: 5000 }, (_, i) => peer(i % 2 === 0, `n${i % 97}`, `t${i % 89}`, `p${i}`));
  const samples = read(...strange);
  expect(connections(samples)).toEqual({ "inbound other other other": "2500", "outbound other other other": "2500" });
});

test("every combination of known values has a series", () => {
  const networks = ["ipv4", "ipv6", "onion", "i2p", "cjdns", "not_publicly_routable", "internal", "x"];
  const types = "inbound outbound-full-relay block-relay-only manual addr-fetch feeler private-broadcast x".split(" ");
  const transports = ["v1", "v2", "detecting", "x"];
  const all = [true, false].flatMap((inbound) =>
    networks.flatMap((network) =>
      types.flatMap((type) => transports.map((transport) => peer(inbound, network, type, transport))),
    ),
  );
  const counts = connections(read(...all));
  expect(Object.keys(counts)).toHaveLength(2 * 8 * 8 * 4);
  expect(new Set(Object.values(counts))).toEqual(new Set(["1"]));
});

test.each([
  [[0.3], "0.3"],
  [[0.5, 0.1], "0.3"],
  [[0.5, 0.1, 0.2], "0.2"],
  [[0.4, 0.1, 0.2, 0.3], "0.25"],
])("the median of %j is %s", (times, expected) => {
  const samples = read(...times.map((pingtime) => ({ inbound: true, pingtime })));
  expect(samples).toHaveProperty("bitcoin_peer_ping_median_seconds", expected);
});

test("the lowest ping is that of all peers; peers without a ping do not count", () => {
  const samples = read(
    { inbound: true, pingtime: 0.2, minping: 0.15 },
    { inbound: true },
    { inbound: true, pingtime: 0.4, minping: 0.05 },
  );
  expect(samples).toMatchObject({ bitcoin_peer_ping_median_seconds: "0.30000000000000004" });
  expect(samples).toMatchObject({ bitcoin_peer_ping_min_seconds: "0.05" });
  expect(read({ inbound: true })).not.toHaveProperty("bitcoin_peer_ping_median_seconds");
  expect(peers.samples()).not.toHaveProperty("bitcoin_peer_ping_min_seconds");
});

test("a malformed peer removes only the family of connections", () => {
  feed(peers.collector, "master");
  expect(() => read({ inbound: "yes", pingtime: 0.1, minping: 0.1 })).toThrow(
    new Error('getpeerinfo: "inbound" is not true or false: "yes"'),
  );
  expect(peers.samples()).toEqual({
    bitcoin_peer_ping_median_seconds: "0.1",
    bitcoin_peer_ping_min_seconds: "0.1",
  });
});
