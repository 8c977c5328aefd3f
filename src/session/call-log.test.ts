import { describe, expect, test } from "bun:test";
import { whitelistFor } from "../node/calls.ts";
import { JsonRpcError, RefusedError } from "../node/json-rpc.ts";
import { DeadlineError, RpcError } from "../rpc/errors.ts";
import { CallLog } from "./call-log.ts";

/** A log of calls, the lines that it wrote, those of --debug, and the methods that it counted as failed. */
function callLog() {
  const [lines, debugged, counted] = [[], [], []] as [string[], string[], string[]];
  const calls = new CallLog({
    metrics: { callFailed: (method) => counted.push(method) },
    log: (line) => lines.push(line),
    debug: (line) => debugged.push(line),
  });
  return { calls, lines, debugged, counted };
}

const late = new DeadlineError("uptime: no answer within 10 s");

describe("a failed call", () => {
  test("is counted each time, and logged by --debug alone", () => {
    const { calls, lines, debugged, counted } = callLog();
    const noBlock = new JsonRpcError(-1, "Block not available (pruned data)", "getblockstats");
    for (const error of [new RpcError("failed", "std::bad_alloc"), noBlock, noBlock]) {
      calls.failed("getblockstats", error);
    }
    expect(counted).toEqual(["getblockstats", "getblockstats", "getblockstats"]);
    expect(lines).toEqual([]);
    expect(debugged.slice(1)).toEqual(
      Array(2).fill("getblockstats failed: getblockstats: Block not available (pruned data)"),
    );
  });

  test("of a method that the node does not have is not counted, and logged once", () => {
    const { calls, lines, debugged, counted } = callLog();
    const missing = [
      ["getprivatebroadcastinfo", new JsonRpcError(-32601, "Method not found", "getprivatebroadcastinfo")],
      ["Mining.isTestChain", new RpcError("unimplemented", "Method not implemented.")],
    ] as const;
    for (const [method, error] of [...missing, ...missing]) calls.pollFailed(method, error);
    expect(counted).toEqual([]);
    expect(lines).toEqual(
      missing.map(([method]) => `the node does not support ${method}; its metrics have no sample on this connection`),
    );
    expect(debugged).toHaveLength(4);
  });

  test.each([
    ["estimatesmartfee", new JsonRpcError(-32603, "Fee estimation disabled")],
    ["getmempoolinfo", new JsonRpcError(-33, "Mempool disabled or instance not found")],
    ["getprivatebroadcastinfo", new JsonRpcError(-32601, "Private broadcast is not enabled. Ensure …")],
  ])("of %s that an option of the node disables is neither counted nor logged", (method, error) => {
    const { calls, lines, debugged, counted } = callLog();
    for (let poll = 0; poll < 3; poll++) calls.pollFailed(method, error);
    expect([counted, lines]).toEqual([[], []]);
    expect(debugged).toHaveLength(3);
  });

  test("of a method that the node refuses is not counted; one line for all of them names the option that allows them", () => {
    const { calls, lines, debugged, counted } = callLog();
    for (const method of ["getpeerinfo", "listbanned", "getpeerinfo"]) {
      calls.pollFailed(method, new RefusedError(`${method}: refused by the node's RPC whitelist`, ""));
    }
    expect(counted).toEqual([]);
    expect(lines).toEqual([
      "getpeerinfo: refused by the node's RPC whitelist; metrics of refused methods have no sample on this connection; " +
        `to allow every method, write one line for this user in bitcoin.conf: ${whitelistFor("")}`,
    ]);
    expect(debugged).toHaveLength(3);
  });
});

describe("a node that does not answer in time", () => {
  const STALLED = `the node is stalled: ${late.message}; still polling`;
  const AGAIN = "the node answers again";

  test("is stalled after two calls of polls in a row, which is logged once, and so is its next answer", () => {
    const { calls, lines, counted } = callLog();
    calls.pollFailed("uptime", late);
    expect(lines).toEqual([]);
    for (let call = 2; call <= 5; call++) calls.pollFailed("uptime", late);
    expect(lines).toEqual([STALLED]);
    for (let call = 0; call < 3; call++) calls.pollAnswered();
    expect(lines).toEqual([STALLED, AGAIN]);
    for (let call = 0; call < 2; call++) calls.pollFailed("getpeerinfo", late);
    expect(lines).toEqual([STALLED, AGAIN, STALLED]);
    expect(counted).toEqual([...Array(5).fill("uptime"), "getpeerinfo", "getpeerinfo"]);
  });

  test("is not stalled while other calls are answered, or when others than polls are late", () => {
    const { calls, lines } = callLog();
    for (let round = 0; round < 3; round++) {
      calls.pollFailed("gettxoutsetinfo", late);
      calls.pollAnswered();
      calls.failed("getblockstats", late);
      calls.pollFailed("uptime", new RpcError("failed", "std::bad_alloc"));
    }
    expect(lines).toEqual([]);
  });
});
