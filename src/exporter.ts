// Lifecycle of the exporter: sessions with the node, one after the other, until `leave`.

import { statSync } from "node:fs";
import { compose, type ExporterOptions } from "./composition.ts";
import type { ServerOptions } from "./http/server.ts";
import { garbage } from "./memory/garbage.ts";
import { backoffMs } from "./session/backoff.ts";
import { Pause } from "./session/pause.ts";
import { Session } from "./session/session.ts";

/** After this many short sessions in a row, the log has only their ends, not their starts. */
const MAX_ANNOUNCED = 2;

/** After a node has reported that it is stopping, its socket is not used for so long, or until a node has created another. */
const MAX_STOP_MS = 15_000;
const SOCKET_INTERVAL_MS = 250;

/** How many logged reasons of failed attempts are kept, so that none is logged twice. A peer may return a new one each time. */
export const MAX_LOGGED_REASONS = 16;

export class Exporter {
  readonly #options: ExporterOptions;
  readonly #parts;
  readonly #pause = new Pause();
  #session: Session | undefined;
  #isLeaving = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ExporterOptions) {
    this.#options = options;
    this.#parts = compose(options);
  }

  /** The metrics at this moment, in the Prometheus text format: a view, valid until the next call. */
  readonly render = (): Uint8Array => this.#parts.registry.render();

  /** For the HTTP server: callbacks come before scrapes, because threads of the node wait for the answers. */
  readonly serving: Pick<ServerOptions, "payload" | "isBusy"> = {
    payload: this.render,
    isBusy: () => this.#parts.busyClock.isCalling(performance.now()),
  };

  /** To be called for each dropped log line. */
  readonly logLineDropped = (): void => this.#parts.metrics.logLineDropped();

  /** Connects to the node, and reconnects until `leave`. May be called again after that. */
  start(): void {
    this.#isLeaving = false;
    this.#running = this.#run();
  }

  /**
   * Disconnects in order and stops connecting. Resolves to whether the node confirmed it within `deadlineMs`; without that a
   * pr/trace node may crash. Never rejects.
   */
  async leave(deadlineMs: number): Promise<boolean> {
    this.#isLeaving = true;
    this.#pause.end();
    const inOrder = (await this.#session?.leave(deadlineMs)) ?? true;
    await this.#running;
    return inOrder;
  }

  async #run(): Promise<void> {
    const { socketPath, debug, log } = this.#options;
    /** Attempts in a row without a stable session, and short sessions among them. */
    let failures = 0;
    let shortSessions = 0;
    /** Lines logged since the last stable session. */
    const logged = new Set<string>();
    while (!this.#isLeaving) {
      this.#session = new Session({
        ...this.#options,
        ...this.#parts,
        announce: shortSessions < MAX_ANNOUNCED ? log : () => {},
      });
      const socket = socketIdentity(socketPath);
      const { wasUp, wasStable, isStopping, reason } = await this.#session.run();
      if (this.#isLeaving) return;
      if (wasStable) {
        failures = shortSessions = 0;
        logged.clear();
      } else if (wasUp) shortSessions++;
      failures++;
      const delayMs = backoffMs(failures);
      const retry = isStopping
        ? `next attempt in ${MAX_STOP_MS / 1000} s, or once it has restarted`
        : `next attempt in ${(delayMs / 1000).toFixed(1)} s`;
      const text = wasUp ? `lost the node: ${reason}` : `cannot reach the node at ${socketPath}: ${reason}`;
      if (debug || !logged.has(text)) log(`${text}; ${retry}`);
      logged.add(text);
      if (logged.size > MAX_LOGGED_REASONS) logged.delete([...logged][0]!);
      // Frees the memory of this attempt, which a hostile peer may have filled. No node waits for an answer now.
      garbage.collectAll();
      await this.#pause.wait(delayMs);
      if (isStopping) await this.#waitForNewSocket(socket);
    }
  }

  /** A node that stops may accept connections until it ends, and it crashes or hangs if a call is under way then. */
  async #waitForNewSocket(old: string | undefined): Promise<void> {
    const { socketPath } = this.#options;
    const end = performance.now() + MAX_STOP_MS;
    while (!this.#isLeaving && performance.now() < end && socketIdentity(socketPath) === old) {
      await this.#pause.wait(SOCKET_INTERVAL_MS);
    }
  }
}

/** Each node creates its own socket file. Undefined where there is none. */
function socketIdentity(path: string): string | undefined {
  try {
    const { ino, ctimeMs } = statSync(path);
    return `${ino} ${ctimeMs}`;
  } catch {
    return undefined;
  }
}
