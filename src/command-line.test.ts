import { describe, expect, test } from "bun:test";
import { UsageError } from "./argument-reader.ts";
import { DEFAULT_COLLECTORS } from "./collectors/catalogue.ts";
import { readOptions } from "./command-line.ts";
import { FLAGS, type Flag, usage } from "./flags.ts";
import type { Options } from "./options.ts";

const read = (...args: string[]) => readOptions(args) as Options;

test("the socket path alone gives the defaults", () => {
  expect(read("/run/node.sock")).toEqual({
    socketPath: "/run/node.sock",
    mode: "serve",
    timeoutMs: 30_000,
    metricsAddresses: [{ hostname: "127.0.0.1", port: 9332 }],
    webConfigPath: undefined,
    pollIntervalMs: 60_000,
    callTimeoutMs: 10_000,
    utxoTrace: true,
    traceBudgetPercent: 25,
    subscribe: true,
    layout: undefined,
    rpc: undefined,
    collectors: DEFAULT_COLLECTORS,
    feeTargets: [2, 3, 6, 12, 24, 144, 504, 1008],
    debug: false,
  });
});

/** Two values of each flag that has one, and the flags that it needs. */
const VALUES: Readonly<Record<string, readonly [first: string, second: string, ...needed: string[]]>> = {
  "metrics-addr": [":1", ":2"],
  "web-config": ["a.yml", "b.yml"],
  "poll-interval": ["1", "2"],
  "call-timeout": ["1", "2"],
  collectors: ["chain", "mempool"],
  "no-collector": ["fees", "peers"],
  "fee-targets": ["2", "3"],
  "trace-budget": ["1", "2"],
  "rpc-url": ["http://h:1", "http://h:2"],
  "rpc-cookie-file": ["a", "b", "--rpc-url=http://h:1"],
  "rpc-user": ["a", "b", "--rpc-url=http://h:1", "--rpc-password-file=file"],
  "rpc-password-file": ["a", "b", "--rpc-url=http://h:1", "--rpc-user=name"],
  timeout: ["1", "2", "--once"],
  layout: ["v30", "v31"],
};

test.each(Object.entries<Flag>(FLAGS).filter(([, { type }]) => type !== "positional"))(
  "--%s has an effect",
  (name, flag) => {
    const [first, second, ...needed] = VALUES[name] ?? [];
    const isSwitch = flag.type === "boolean";
    const args = isSwitch ? [flag.default === true ? `--no-${name}` : `--${name}`] : [`--${name}=${first}`];
    const others = isSwitch ? [] : [`--${name}=${second}`];
    expect(readOptions(["s", ...needed, ...args])).not.toEqual(readOptions(["s", ...needed, ...others]));
  },
);

test("flags may stand before and after the path, with a space or an equals sign", () => {
  const before = ["--debug", "--metrics-addr=0.0.0.0:1", "--web-config=web.yml"];
  const after = ["--no-utxo-trace", "--trace-budget=12.5", "--no-subscribe", "--poll-interval", "0.5"];
  expect(read(...before, "/run/node.sock", ...after)).toEqual({
    ...read("/run/node.sock"),
    metricsAddresses: [{ hostname: "0.0.0.0", port: 1 }],
    webConfigPath: "web.yml",
    pollIntervalMs: 500,
    utxoTrace: false,
    traceBudgetPercent: 12.5,
    subscribe: false,
    debug: true,
  });
});

test.each(["--subscribe=no", "--utxo-trace=off", "--debug=0"])("%s is refused", (flag) => {
  expect(() => readOptions([flag, "s"])).toThrow(
    /^--(subscribe|utxo-trace|debug) does not accept a value; remove "=\w+"$/,
  );
});

test.each([
  ["[::1]:9332", { hostname: "::1", port: 9332 }],
  [":9332", { hostname: "::", port: 9332 }],
  ["localhost:0", { hostname: "localhost", port: 0 }],
  ["[fe80::1]:65535", { hostname: "fe80::1", port: 65535 }],
])("--metrics-addr %s", (address, expected) => {
  expect(read("--metrics-addr", address, "s").metricsAddresses).toEqual([expected]);
});

test("--metrics-addr may be repeated", () => {
  expect(read("--metrics-addr", "[::1]:1", "s", "--metrics-addr=localhost:2").metricsAddresses).toEqual([
    { hostname: "::1", port: 1 },
    { hostname: "localhost", port: 2 },
  ]);
  expect(() => read("--metrics-addr=:1", "--metrics-addr", ":2", "--metrics-addr", ":1", "s")).toThrow(
    new UsageError("--metrics-addr :1 is repeated; remove one"),
  );
});

test("METRICS_ADDR replaces the default address, and --metrics-addr replaces both", () => {
  const environment = { METRICS_ADDR: "0.0.0.0:9332" };
  const addresses = (...args: string[]) => (readOptions([...args, "s"], environment) as Options).metricsAddresses;
  expect(addresses()).toEqual([{ hostname: "0.0.0.0", port: 9332 }]);
  expect(addresses("--metrics-addr", "[::1]:1")).toEqual([{ hostname: "::1", port: 1 }]);
  expect(readOptions(["s"], { METRICS_ADDR: "" })).toEqual(read("s"));
  expect(() => readOptions(["s"], { METRICS_ADDR: "9332" })).toThrow(/^bad address "9332" for METRICS_ADDR: /);
});

test.each([
  [
    ["http://u:secret@h"],
    "the socket path is a URL; use the path of the node's IPC socket, and --rpc-url for JSON-RPC",
  ],
  [["unix:HTTPS://u:secret@h"], "the socket path is a URL; "],
  [["s", "http://u:secret@h"], "unexpected argument (a URL) after the socket path"],
  [["s", 'http://u:"secret"\n@h'], "unexpected argument (a URL) after the socket path"],
  [["s", "--timeout=http://u:secret@h", "--once"], "bad value (a URL) for --timeout: expected seconds"],
  [["s", "--debug=http://u:secret@h"], "--debug does not accept a value; remove (a URL)"],
  [["s", "--metrics-addr=a://secret", "--metrics-addr=a://secret"], "bad address (a URL) for --metrics-addr: "],
])("the password of a URL is not in the error: %j", (args, message) => {
  expect(() => readOptions(args)).toThrow(message);
  expect(() => readOptions(args)).not.toThrow("secret");
});

test.each(["--help", "-h", "--debug --help", "--help --version"])("%s requests help", (args) => {
  expect(readOptions(args.split(" "))).toBe("help");
});

test("what to collect, and what of it not", () => {
  expect(read("--collectors", "chain,mempool,fees", "s").collectors).toEqual(["chain", "mempool", "fees"]);
  expect(read("--collectors", "default,feerates", "s").collectors).toEqual([...DEFAULT_COLLECTORS, "feerates"]);
  expect(read("--no-collector", "fees", "--no-collector=tips,peers", "s").collectors).toEqual(
    DEFAULT_COLLECTORS.filter((name) => !["fees", "tips", "peers"].includes(name)),
  );
});

test("--fee-targets and --layout", () => {
  expect(read("--fee-targets", "2,6,6,1008", "s").feeTargets).toEqual([2, 6, 1008]);
  expect(read("--layout", "v31", "s").layout).toBe("v31");
});

test.each([
  [["--collectors", "chain,weather", "s"], /^unknown collector "weather" for --collectors: expected one of chain, /],
  [["--no-collector", "weather", "s"], /^unknown collector "weather" for --no-collector: expected one of chain, /],
  [["--no-collector", "chain", "s"], /^--no-collector chain: the exporter needs this collector$/],
  [["s", "--no-collector"], /^--no-collector needs a value$/],
  [
    ["--fee-targets", "0", "s"],
    /^bad value "0" for --fee-targets: expected blocks from 1 to 1008, separated by commas$/,
  ],
  [["--fee-targets", "2,soon", "s"], /^bad value "2,soon" for --fee-targets: /],
  [["--layout", "v99", "s"], /^unknown layout "v99" for --layout: expected one of pr\/trace, /],
])("%p is refused", (args, message) => {
  expect(() => readOptions(args)).toThrow(message);
});

test("--once and --check poll once, within --timeout", () => {
  expect(read("--once", "s")).toMatchObject({ mode: "once", timeoutMs: 30_000 });
  expect(read("s", "--check", "--timeout=2.5")).toMatchObject({ mode: "check", timeoutMs: 2500 });
});

test("--check accepts the flags that its report depends on", () => {
  const options = read("--check", "--web-config", "f", "--no-subscribe", "--no-utxo-trace", "s");
  expect(options).toMatchObject({ webConfigPath: "f", subscribe: false, utxoTrace: false });
});

test.each([
  [["--once", "--check", "s"], "--once and --check exclude each other; remove one"],
  [["--timeout", "5", "s"], "--timeout needs --once or --check"],
  [["--once", "--web-config", "f", "s"], "--once serves nothing; remove --web-config"],
  [["--metrics-addr", ":1", "s", "--once"], "--once serves nothing; remove --metrics-addr"],
  [["--check", "--metrics-addr", ":1", "s"], "--check serves nothing; remove --metrics-addr"],
  [["--once", "--poll-interval", "9", "s"], "--once polls once; remove --poll-interval"],
  [["--check", "--poll-interval", "9", "s"], "--check polls once; remove --poll-interval"],
  [["--once", "--trace-budget", "9", "s"], "--once subscribes to nothing; remove --trace-budget"],
  [["--check", "--trace-budget", "9", "s"], "--check subscribes to nothing; remove --trace-budget"],
  [["--once", "--subscribe", "s"], "--once subscribes to nothing; remove --subscribe"],
  [["--once", "--no-subscribe", "s"], "--once subscribes to nothing; remove --no-subscribe"],
  [["--once", "--no-utxo-trace", "s"], "--once subscribes to nothing; remove --no-utxo-trace"],
  [["--once", "--timeout", "0.5", "s"], 'bad value "0.5" for --timeout: expected seconds from 1 to 86400'],
])("%j is refused", (args, message) => {
  expect(() => readOptions(args)).toThrow(new UsageError(message));
});

test.each(Object.keys(FLAGS))("%s has no other spelling", (name) => {
  const camelCase = name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const others = [camelCase, name.replaceAll("-", "_"), name.toUpperCase(), `no${camelCase}`, `no-no-${name}`];
  for (const spelling of others.filter((other) => !Object.hasOwn(FLAGS, other)))
    for (const args of [[`--${spelling}`], [`--${spelling}=no`], [`--${spelling}`, "no"]])
      expect(() => readOptions([...args, "s"])).toThrow(new UsageError(`unknown flag --${spelling}`));
});

test("--version needs no socket path", () => {
  expect(readOptions(["--version"])).toBe("version");
});

describe("what is wrong is said in one line", () => {
  const cases: [string[], string][] = [
    [[], "missing the path of the node's socket"],
    [[""], "missing the path of the node's socket"],
    [["--bogus", "s"], "unknown flag --bogus"],
    [["--no-bogus", "s"], "unknown flag --no-bogus"],
    [["--debgu", "s"], "unknown flag --debgu"],
    [["-x", "s"], "unknown flag -x"],
    [["a", "b"], 'unexpected argument "b" after the socket path'],
    ...["x".repeat(108), "ä".repeat(54)].map((path): [string[], string] => [
      [path],
      "socket path of 108 bytes is over the system's limit of 107 bytes; use a shorter path or a symbolic link",
    ]),
    ...["9332", "::1:9332", "h:65536", "h:-1", "h:"].map((address): [string[], string] => [
      ["--metrics-addr", address, "s"],
      `bad address "${address}" for --metrics-addr: expected HOST:PORT, [IPV6]:PORT or :PORT`,
    ]),
    [["s", "--metrics-addr="], "--metrics-addr needs a value"],
    [["s", "--poll-interval"], "--poll-interval needs a value"],
    ...["0", "-1", "1e3", "86401", "soon"].map((value): [string[], string] => [
      ["s", "--poll-interval", value],
      `bad value "${value}" for --poll-interval: expected seconds from 0.1 to 86400`,
    ]),
  ];
  test.each(cases)("%p", (args, message) => {
    expect(() => readOptions(args)).toThrow(new UsageError(message));
  });

  test("a path of 107 bytes is not too long", () => {
    expect(read("x".repeat(107)).socketPath).toHaveLength(107);
  });
});

test("the usage names every flag, without colors and trailing spaces", async () => {
  const text = await usage();
  for (const name of Object.keys(FLAGS)) expect(text.toLowerCase()).toContain(name);
  expect(text).toContain("--no-utxo-trace");
  expect(text).toBe(Bun.stripANSI(text));
  expect(text).not.toMatch(/ $/m);
});

describe("--rpc-url", () => {
  const rpcOf = (...args: string[]) => {
    const options = readOptions([...args, "/run/bitcoind/node.sock"]);
    return typeof options === "object" ? options.rpc : options;
  };
  const address = { hostname: "127.0.0.1", port: 8332 };

  test("uses the cookie beside the socket, another one, or a user with a password file", () => {
    const url = "--rpc-url=http://127.0.0.1:8332";
    expect(rpcOf()).toBeUndefined();
    expect(rpcOf(url)).toEqual({ address, credentials: { cookieFile: "/run/bitcoind/.cookie" } });
    expect(rpcOf(url, "--rpc-cookie-file", "/c")).toEqual({ address, credentials: { cookieFile: "/c" } });
    const credentials = { user: "u", passwordFile: "/p" };
    expect(rpcOf(url, "--rpc-user", "u", "--rpc-password-file", "/p")).toEqual({ address, credentials });
  });

  test.each([
    [["--rpc-user", "u"], "--rpc-user needs --rpc-url"],
    [["--rpc-cookie-file", "/c"], "--rpc-cookie-file needs --rpc-url"],
    [["--rpc-url", "http://h:1", "--rpc-user", "u"], "--rpc-user needs --rpc-password-file"],
    [["--rpc-url", "http://h:1", "--rpc-password-file", "/p"], "--rpc-password-file needs --rpc-user"],
    [
      ["--rpc-url", "http://h:1", "--rpc-cookie-file", "/c", "--rpc-user", "u", "--rpc-password-file", "/p"],
      "--rpc-cookie-file and --rpc-user exclude each other; remove one",
    ],
    [["--rpc-url", "http://user:secret@h:1"], "bad value for --rpc-url: expected http://HOST:PORT"],
  ])("%j is refused", (args, message) => {
    expect(() => rpcOf(...args)).toThrow(message);
    expect(() => rpcOf(...args)).not.toThrow("secret");
  });
});

test("the socket's path may be written as Bitcoin Core writes it", () => {
  expect(readOptions(["unix:/run/node.sock"])).toMatchObject({ socketPath: "/run/node.sock" });
});
