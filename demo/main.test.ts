import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "../test/temporary-folder.ts";

const MAIN = join(import.meta.dirname, "main.ts");
const TIMEOUT_MS = 30_000;

/** Where the demo makes its own folder, to see that it removes it. */
const folder = temporaryFolder();

function start(...args: string[]) {
  return Bun.spawn([process.execPath, MAIN, ...args], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

interface Reader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
}

/** Reads on until `text` was read, or to the end when none is given; resolves to what was read by this call. */
async function read(reader: Reader, text?: string): Promise<string> {
  let output = "";
  while (text === undefined || !output.includes(text)) {
    const { value, done } = await reader.read();
    if (done && text === undefined) return output;
    if (done) throw new Error(`the demo ended before "${text}": ${output}`);
    output += new TextDecoder().decode(value);
  }
  return output;
}

test(
  "runs for its duration, disconnects, and reports that the exporter counted everything",
  async () => {
    const demo = start("--duration=4", "--metrics-addr=127.0.0.1:0");
    const output = await demo.stdout.text();
    expect(await demo.exited).toBe(0);
    expect(await demo.stderr.text()).toBe("");
    expect(output).toContain("exporter: waiting for the node to start: Loading block index…");
    expect(output).toContain("exporter: connected to the node at ");
    expect(output).toMatch(/connected, height 1\d\d, mempool \d+ /);
    expect(output.trimEnd().split("\n").at(-1)).toMatch(
      /^the node reported (\d+) events \(sessions: 1, .*, coins: [1-9]\d+\), the exporter counted \1: equal$/,
    );
    expect(await readdir(folder)).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "does not expect what the flags switch off",
  async () => {
    const lastLine = async (...flags: string[]) => {
      const demo = start("--duration=4", "--metrics-addr=127.0.0.1:0", ...flags);
      const [output, exitCode] = [await demo.stdout.text(), await demo.exited];
      return `${output.trimEnd().split("\n").at(-1)} (${exitCode})`;
    };
    const [chain, polled] = await Promise.all([lastLine("--collectors=chain"), lastLine("--no-subscribe")]);
    expect(chain).toMatch(/^the node reported \d+ events .*, \d+ of them not collected, .*: equal \(0\)$/);
    expect(polled).toMatch(/^the exporter did not subscribe, .*: equal \(0\)$/);
  },
  TIMEOUT_MS,
);

test(
  "serves metrics until a signal, on a free port when its own is in use",
  async () => {
    using taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const demo = start(`--metrics-addr=127.0.0.1:${taken.port}`);
    const reader = demo.stdout.getReader();
    const output = await read(reader, "exporter: connected");
    expect(output).toContain(`port ${taken.port} is in use, using a free one`);
    const page = await (await fetch(/http:\S+/.exec(output)![0])).text();
    expect(page).toContain("# TYPE bitcoin_blocks_connected_total counter\n");
    demo.kill("SIGINT");
    expect(await read(reader)).toEndWith(": equal\n");
    expect(await demo.exited).toBe(0);
    expect(await readdir(folder)).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "prints its usage, and what is wrong with the command line",
  async () => {
    const help = start("--help");
    expect(await help.stdout.text()).toContain("--duration=<SECONDS>");
    expect(await help.exited).toBe(0);
    const wrong = start("--duration=soon");
    expect(await wrong.stderr.text()).toStartWith('bitcoind-ipc-exporter demo: bad value "soon" for --duration');
    expect(await wrong.exited).toBe(2);
  },
  TIMEOUT_MS,
);
