import { beforeEach, expect, test } from "bun:test";
import { answerRpc, callsOf } from "../../test/builders/polled-calls.ts";
import { feed } from "../../test/builders/rpc-answers.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import type { Collector } from "./collector.ts";
import { nodeCollector } from "./node.ts";

let registry: Registry;
let node: Collector;
beforeEach(() => {
  registry = new Registry();
  node = nodeCollector(registry);
});

function info(): string[] {
  return Object.keys(samplesOf(registry)).filter((series) => series.startsWith("bitcoin_node_info"));
}

const MASTER = 'bitcoin_node_info{chain="regtest",version="319900",subversion="/Satoshi:31.99.0/",protocol="70017"}';
const PR_TRACE = 'bitcoin_node_info{chain="regtest",version="309900",subversion="/Satoshi:30.99.0/",protocol="70016"}';

test("another node replaces the series of the one before", () => {
  feed(node, "master");
  expect(info()).toEqual([MASTER]);
  feed(node, "pr/trace");
  expect(info()).toEqual([PR_TRACE]);
});

test("a thousand other nodes leave one series", () => {
  for (let version = 0; version < 1000; version++) {
    const answer = { version, subversion: `/Satoshi:${version}/`, protocolversion: 1 };
    answerRpc(node, "getblockchaininfo", '{"chain": "main"}');
    answerRpc(node, "getnetworkinfo", JSON.stringify(answer));
  }
  expect(info()).toEqual(['bitcoin_node_info{chain="main",version="999",subversion="/Satoshi:999/",protocol="1"}']);
});

test("a failure of either method removes the series, and the next answer restores it", () => {
  feed(node, "master");
  for (const method of ["getblockchaininfo", "getnetworkinfo"] as const) {
    for (const call of callsOf(node).jsonRpc) if (call.source.method === method) call.clear();
    expect(info()).toEqual([]);
    feed(node, "master");
    expect(info()).toEqual([MASTER]);
  }
});

test("a subversion that an operator chose is escaped", () => {
  answerRpc(node, "getblockchaininfo", '{"chain": "main"}');
  answerRpc(node, "getnetworkinfo", '{"version": 1, "subversion": "/a\\"b\\\\/", "protocolversion": 2}');
  expect(info()).toEqual(['bitcoin_node_info{chain="main",version="1",subversion="/a\\"b\\\\/",protocol="2"}']);
});

test("an answer without one of the labels has no series", () => {
  feed(node, "master");
  answerRpc(node, "getnetworkinfo", '{"version": 1, "protocolversion": 2}');
  expect(info()).toEqual([]);
});
