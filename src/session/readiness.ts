// Waits until a node has loaded its chain. A node opens its socket before that, and some crash when a call needs the chain.

import type { NodeClient } from "../node/client.ts";
import { StoppingError } from "../node/layouts.ts";
import type { NodeStart } from "../node/node-process.ts";
import { errorText } from "../rpc/errors.ts";
import type { Pause } from "./pause.ts";
import { startGraceMs } from "./start-grace.ts";

export interface ReadinessOptions {
  readonly client: Pick<NodeClient, "layout" | "jsonRpc" | "isJsonRpcOverHttp" | "warmupStatus" | "mining">;
  readonly socketPath: string;
  /** The state of the node's process, as far as this host shows it. */
  readonly nodeHasStarted: () => Promise<NodeStart>;
  /** Throws when the exporter is stopping or the connection has ended: no further call may be made. */
  readonly refuseLeaving: () => void;
  readonly pause: Pause;
  readonly log: (line: string) => void;
  readonly debug: (line: string) => void;
}

/** Between two calls to a node that is starting. */
const WARMUP_INTERVAL_MS = 1000;
/** Between two checks of a node's process. They are cheap, and read nothing from the node. */
const PROCESS_INTERVAL_MS = 100;

/** Resolves when every call to the node is safe. Rejects as `refuseLeaving` throws, or when the node does not answer. */
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

/** While it starts, the node answers JSON-RPC calls with a text on its progress. */
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

/** A v30 node does not wait for its chain: a call before it is loaded crashes the node. The node's threads show whether it is. */
async function waitForProcess(options: ReadinessOptions): Promise<void> {
  const { nodeHasStarted, refuseLeaving, pause, log } = options;
  let isLogged = false;
  for (;;) {
    refuseLeaving();
    const start = await nodeHasStarted();
    if (start.state === "started") return;
    // A v30 node does not end before its last client has disconnected, so no attempt follows until there is another socket.
    if (start.state === "stopping") throw new StoppingError();
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
