// A real Prometheus on loopback. Disposing it deletes its data.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../eventually.ts";

const LISTENING = /msg="Listening on" address=(\S+)/;

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

export interface RuleState {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
}

interface Options {
  /** HOST:PORT of the targets, scraped every second. */
  readonly targets: readonly string[];
  /** More of their scrape configuration, such as TLS. */
  readonly scrape?: Readonly<Record<string, unknown>>;
  readonly ruleFiles?: readonly string[];
}

export class PrometheusServer implements AsyncDisposable {
  readonly #process: Bun.Subprocess<"ignore", "ignore", "pipe">;
  readonly #folder: string;
  #log = "";
  #address = "";

  /** Resolves once it answers queries. */
  static async start({ targets, scrape = {}, ruleFiles = [] }: Options): Promise<PrometheusServer> {
    const folder = await mkdtemp(join(tmpdir(), "prometheus-test-"));
    const configuration = {
      global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
      rule_files: ruleFiles,
      scrape_configs: [{ job_name: "bitcoin", static_configs: [{ targets }], ...scrape }],
    };
    // JSON is YAML too.
    await writeFile(join(folder, "prometheus.yml"), JSON.stringify(configuration));
    const server = new PrometheusServer(folder);
    try {
      server.#address = await eventually(
        "Prometheus listens",
        () => {
          if (server.#process.exitCode !== null) throw new Error(`prometheus has ended:\n${server.#log}`);
          return LISTENING.exec(server.#log)?.[1];
        },
        { describe: () => server.#log },
      );
      await eventually("Prometheus is ready", async () => (await fetch(`${server.url}/-/ready`)).ok);
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(folder: string) {
    this.#folder = folder;
    this.#process = Bun.spawn(
      [
        "prometheus",
        `--config.file=${join(folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        "--web.listen-address=127.0.0.1:0",
      ],
      { stdin: "ignore", stdout: "ignore", stderr: "pipe" },
    );
    void this.#readLog();
  }

  get url(): string {
    return `http://${this.#address}`;
  }

  /** Evaluates an expression now. Rejects with Prometheus's error if it is invalid. */
  async query(expression: string): Promise<readonly Sample[]> {
    return (await this.#get<{ result: Sample[] }>("query", { query: expression })).result;
  }

  labelValues(label: string, selector: string): Promise<readonly string[]> {
    return this.#get<string[]>(`label/${label}/values`, { "match[]": selector });
  }

  async rules(): Promise<readonly RuleState[]> {
    const { groups } = await this.#get<{ groups: { rules: RuleState[] }[] }>("rules", {});
    return groups.flatMap(({ rules }) => rules);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.exited;
    await rm(this.#folder, { recursive: true });
  }

  async #get<T>(path: string, parameters: Record<string, string>): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const answer = (await response.json()) as { status: string; error?: string; data: T };
    if (answer.status !== "success") throw new Error(answer.error);
    return answer.data;
  }

  async #readLog(): Promise<void> {
    for await (const chunk of this.#process.stderr.pipeThrough(new TextDecoderStream())) this.#log += chunk;
  }
}
