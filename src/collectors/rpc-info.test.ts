import { expect, test } from "bun:test";
import { collected } from "../../test/builders/collected.ts";
import { rpcInfoCollector } from "./rpc-info.ts";

const rpcInfo = collected(rpcInfoCollector);

function read(...commands: [method: string, duration: number][]): Record<string, string> {
  const active_commands = commands.map(([method, duration]) => ({ method, duration }));
  return rpcInfo.read("getrpcinfo", { active_commands, logpath: "/debug.log" });
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
  expect(rpcInfo.read("getrpcinfo", {})).toEqual({});
});
