// The command line of the executable: what it prints where, and the exit status.

import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { networkInterfaces } from "node:os";
import packageJson from "../../package.json";
import { COMPILE_DEADLINE_MS, compiledExporter } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { type Output, runExporter } from "../exporter-run.ts";
import { unless } from "../skipped.ts";
import { withoutIpv6 } from "./no-ipv6.ts";
import { TEST_TIMEOUT_MS } from "./sessions.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);
beforeAll(compiledExporter, COMPILE_DEADLINE_MS);

const NAME = "bitcoind-ipc-exporter";
const HELP_START = `Prometheus exporter for Bitcoin Core over its IPC socket (${NAME} v${packageJson.version})`;
const NO_NODE = "/nonexistent/node.sock";

function run(...args: readonly string[]): Promise<Output> {
  return runExporter(args);
}

test("--version", async () => {
  const { stdout, ...rest } = await run("--version");
  expect(rest).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toMatch(/^\S+ \S+ \(revision \S+, Bun \S+\)\n$/);
  expect(stdout).toStartWith(`${NAME} ${packageJson.version} (revision `);
  expect(stdout).toEndWith(`, Bun ${packageJson.engines.bun})\n`);
});

test.each(["--help", "-h"])("%s", async (flag) => {
  const { stdout, ...rest } = await run(flag);
  expect(rest).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toStartWith(`${HELP_START}\n`);
  expect(stdout).toContain(`\nUSAGE ${NAME} `);
  for (const option of ["--metrics-addr", "--poll-interval", "--no-utxo-trace", "--debug", "--version", "--help"]) {
    expect(stdout).toContain(option);
  }
});

describe.concurrent("a wrong command line", () => {
  test.each([
    [[], "missing the path of the node's socket"],
    [["--bogus", NO_NODE], "unknown flag --bogus"],
    [["-d", NO_NODE], "unknown flag -d"],
    [["--noCollector", "fees", NO_NODE], "unknown flag --noCollector"],
    [["--utxoTrace=no", NO_NODE], "unknown flag --utxoTrace"],
    [[`--socket-path=${NO_NODE}`, NO_NODE], "unknown flag --socket-path"],
    [["--subscribe=no", NO_NODE], '--subscribe does not accept a value; remove "=no"'],
    [[NO_NODE, "more"], 'unexpected argument "more" after the socket path'],
    [
      ["x".repeat(108)],
      "socket path of 108 bytes is over the system's limit of 107 bytes; use a shorter path or a symbolic link",
    ],
    [[NO_NODE, "--metrics-addr", "9332"], /^bad address "9332" for --metrics-addr: /],
    [[NO_NODE, "--metrics-addr", "localhost:65536"], /^bad address "localhost:65536" for --metrics-addr: /],
    [[NO_NODE, "--metrics-addr"], "--metrics-addr needs a value"],
    [[NO_NODE, "--poll-interval", "0"], /^bad value "0" for --poll-interval: /],
    [[NO_NODE, "--poll-interval", "soon"], /^bad value "soon" for --poll-interval: /],
    [[NO_NODE, "--poll-interval"], "--poll-interval needs a value"],
    [[NO_NODE, "a\nb\x1b[2J\u202e"], 'unexpected argument "a\\nb\\u{1b}[2J\\u{202e}" after the socket path'],
  ])("%j", async (args: string[], message) => {
    const { exitCode, stdout, stderr } = await run(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    const [, error] = /^bitcoind-ipc-exporter: (.*); --help lists the flags\n$/.exec(stderr) ?? [];
    if (typeof message === "string") expect(error).toBe(message);
    else expect(error).toMatch(message);
  });
});

describe("a listen address", () => {
  test("that is in use ends the exporter", async () => {
    await using other = await ExporterProcess.start(NO_NODE);
    const address = new URL(other.url).host;
    expect(await run("--metrics-addr", address, NO_NODE)).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `${NAME}: cannot listen on ${address}: the address is in use (EADDRINUSE); choose another with --metrics-addr\n`,
    });
  });

  test("may be one of several: the exporter serves all of them and logs each", async () => {
    const port = freePort();
    await using exporter = await ExporterProcess.start(NO_NODE, {
      args: ["--metrics-addr", "127.0.0.1:0", "--metrics-addr", `127.0.0.1:${port}`],
    });
    const [first, second] = await exporter.logs(/serves metrics on http:/, 2);
    expect(first).toEndWith(` serves metrics on ${exporter.url}`);
    expect(second).toEndWith(` serves metrics on http://127.0.0.1:${port}/metrics`);
    for (const url of [exporter.url, `http://127.0.0.1:${port}/metrics`])
      expect(await (await fetch(url)).text()).toContain("bitcoin_ipc_up 0\n");
  });

  test("that is in use ends the exporter even if another one is free", async () => {
    await using other = await ExporterProcess.start(NO_NODE);
    const address = new URL(other.url).host;
    expect(await run("--metrics-addr", "127.0.0.1:0", "--metrics-addr", address, NO_NODE)).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `${NAME}: cannot listen on ${address}: the address is in use (EADDRINUSE); choose another with --metrics-addr\n`,
    });
  });

  test("that this host does not have ends the exporter", async () => {
    // From a range reserved for documentation.
    expect(await run("--metrics-addr", "192.0.2.1:9332", NO_NODE)).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `${NAME}: cannot listen on 192.0.2.1:9332: address not available (EADDRNOTAVAIL)\n`,
    });
  });

  test("with a name that cannot be resolved ends the exporter", async () => {
    // An empty label: the resolver sends no query.
    expect(await run("--metrics-addr", "a..b:9332", NO_NODE)).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `${NAME}: cannot listen on a..b:9332: the name cannot be resolved (ENOTFOUND)\n`,
    });
  });

  test("without a host means all IPv4 addresses if the system has no IPv6, and an IPv6 address is refused there", async () => {
    const env = await withoutIpv6();
    const port = freePort();
    await using exporter = await ExporterProcess.start(NO_NODE, { env, args: ["--metrics-addr", `:${port}`] });
    expect(exporter.url).toBe(`http://0.0.0.0:${port}/metrics`);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toContain("bitcoin_ipc_up 0\n");

    expect(await runExporter(["--metrics-addr", "[::1]:9332", NO_NODE], { env })).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `${NAME}: cannot listen on [::1]:9332: the host does not support IPv6 (EAFNOSUPPORT); choose an IPv4 address\n`,
    });
  });

  test("without a host means all addresses", async () => {
    const port = freePort();
    await using exporter = await ExporterProcess.start(NO_NODE, { args: ["--metrics-addr", `:${port}`] });
    expect(exporter.url).toBe(`http://[::]:${port}/metrics`);
    const hosts = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    for (const { address, family } of hosts.filter(({ scopeid }) => !scopeid)) {
      const response = await fetch(`http://${family === "IPv6" ? `[${address}]` : address}:${port}/`);
      expect(await response.text()).toContain("bitcoin_ipc_up 0\n");
    }
  });

  const hasIpv6 = networkInterfaces()["lo"]?.some(({ address }) => address === "::1") ?? false;
  const noIpv6 = unless(hasIpv6, "this host has no ::1");
  test.skipIf(noIpv6 !== "")(`may be an IPv6 address${noIpv6}`, async () => {
    const port = freePort();
    await using exporter = await ExporterProcess.start(NO_NODE, { args: ["--metrics-addr", `[::1]:${port}`] });
    expect(exporter.url).toBe(`http://[::1]:${port}/metrics`);
    expect((await exporter.metrics()).get("bitcoin_ipc_up")).toBe(0);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  });
});

/** A TCP port without a listener. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "::", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
