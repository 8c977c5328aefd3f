import { expect, test } from "bun:test";
import { collected } from "../../test/builders/collected.ts";
import { peerHealthCollector } from "./peer-health.ts";

const health = collected(peerHealthCollector);
/** The samples, once the node answered with these peers. */
const read = (...peers: object[]) => health.read("getpeerinfo", peers);

test("a ping is overdue after more than 5 seconds, a clock is off by more than 10, in either direction", () => {
  expect(read({ pingwait: 5 }, { pingwait: 5.000001 }, { pingwait: 1200 }, {})).toMatchObject({
    bitcoin_peers_with_overdue_ping: "2",
  });
  expect(read({ timeoffset: -10 }, { timeoffset: 11 }, { timeoffset: -11 }, {})).toMatchObject({
    bitcoin_peers_with_clock_off: "2",
  });
});

test("a block requested from several peers is one block in flight", () => {
  expect(read({ inflight: [900_000, 900_001] }, { inflight: [900_001] }, { inflight: [] })).toMatchObject({
    bitcoin_peers_with_blocks_in_flight: "2",
    bitcoin_blocks_in_flight: "2",
  });
});

test("high bandwidth is counted in both directions, and relay of transactions", () => {
  const both = { bip152_hb_to: true, bip152_hb_from: true, relaytxes: true };
  expect(read(both, { ...both, bip152_hb_to: false }, { relaytxes: false })).toMatchObject({
    'bitcoin_peers_high_bandwidth{selected_by="node"}': "1",
    'bitcoin_peers_high_bandwidth{selected_by="peer"}': "2",
    bitcoin_peers_relaying_transactions: "2",
  });
});

test("addresses and queues are added up, and the longest queue is shown", () => {
  expect(
    read(
      { addr_processed: 1000, addr_rate_limited: 7, inv_to_send: 12 },
      { addr_processed: 24, addr_rate_limited: 0, inv_to_send: 30 },
    ),
  ).toMatchObject({
    bitcoin_peer_addresses_processed: "1024",
    bitcoin_peer_addresses_rate_limited: "7",
    bitcoin_peer_announcement_queue_transactions: "42",
    bitcoin_peer_announcement_queue_max_transactions: "30",
  });
});

test("without peers queues are empty; peers without the field have none", () => {
  expect(read()).toMatchObject({
    bitcoin_peer_announcement_queue_transactions: "0",
    bitcoin_peer_announcement_queue_max_transactions: "0",
  });
  expect(read({ addr_processed: 1 })).not.toHaveProperty("bitcoin_peer_announcement_queue_transactions");
});

test("fee filters are those that peers sent", () => {
  const filters = [0, 0.00001, 0.00000123, 0.00005].map((minfeefilter) => ({ minfeefilter }));
  expect(read(...filters)).toMatchObject({
    bitcoin_peer_fee_filter_min_satoshis_per_vbyte: "0.123",
    bitcoin_peer_fee_filter_median_satoshis_per_vbyte: "1",
  });
  expect(read({ minfeefilter: 0 })).not.toHaveProperty("bitcoin_peer_fee_filter_min_satoshis_per_vbyte");
});

test("a field of another type costs its own family", () => {
  expect(() => read({ pingwait: "long", relaytxes: true })).toThrow('getpeerinfo: "pingwait" is not a number: "long"');
  expect(health.samples()).toMatchObject({ bitcoin_peers_relaying_transactions: "1" });
  expect(health.samples()).not.toHaveProperty("bitcoin_peers_with_overdue_ping");
});
