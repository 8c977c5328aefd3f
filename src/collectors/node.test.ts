import { expect, test } from "bun:test";
import { collected } from "../../test/builders/collected.ts";
import { callsOf } from "../../test/builders/polled-calls.ts";
import { feed } from "../../test/builders/rpc-answers.ts";
import { nodeCollector } from "./node.ts";

const node = collected(nodeCollector);

function info(): string[] {
  return Object.keys(node.samples()).filter((series) => series.startsWith("bitcoin_node_info"));
}

const MASTER = 'bitcoin_node_info{chain="regtest",version="319900",subversion="/Satoshi:31.99.0/",protocol="70017"}';
const PR_TRACE = 'bitcoin_node_info{chain="regtest",version="309900",subversion="/Satoshi:30.99.0/",protocol="70016"}';

test("another node replaces the series of the one before", () => {
  feed(node.collector, "master");
  expect(info()).toEqual([MASTER]);
  feed(node.collector, "pr/trace");
  expect(info()).toEqual([PR_TRACE]);
});

test("a thousand other nodes leave one series", () => {
  for (let version = 0; version < 1000; version++) {
    const answer = { version, subversion: `/Satoshi:${version}/`, protocolversion: 1 };
    node.read("getblockchaininfo", '{"chain": "main"}');
    node.read("getnetworkinfo", answer);
  }
  expect(info()).toEqual(['bitcoin_node_info{chain="main",version="999",subversion="/Satoshi:999/",protocol="1"}']);
});

test("a failure of either method removes the series, and the next answer restores it", () => {
  feed(node.collector, "master");
  for (const method of ["getblockchaininfo", "getnetworkinfo"] as const) {
    for (const call of callsOf(node.collector).jsonRpc) if (call.source.method === method) call.clear();
    expect(info()).toEqual([]);
    feed(node.collector, "master");
    expect(info()).toEqual([MASTER]);
  }
});

test("a subversion that an operator chose is escaped", () => {
  node.read("getblockchaininfo", '{"chain": "main"}');
  node.read("getnetworkinfo", '{"version": 1, "subversion": "/a\\"b\\\\/", "protocolversion": 2}');
  expect(info()).toEqual(['bitcoin_node_info{chain="main",version="1",subversion="/a\\"b\\\\/",protocol="2"}']);
});

test("an answer without one of the labels has no series", () => {
  feed(node.collector, "master");
  node.read("getnetworkinfo", '{"version": 1, "protocolversion": 2}');
  expect(info()).toEqual([]);
});
