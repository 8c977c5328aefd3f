// The command line of the executable: what it prints where, and the exit status.

import { describe, expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import packageJson from "../../package.json";
import { ExporterProcess } from "../exporter-process.ts";
import { type Output, type RunOptions, runExporter } from "../exporter-run.ts";
import { freePort } from "../free-port.ts";
import { unless } from "../skipped.ts";
import { withoutIpv6 } from "./no-ipv6.ts";
import { compileFirst } from "./sessions.ts";

compileFirst();

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

test.concurrent.each([
  [[], "missing the path of the node's socket"],
  [["--bogus", NO_NODE], "unknown flag --bogus"],
  [[NO_NODE, "a\nb\x1b[2J\u202e"], 'unexpected argument "a\\nb\\u{1b}[2J\\u{202e}" after the socket path'],
])("a wrong command line: %j", async (args: string[], message) => {
  const stderr = `${NAME}: ${message}; --help lists the flags\n`;
  expect(await run(...args)).toEqual({ exitCode: 2, stdout: "", stderr });
});

describe("a listen address", () => {
  test.each([
    ["", []],
    [" even if another one is free", ["--metrics-addr", "127.0.0.1:0"]],
  ])("that is in use ends the exporter%s", async (_, others) => {
    await using other = await ExporterProcess.start(NO_NODE);
    const address = new URL(other.url).host;
    await expectRefusal(
      [...others, "--metrics-addr", address],
      `${address}: the address is in use (EADDRINUSE); choose another with --metrics-addr`,
    );
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

  test.each([
    // From a range reserved for documentation.
    ["that this host does not have", "192.0.2.1:9332", "address not available (EADDRNOTAVAIL)"],
    // An empty label: the resolver sends no query.
    ["with a name that cannot be resolved", "a..b:9332", "the name cannot be resolved (ENOTFOUND); use an IP address"],
  ])("%s ends the exporter", (_, address, reason) =>
    expectRefusal(["--metrics-addr", address], `${address}: ${reason}`),
  );

  test("without a host means all IPv4 addresses if the system has no IPv6, and an IPv6 address is refused there", async () => {
    const env = await withoutIpv6();
    const port = freePort();
    await using exporter = await ExporterProcess.start(NO_NODE, { env, args: ["--metrics-addr", `:${port}`] });
    expect(exporter.url).toBe(`http://0.0.0.0:${port}/metrics`);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toContain("bitcoin_ipc_up 0\n");

    const reason = "[::1]:9332: the host does not support IPv6 (EAFNOSUPPORT); choose an IPv4 address";
    await expectRefusal(["--metrics-addr", "[::1]:9332"], reason, { env });
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

async function expectRefusal(args: readonly string[], reason: string, options?: RunOptions): Promise<void> {
  const stderr = `${NAME}: cannot listen on ${reason}\n`;
  expect(await runExporter([...args, NO_NODE], options)).toEqual({ exitCode: 1, stdout: "", stderr });
}
