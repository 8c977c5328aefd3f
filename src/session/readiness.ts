// Waits until a node has loaded its chain. A node opens its socket before that, and some crash when a question needs the chain.

import type { NodeClient } from "../node/client.ts";
import type { NodeStart } from "../node/node-process.ts";
import { errorText } from "../rpc/errors.ts";
import type { Pause } from "./pause.ts";
import { startGraceMs } from "./start-grace.ts";

export interface ReadinessOptions {
  readonly client: Pick<NodeClient, "layout" | "jsonRpc" | "isJsonRpcOverHttp" | "warmupStatus" | "mining">;
  readonly socketPath: string;
  /** What this host shows of the node's process. */
  readonly nodeHasStarted: () => Promise<NodeStart>;
  /** Throws when the exporter is leaving, or the connection has ended: the node is asked nothing more. */
  readonly refuseLeaving: () => void;
  readonly pause: Pause;
  readonly log: (line: string) => void;
  readonly debug: (line: string) => void;
}

/** How often a node that is starting is asked, or looked at, again. */
const WARMUP_INTERVAL_MS = 1000;
/** A look at a process costs little, and JSON-RPC of a v30 node may be unused. */
const PROCESS_INTERVAL_MS = 100;

/** Resolves when the node may be asked anything. Rejects as `refuseLeaving` throws, or when the node does not answer. */
export async function waitForReadiness(options: ReadinessOptions): Promise<void> {
  const { client } = options;
  if (client.jsonRpc !== undefined && !client.isJsonRpcOverHttp) return waitForWarmup(options);
  if (client.layout === "v30") await waitForProcess(options);
  else await waitForMining(options);
  if (!client.isJsonRpcOverHttp) return;
  try {
    await waitForWarmup(options);
  } catch (error) {
    options.refuseLeaving();
    options.log(`${errorText(error)}; until it answers, json-rpc metrics have no sample`);
  }
}

/** The node answers JSON-RPC while it starts, with what it is doing. */
async function waitForWarmup({ client, refuseLeaving, pause, log, debug }: ReadinessOptions): Promise<void> {
  let isLogged = false;
  for (;;) {
    refuseLeaving();
    const status = await client.warmupStatus();
    if (status === undefined) return;
    if (isLogged) debug(`the node is starting: ${status}`);
    else log(`waiting for the node to start: ${status}`);
    isLogged = true;
    await pause.wait(WARMUP_INTERVAL_MS);
  }
}

/** A v31 node answers once its chain is loaded. */
async function waitForMining({ client, refuseLeaving, log }: ReadinessOptions): Promise<void> {
  refuseLeaving();
  const logWaiting = () => log("waiting for the node to start: its chain is not loaded yet");
  const timer = setTimeout(logWaiting, WARMUP_INTERVAL_MS);
  try {
    await client.mining();
  } finally {
    clearTimeout(timer);
  }
}

/** A v30 node answers at once, and crashes when its chain is not loaded: whether it is, its threads show. */
async function waitForProcess(options: ReadinessOptions): Promise<void> {
  const { nodeHasStarted, refuseLeaving, pause, log } = options;
  let isLogged = false;
  for (;;) {
    refuseLeaving();
    const start = await nodeHasStarted();
    if (start.state === "started") return;
    // A v30 node does not end before its last client has disconnected.
    if (start.state === "stopping") throw new Error("the node is stopping");
    if (start.state === "unknown") return waitForGrace(options, start.reason);
    if (!isLogged) log("waiting for the node to start: its threads show that its chain is not loaded yet");
    isLogged = true;
    await pause.wait(PROCESS_INTERVAL_MS);
  }
}

async function waitForGrace({ socketPath, refuseLeaving, pause, log }: ReadinessOptions, why: string): Promise<void> {
  const graceMs = startGraceMs(socketPath);
  if (graceMs === 0) return;
  log(`waiting ${Math.ceil(graceMs / 1000)} s for the node to start: its socket is new, and ${why}`);
  await pause.wait(graceMs);
  refuseLeaving();
}
