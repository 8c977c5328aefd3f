import { beforeEach, expect, mock, spyOn, test } from "bun:test";
import { NO_MINING } from "../../test/builders/no-queries.ts";
import { type LayoutName, StoppingError } from "../node/layouts.ts";
import type { NodeStart } from "../node/node-process.ts";
import { Pause } from "./pause.ts";
import { type ReadinessOptions, waitForReadiness } from "./readiness.ts";
import * as startGrace from "./start-grace.ts";

/** What happened, in order. Pauses take no time. */
let events: string[];
let starts: NodeStart[];
let warmups: (string | undefined | Error)[];
let isLeaving: boolean;
const pause = new Pause();

beforeEach(() => {
  events = [];
  starts = [];
  warmups = [];
  isLeaving = false;
  spyOn(pause, "wait").mockImplementation(async (ms) => void events.push(`pause ${ms}`));
  return () => mock.restore();
});

function wait(layout: LayoutName, rpc: "none" | "ipc" | "http"): Promise<void> {
  const client: ReadinessOptions["client"] = {
    layout,
    jsonRpc: rpc === "none" ? undefined : { callAll: () => Promise.reject(new Error("unused")) },
    isJsonRpcOverHttp: rpc === "http",
    warmupStatus: async () => {
      const status = warmups.shift();
      if (status instanceof Error) throw status;
      return status;
    },
    mining: async () => {
      events.push("mining");
      return NO_MINING;
    },
  };
  return waitForReadiness({
    client,
    socketPath: "/nonexistent",
    nodeHasStarted: async () => starts.shift()!,
    refuseLeaving: () => {
      if (isLeaving) throw new Error("the exporter is stopping");
    },
    pause,
    log: (line) => events.push(line),
    debug: (line) => events.push(`debug: ${line}`),
  });
}

test("a node with JSON-RPC is checked until it has started", async () => {
  warmups = ["Loading block index…", "Verifying blocks…", undefined];
  await wait("v32", "ipc");
  expect(events).toEqual([
    "waiting for the node to start: Loading block index…",
    "pause 1000",
    "debug: the node is starting: Verifying blocks…",
    "pause 1000",
  ]);
});

test("a v31 node answers once it has started", async () => {
  await wait("v31", "none");
  expect(events).toEqual(["mining"]);
});

test("a v30 node receives no calls before its threads show that it has started", async () => {
  starts = [{ state: "starting" }, { state: "starting" }, { state: "started" }];
  await wait("v30", "none");
  expect(events).toEqual([
    "waiting for the node to start: its threads show that its chain is not loaded yet",
    "pause 100",
    "pause 100",
  ]);
});

test("the exporter disconnects from a stopping v30 node immediately, because the node waits for that", async () => {
  starts = [{ state: "starting" }, { state: "stopping" }];
  await expect(wait("v30", "none")).rejects.toBeInstanceOf(StoppingError);
});

test("a v30 node whose process is not visible receives no calls while its socket is new, and the log has the reason", async () => {
  spyOn(startGrace, "startGraceMs").mockReturnValueOnce(299_500).mockReturnValueOnce(0);
  const unknown: NodeStart = { state: "unknown", reason: "the node is in another PID namespace" };
  starts = [unknown, unknown];
  await wait("v30", "none");
  expect(events).toEqual([
    "waiting 300 s for the node to start: its socket is new, and the node is in another PID namespace",
    "pause 299500",
  ]);
  await wait("v30", "none");
  expect(events).toHaveLength(2);
});

test("JSON-RPC over HTTP is waited for, too, but not when it does not answer", async () => {
  warmups = ["Loading wallet…", undefined];
  await wait("v31", "http");
  expect(events).toEqual(["mining", "waiting for the node to start: Loading wallet…", "pause 1000"]);
  events = [];
  starts = [{ state: "started" }];
  warmups = [new Error("JSON-RPC at http://127.0.0.1:1: connection refused (ECONNREFUSED)")];
  await wait("v30", "http");
  expect(events).toEqual([
    "JSON-RPC at http://127.0.0.1:1: connection refused (ECONNREFUSED); until it answers, json-rpc metrics have no sample",
  ]);
});

test("no call is made once the exporter disconnects", async () => {
  isLeaving = true;
  for (const [layout, rpc] of [
    ["v32", "ipc"],
    ["v31", "none"],
    ["v30", "none"],
  ] as const) {
    await expect(wait(layout, rpc)).rejects.toThrow("the exporter is stopping");
  }
  expect(events).toEqual([]);
});
