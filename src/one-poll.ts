// One connection and one poll, for --once and --check: no subscriptions, no second attempt.

import { type Composition, compose, type ExporterOptions } from "./composition.ts";
import type { NodeClient } from "./node/client.ts";
import { peerProgram } from "./node/socket.ts";
import { Session } from "./session/session.ts";

export interface OnePollOptions extends ExporterOptions {
  /** The limit from connecting to the last answer. */
  readonly timeoutMs: number;
}

/** A node that was polled, and the families as they are then. */
export interface PolledNode extends Pick<Composition, "registry" | "collectors"> {
  readonly client: NodeClient;
  /** The log lines of the session. */
  readonly remarks: readonly string[];
  /** Methods that failed, as `bitcoin_ipc_call_errors_total{method}` has them. */
  readonly failedMethods: ReadonlySet<string>;
}

/** Why there was no poll, in a line. */
export class NoPollError extends Error {
  override readonly name = "NoPollError";
}

/** How long the node may take to confirm the disconnect. */
const LEAVE_DEADLINE_MS = 4000;

const NODE_PROGRAM = "bitcoin-node";

/** A log line on what the exporter waits for. */
const WAIT = /^(waiting|no answer) /;

/** A reason to which src/node/socket-path.ts added no advice: no socket, or one that an ended node left behind. */
const NO_LISTENER = /\((ENOENT|ECONNREFUSED)\)$/;

/**
 * Connects, waits until the node has started, polls, and disconnects in order. Resolves to what `read` returns while the
 * session is still up. Killing the exporter harms no node, unless a call to a pr/trace node is under way.
 * @throws NoPollError when the node cannot be polled in time, or `signal` aborts: its reason is a text.
 */
export async function pollOnce<T>(
  options: OnePollOptions,
  signal: AbortSignal,
  read: (node: PolledNode) => T,
): Promise<T> {
  const composition = compose(options);
  const remarks: string[] = [];
  const failedMethods = new Set<string>();
  let polled: { readonly value: T } | undefined;
  let peer: Promise<string | undefined> | undefined;
  let isNode = false;
  let left: Promise<unknown> | undefined;
  const leave = () => {
    left ??= session.leave(LEAVE_DEADLINE_MS);
  };
  const session = new Session({
    ...options,
    ...composition,
    subscribe: false,
    log: (line) => {
      remarks.push(line);
      options.log(line);
    },
    announce: options.log,
    metrics: {
      ...composition.metrics,
      connected: (layout) => {
        isNode = true;
        composition.metrics.connected(layout);
      },
      callFailed: (method) => {
        failedMethods.add(method);
        composition.metrics.callFailed(method);
      },
    },
    onConnected: (connection) => {
      peer = peerProgram(connection);
    },
    onPolled: (client) => {
      polled = { value: read({ ...composition, client, remarks, failedMethods }) };
      leave();
    },
  });
  const timeout = AbortSignal.timeout(options.timeoutMs);
  for (const end of [signal, timeout]) end.addEventListener("abort", leave);
  const { reason } = await session.run();
  await left;
  if (polled !== undefined) return polled.value;
  if (signal.aborted) throw new NoPollError(String(signal.reason));
  const wait = remarks.findLast((line) => WAIT.test(line));
  const why = timeout.aborted ? (wait ?? "it has not answered every call") : reason;
  const name = isNode || wait?.startsWith("waiting ") ? NODE_PROGRAM : await peer;
  const program = name === undefined || name === NODE_PROGRAM ? "" : `; the program behind the socket is ${name}`;
  const advice = NO_LISTENER.test(why) ? "; start the node with ipcbind=unix, or check the path" : "";
  if (!timeout.aborted) throw new NoPollError(why + program + advice);
  throw new NoPollError(`no poll within ${options.timeoutMs / 1000} s: ${why}${program}; --timeout waits longer`);
}
