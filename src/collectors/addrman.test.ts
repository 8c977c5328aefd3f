import { expect, test } from "bun:test";
import { collected } from "../../test/builders/collected.ts";
import { addrmanCollector } from "./addrman.ts";

const { read } = collected(addrmanCollector);

test("known addresses have samples by network and table, without totals", () => {
  const answer = {
    ipv4: { new: 41_000, tried: 5000, total: 46_000 },
    i2p: { new: 3, tried: 0, total: 3 },
    hyperspace: { new: 1, tried: 1, total: 2 },
    all_networks: { new: 41_003, tried: 5000, total: 46_003 },
  };
  expect(read("getaddrmaninfo", answer)).toEqual({
    'bitcoin_addrman_addresses{network="ipv4",table="new"}': "41000",
    'bitcoin_addrman_addresses{network="ipv4",table="tried"}': "5000",
    'bitcoin_addrman_addresses{network="i2p",table="new"}': "3",
    'bitcoin_addrman_addresses{network="i2p",table="tried"}': "0",
  });
});

test("a node that reports none has no samples", () => {
  expect(read("getaddrmaninfo", {})).toEqual({});
});
