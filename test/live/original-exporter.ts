// ipc-exporter-rust as its users run it, beside ours on one node.

import { eventually } from "../eventually.ts";
import { freePort } from "../free-port.ts";
import { fromEnvironment, ORIGINAL_EXPORTER } from "./executables.ts";

/** It subscribes to the coins last. */
const SUBSCRIBED = "registered for UTXO cache trace";

export class OriginalExporter implements AsyncDisposable {
  readonly #process: Bun.Subprocess<"ignore", "ignore", "pipe">;
  readonly #logRead: Promise<void>;
  #log = "";
  /** Where it serves metrics. */
  readonly url: string;

  /** Starts it on the node at `socketPath`, and resolves when it has polled and is subscribed to everything. */
  static async start(socketPath: string): Promise<OriginalExporter> {
    const exporter = new OriginalExporter(socketPath);
    await eventually("the original exporter is subscribed", () => {
      if (!exporter.#isRunning) throw new Error(`the original exporter has ended:\n${exporter.#log}`);
      return exporter.#log.includes(SUBSCRIBED);
    });
    return exporter;
  }

  private constructor(socketPath: string) {
    // It accepts port 0, but does not log the port.
    const address = `127.0.0.1:${freePort()}`;
    this.url = `http://${address}/metrics`;
    this.#process = Bun.spawn([fromEnvironment(ORIGINAL_EXPORTER), "--metrics-addr", address, socketPath], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    this.#logRead = this.#readLog();
  }

  get #isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Ends it with the signal on which it unsubscribes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await eventually("the original exporter ends", () => !this.#isRunning).catch(() => this.#process.kill("SIGKILL"));
    await this.#process.exited;
    await this.#logRead;
  }

  async #readLog(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#process.stderr) this.#log += decoder.decode(chunk, { stream: true });
  }
}
