import { beforeEach, expect, test } from "bun:test";
import { answerRpc } from "../../test/builders/polled-calls.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import type { Collector } from "./collector.ts";
import { rpcInfoCollector } from "./rpc-info.ts";

let registry: Registry;
let rpcInfo: Collector;
beforeEach(() => {
  registry = new Registry();
  rpcInfo = rpcInfoCollector(registry);
});

function read(...commands: [method: string, duration: number][]): Record<string, string> {
  const active_commands = commands.map(([method, duration]) => ({ method, duration }));
  answerRpc(rpcInfo, "getrpcinfo", JSON.stringify({ active_commands, logpath: "/debug.log" }));
  return samplesOf(registry);
}

test("the exporter's own getrpcinfo is not counted", () => {
  expect(read(["getrpcinfo", 25])).toEqual({ bitcoin_rpc_active_commands: "0" });
});

test("the longest command is named, one at a time", () => {
  read(["scantxoutset", 90_000_000], ["getrpcinfo", 30]);
  expect(read(["getblock", 1500], ["gettxoutsetinfo", 1_250_000], ["getrpcinfo", 30])).toEqual({
    bitcoin_rpc_active_commands: "2",
    'bitcoin_rpc_longest_command_seconds{method="gettxoutsetinfo"}': "1.25",
  });
});

test("a getrpcinfo of another client is counted", () => {
  expect(read(["getrpcinfo", 30], ["getrpcinfo", 2_000_000])).toEqual({
    bitcoin_rpc_active_commands: "1",
    'bitcoin_rpc_longest_command_seconds{method="getrpcinfo"}': "2",
  });
});

test("an answer without commands has no samples", () => {
  answerRpc(rpcInfo, "getrpcinfo", "{}");
  expect(samplesOf(registry)).toEqual({});
});
