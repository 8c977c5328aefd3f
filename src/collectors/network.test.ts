import { beforeEach, expect, test } from "bun:test";
import { answerRpc } from "../../test/builders/polled-calls.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import type { Collector } from "./collector.ts";
import { networkCollector } from "./network.ts";
import { relayCollector } from "./relay.ts";
import { uploadTargetCollector } from "./upload-target.ts";

let registry: Registry;
beforeEach(() => {
  registry = new Registry();
});

function read(collector: Collector, method: string, answer: object): Record<string, string> {
  answerRpc(collector, method, JSON.stringify(answer));
  return samplesOf(registry);
}

test("local addresses are counted by network", () => {
  const addresses = [
    "203.0.113.7",
    "2001:db8::7",
    "fc32:17ea:e415:c3bf:9808:149d:b5a2:c9aa",
    "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion",
    "ukeu3k5oycgaauneqgtnvselmt4yemvoilkln7jpvamvfx7dnkdq.b32.i2p",
    "198.51.100.7",
  ];
  const localaddresses = addresses.map((address) => ({ address, port: 8333, score: 1 }));
  expect(read(networkCollector(registry), "getnetworkinfo", { localaddresses })).toMatchObject({
    'bitcoin_local_addresses{network="ipv4"}': "2",
    'bitcoin_local_addresses{network="ipv6"}': "1",
    'bitcoin_local_addresses{network="onion"}': "1",
    'bitcoin_local_addresses{network="i2p"}': "1",
    'bitcoin_local_addresses{network="cjdns"}': "1",
    'bitcoin_local_addresses{network="other"}': "0",
  });
});

test("peers' clocks may be behind", () => {
  const network = networkCollector(registry);
  expect(read(network, "getnetworkinfo", { timeoffset: -3 })).toEqual({ bitcoin_time_offset_seconds: "-3" });
});

test("new services replace the earlier ones", () => {
  const network = networkCollector(registry);
  read(network, "getnetworkinfo", { localservicesnames: ["NETWORK"] });
  expect(read(network, "getnetworkinfo", { localservicesnames: ["NETWORK", "BLOOM"] })).toEqual({
    'bitcoin_local_services_info{services="NETWORK,BLOOM"}': "1",
  });
});

test("a network that is not listed has no series", () => {
  const networks = [{ name: "onion", reachable: true }, { name: "hyperspace", reachable: true }, { name: "ipv4" }];
  expect(read(networkCollector(registry), "getnetworkinfo", { networks })).toEqual({
    'bitcoin_network_reachable{network="onion"}': "1",
  });
});

test("a node before v32 has no announcement buckets", () => {
  expect(read(relayCollector(registry), "getnetworkinfo", { connections: 3 })).toEqual({});
});

test("a bucket without a field has no sample of it", () => {
  const inv_buckets = { inbound: { backlog: 5, count_tok: -0.5 }, sideways: { backlog: 7 } };
  expect(read(relayCollector(registry), "getnetworkinfo", { inv_buckets })).toEqual({
    'bitcoin_relay_backlog_transactions{direction="inbound"}': "5",
    'bitcoin_relay_transaction_tokens{direction="inbound"}': "-0.5",
  });
});

test("an upload target of 0 means no target", () => {
  const uploadtarget = { target: 0, target_reached: false, bytes_left_in_cycle: 0, time_left_in_cycle: 0 };
  const collector = uploadTargetCollector(registry);
  expect(read(collector, "getnettotals", { uploadtarget })).toEqual({});
  expect(read(collector, "getnettotals", { totalbytessent: 1 })).toEqual({});
  expect(
    read(collector, "getnettotals", { uploadtarget: { ...uploadtarget, target: 1000, target_reached: true } }),
  ).toEqual({
    bitcoin_upload_target_bytes: "1000",
    bitcoin_upload_target_reached: "1",
    bitcoin_upload_target_left_bytes: "0",
    bitcoin_upload_target_cycle_left_seconds: "0",
  });
});
