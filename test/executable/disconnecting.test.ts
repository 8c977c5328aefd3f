// On a signal the exporter unsubscribes, releases everything, and ends within 5 seconds, at any moment. A pr/trace node
// crashes otherwise.

import { describe, expect, test } from "bun:test";
import { connect, createServer } from "node:net";
import { constants } from "node:os";
import { join } from "node:path";
import { DEADLINE_MS, eventually } from "../eventually.ts";
import { compiledExporter, preloading } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { CTRL_C, CTRL_Z, Terminal } from "../terminal.ts";
import {
  CONNECT_STEPS,
  called,
  coin,
  compileFirst,
  expectCleanDisconnect,
  expectNothingLeft,
  expectUnconfirmed,
  LEAVE_DEADLINE_MS,
  leave,
  POLLED_METHODS,
  registered,
  session,
} from "./sessions.ts";

compileFirst();

const SUBSCRIBE = "Chain.handleNotifications";
const TRACE = "Tracing.traceUtxoCache";
const DISCONNECT = "Handler.disconnect";
const DISCONNECTING = /^SIG\w+: disconnecting from the node$/;

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
const ENDING = [...SIGNALS, "SIGQUIT", "SIGABRT", "SIGTRAP", "SIGSYS", "SIGXCPU"] as const;

/** A signal this long after the first one is a second request. */
const ANOTHER_REQUEST_MS = 700;

describe.concurrent("on a signal", () => {
  test.each(ENDING)("when nothing happens, %s", async (signal) => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { args: ["--poll-interval", "3600"] });
    await called(node, POLLED_METHODS.at(-1)!);
    exporter.signal(signal);
    await expectCleanDisconnect(node, exporter);
    const { calls, callbacks } = await node.stats();
    expect(calls[DISCONNECT]).toBe(2);
    expect(callbacks).toEqual({ "ChainNotifications.destroy": 1, "UtxoCacheTrace.destroy": 1 });
    expect(exporter.log.slice(-2)).toEqual([`${signal}: disconnecting from the node`, "disconnected"]);
  });

  test.each(SIGNALS)("in the middle of a poll, %s", async (signal) => {
    await expectNothingBegun(signal, "Node.getMempoolSize");
  });
});

describe.concurrent("on two signals at once, as systemd sends SIGTERM and SIGHUP", () => {
  const pairs = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const;
  test.each(pairs.flatMap((first) => pairs.map((second) => [first, second] as const)))(
    "%s and %s",
    async (first, second) => {
      await using node = await ReferenceNode.start();
      // The second signal comes before the exporter has disconnected.
      await node.delay(DISCONNECT, 50);
      await using exporter = await session(node);
      exporter.signal(first);
      exporter.signal(second);
      await expectCleanDisconnect(node, exporter);
    },
  );
});

test.each([60, 200, 400])("a signal %d ms after the first one is the same request", async (pauseMs) => {
  await using node = await ReferenceNode.start();
  await node.hang(DISCONNECT);
  await using exporter = await session(node);
  exporter.signal("SIGTERM");
  await Bun.sleep(pauseMs);
  exporter.signal("SIGHUP");
  // Longer than a process needs to exit.
  await Bun.sleep(100);
  expect(exporter.isRunning).toBe(true);
  await node.clear(DISCONNECT);
  await expectCleanDisconnect(node, exporter);
});

describe("the exporter continues after", () => {
  /** The exporter is still on its first connection, subscribed, and ends in order. */
  async function expectStillRunning(node: ReferenceNode, exporter: ExporterProcess): Promise<void> {
    await node.fire("UtxoCacheTrace.add", coin(1), { count: 3 });
    expect((await exporter.polled()).get("bitcoin_utxo_cache_add_total")).toBe(3);
    expect(await node.stats()).toMatchObject({ connections: 1, subscriptions: 2 });
    await leave(node, exporter);
    expect(exporter.log.filter((line) => DISCONNECTING.test(line))).toEqual(["SIGTERM: disconnecting from the node"]);
  }

  test("each signal that it does not handle", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node);
    const { signals } = constants;
    const stop = [signals.SIGTSTP, signals.SIGSTOP];
    // Not sent: signals that end it, signals that no process can catch, faults, and signals of the C library.
    const others = [...ENDING.map((signal) => signals[signal]), ...stop, signals.SIGKILL, 4, 7, 8, 11, 32, 33];
    for (let signal = 1; signal <= 64; signal++) if (!others.includes(signal)) process.kill(exporter.pid, signal);
    await expectStillRunning(node, exporter);
  });

  test.each([
    ["nohup", ["nohup"], ["SIGHUP"]],
    ["a shell without job control", ["sh", "-c", "trap '' INT QUIT && exec \"$@\"", "sh"], ["SIGINT", "SIGQUIT"]],
    ["a parent that ignores Ctrl-Z", ["sh", "-c", "trap '' TSTP && exec \"$@\"", "sh"], ["SIGTSTP"]],
  ] as const)("a signal that was ignored when it started, by %s", async (_, prefix, signals) => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { command: [...prefix, ...(await compiledExporter())] });
    for (const signal of signals) exporter.signal(signal);
    await expectStillRunning(node, exporter);
  });
});

describe.concurrent("a stop", () => {
  test("by Ctrl-Z disconnects first, and `fg` connects again", async () => {
    await using node = await ReferenceNode.start();
    await using terminal = new Terminal();
    terminal.type(`${await compiledExporter()} ${node.socketPath} --metrics-addr 127.0.0.1:0`);
    await registered(node);
    terminal.type(CTRL_Z);
    await terminal.shows(/SIGTSTP: disconnecting from the node until SIGCONT/);
    await terminal.shows(/Stopped/);
    await expectNothingLeft(node);
    terminal.type("fg");
    await registered(node);
    await node.fire("UtxoCacheTrace.add", coin(1));
    terminal.type(CTRL_C);
    await terminal.shows(/SIGINT: disconnecting from the node\r/);
    await terminal.shows(/ disconnected\r/);
    await expectNothingLeft(node);
  });

  test("of a background job that writes to its terminal does not happen, under `stty tostop`", async () => {
    await using node = await ReferenceNode.start();
    await using terminal = new Terminal();
    terminal.type("stty tostop");
    terminal.type(`${await compiledExporter()} ${node.socketPath} --metrics-addr 127.0.0.1:0 --debug &`);
    await registered(node);
    await node.fire("ChainNotifications.updatedBlockTip", {});
    await terminal.shows(/ block tip updated\r/);
    await node.fire("UtxoCacheTrace.add", coin(1));
    terminal.type("kill %1");
    await terminal.shows(/SIGTERM: disconnecting from the node\r/);
    await terminal.shows(/ disconnected\r/);
    await expectNothingLeft(node);
  });

  /** The kernel discards SIGTSTP in a process group whose session has no shell. */
  const WITHOUT_SHELL = ["setsid"];

  async function expectReconnect(node: ReferenceNode): Promise<void> {
    expect((await node.waitFor("disconnected", DEADLINE_MS)).how).toBe("clean");
    await registered(node);
    expect(await node.stats()).toMatchObject({ uncleanLeaves: 0, interruptedCalls: 0 });
  }

  test("that no shell could undo is a reconnect", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { command: [...WITHOUT_SHELL, ...(await compiledExporter())] });
    exporter.signal("SIGTSTP");
    await expectReconnect(node);
    await leave(node, exporter);
  });

  test("waits for the node", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { command: [...WITHOUT_SHELL, ...(await compiledExporter())] });
    await node.hang(DISCONNECT);
    exporter.signal("SIGTSTP");
    await called(node, DISCONNECT);
    await Bun.sleep(LEAVE_DEADLINE_MS);
    expect((await node.stats()).liveConnections).toBe(1);
    exporter.signal("SIGTSTP");
    await node.clear();
    await expectReconnect(node);
    expect(exporter.log.filter((line) => line.startsWith("SIGTSTP: "))).toHaveLength(1);
  });

  test("ends on a signal to end that comes meanwhile", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node);
    await node.hang(DISCONNECT);
    exporter.signal("SIGTSTP");
    await called(node, DISCONNECT);
    exporter.signal("SIGTERM");
    await exporter.logs(DISCONNECTING);
    await node.clear();
    await expectCleanDisconnect(node, exporter);
  });
});

describe.concurrent("while it connects", () => {
  test.each(CONNECT_STEPS.slice(0, -1).map((method, index) => [method, SIGNALS[index % SIGNALS.length]!] as const))(
    "during %s, on %s",
    (method, signal) => expectNothingBegun(signal, method),
  );
});

describe.concurrent("while it subscribes", () => {
  const cases = [
    [SUBSCRIBE, "SIGTERM"],
    [TRACE, "SIGINT"],
  ] as const;
  test.each(cases)("when %s is slow, on %s", async (method, signal) => {
    await using node = await ReferenceNode.start();
    await node.delay(method, 200);
    await using exporter = await ExporterProcess.start(node.socketPath);
    await called(node, method);
    exporter.signal(signal);
    await expectCleanDisconnect(node, exporter);
    expect((await node.stats()).calls[DISCONNECT]).toBe(method === TRACE ? 2 : 1);
  });

  test.each(cases)("when %s hangs and returns later, on %s", async (method, signal) => {
    await using node = await ReferenceNode.start();
    await node.hang(method);
    await using exporter = await ExporterProcess.start(node.socketPath);
    await called(node, method);
    exporter.signal(signal);
    await exporter.logs(DISCONNECTING);
    expect(Object.keys((await node.stats()).calls)).not.toContain(DISCONNECT);
    await node.clear(method);
    await expectCleanDisconnect(node, exporter);
  });
});

describe("under callbacks", () => {
  test.each([
    ["read by offset, 20 of 20", [], 20, 1_000],
    ["with --debug, 6 of 6", ["--debug"], 6, 100],
  ])("%s", async (_, args, sessions, calls) => {
    await using node = await ReferenceNode.start();
    for (let turn = 0; turn < sessions; turn++) {
      await using exporter = await session(node, { args });
      const options = { count: 1_000_000, depth: turn % 2 === 0 ? 1 : 16 };
      const volleys = [
        node.fire("ChainNotifications.transactionAddedToMempool", { tx: 400 }, options),
        node.fire("UtxoCacheTrace.add", coin(1), options),
      ];
      await exporter.waitUntil("callbacks are counted", (metrics) =>
        ["bitcoin_mempool_tx_added_total", "bitcoin_utxo_cache_add_total"].every((name) => metrics.get(name)! > calls),
      );
      await leave(node, exporter);
      // Each callback that was made was answered.
      await Promise.all(volleys);
    }
  });
});

describe.concurrent("a node that does not confirm the disconnect", () => {
  test.each([SUBSCRIBE, TRACE, DISCONNECT])(
    "because %s hangs: the exporter ends within the deadline",
    async (method) => {
      await using node = await ReferenceNode.start();
      await node.hang(method);
      await using exporter = await ExporterProcess.start(node.socketPath);
      if (method === DISCONNECT) await called(node, TRACE);
      else await called(node, method);
      exporter.signal("SIGTERM");
      expect(await expectUnconfirmed(exporter)).toBeGreaterThan(3_500);
    },
  );

  test("because it crashes: the exporter ends without waiting", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node);
    await node.hang(DISCONNECT);
    exporter.signal("SIGTERM");
    await called(node, DISCONNECT);
    await node.kill();
    const { exitCode, durationMs } = await exporter.ended();
    expect(exitCode).toBe(0);
    expect(durationMs).toBeLessThan(3_000);
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "on SIGTERM and a later %s: the exporter ends immediately",
    async (second) => {
      await using node = await ReferenceNode.start();
      await using exporter = await session(node);
      await node.hang(DISCONNECT);
      exporter.signal("SIGTERM");
      await called(node, DISCONNECT);
      await exporter.logs(DISCONNECTING);
      await Bun.sleep(ANOTHER_REQUEST_MS);
      exporter.signal(second);
      const { exitCode, durationMs } = await exporter.ended();
      expect(exitCode).toBe(1);
      expect(durationMs).toBeLessThan(3_000);
      expect(exporter.log.at(-1)).toMatch(DISCONNECTING);
    },
  );

  test("because it refuses: the exporter ends within the deadline", async () => {
    await using node = await ReferenceNode.start();
    await node.fail(DISCONNECT, "failed", "for the test");
    await using exporter = await session(node);
    exporter.signal("SIGTERM");
    await expectUnconfirmed(exporter);
  });
});

describe("after", () => {
  test.each([
    ["an uncaught error", "SIGUSR2", /^uncaughtException: .*thrown for the test/],
    ["an unhandled rejection", "SIGWINCH", /^unhandledRejection: .*rejected for the test/],
  ] as const)("%s", async (_, signal, report) => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { env: preloading(join(import.meta.dirname, "../throw-on-signal.ts")) });
    const volley = node.fire("UtxoCacheTrace.add", coin(1), { count: 1_000_000, depth: 4 });
    await exporter.waitUntil("coins move", (metrics) => metrics.get("bitcoin_utxo_cache_add_total")! > 50);
    exporter.signal(signal);
    await expectCleanDisconnect(node, exporter, 1);
    expect(exporter.logged(report)).toBeDefined();
    expect(exporter.logged(/^internal error: disconnecting from the node$/)).toBeDefined();
    await volley;
  });

  /** An exporter that has failed and waits for the node to confirm the disconnect. */
  async function failing(node: ReferenceNode): Promise<ExporterProcess> {
    const exporter = await session(node, { env: preloading(join(import.meta.dirname, "../throw-on-signal.ts")) });
    await node.hang(DISCONNECT);
    exporter.signal("SIGUSR2");
    await called(node, DISCONNECT);
    return exporter;
  }

  test("an error, the first signal changes nothing", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await failing(node);
    exporter.signal("SIGTERM");
    // It still serves, so the signal did not end it.
    await exporter.metrics();
    await node.clear();
    await expectCleanDisconnect(node, exporter, 1);
    expect(exporter.logged(DISCONNECTING)).toBeUndefined();
  });

  test("an error, a later signal ends immediately", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await failing(node);
    exporter.signal("SIGTERM");
    await Bun.sleep(ANOTHER_REQUEST_MS);
    exporter.signal("SIGINT");
    const { exitCode, durationMs } = await exporter.ended();
    expect(exitCode).toBe(1);
    expect(durationMs).toBeLessThan(3_000);
  });
});

test("another exporter on the same node is not affected", async () => {
  await using node = await ReferenceNode.start();
  await using first = await session(node);
  await using second = await session(node);
  await node.fire("UtxoCacheTrace.add", coin(1), { count: 3 });
  first.signal("SIGTERM");
  expect((await first.ended()).exitCode).toBe(0);
  expect((await node.waitFor("disconnected", DEADLINE_MS)).how).toBe("clean");
  await node.fire("UtxoCacheTrace.add", coin(1), { count: 4 });
  expect((await second.polled()).get("bitcoin_utxo_cache_add_total")).toBe(7);
  second.signal("SIGTERM");
  await expectCleanDisconnect(node, second);
});

test("everything is released before the connection closes, and released once", async () => {
  await using node = await ReferenceNode.start();
  await using relay = await Relay.start(node.socketPath);
  await using exporter = await ExporterProcess.start(relay.socketPath, { args: ["--poll-interval", "0.1"] });
  const { calls } = await called(node, TRACE);
  // A call is under way on the only thread: the disconnect uses a second one, which must be released too.
  await node.hang("Chain.getHeight");
  await called(node, "Chain.getHeight", calls["Chain.getHeight"]! + 1);
  exporter.signal("SIGTERM");
  await exporter.logs(DISCONNECTING);
  await node.clear();
  expect((await exporter.ended()).exitCode).toBe(0);
  // The relay keeps its connection to the node open.
  let live: Record<string, number> = {};
  await eventually(
    "all capabilities are released",
    async () => {
      ({ live } = await node.stats());
      // Init lives as long as its connection.
      return Object.entries(live).every(([name, count]) => count === (name === "Init" ? 1 : 0));
    },
    { describe: () => JSON.stringify(live) },
  );
  expect(Object.keys(live)).toContainValues(["Chain", "Node", "Tracing", "Thread", "ThreadMap", "Handler"]);
  // An unknown release would have made the node close the connection.
  expect(await node.stats()).toMatchObject({ liveConnections: 1, subscriptions: 0 });
  relay.hangUp();
  await expectNothingLeft(node);
});

/**
 * A signal comes while the node hangs at `method`. The exporter waits, because a real node crashes if the connection closes during
 * a call, and then makes no later call. It finishes a handshake first.
 */
async function expectNothingBegun(signal: NodeJS.Signals, method: string): Promise<void> {
  await using node = await ReferenceNode.start();
  await node.hang(method);
  await using exporter = await ExporterProcess.start(node.socketPath);
  await called(node, method);
  exporter.signal(signal);
  await exporter.logs(DISCONNECTING);
  expect((await node.stats()).liveConnections).toBe(1);
  await node.clear(method);
  await expectCleanDisconnect(node, exporter);
  const { calls } = await node.stats();
  const order: string[] = [...CONNECT_STEPS, ...POLLED_METHODS, TRACE];
  const begin = Math.max(order.indexOf(method), order.indexOf("Init.makeTracing"));
  for (const later of order.slice(begin + 1)) expect(Object.keys(calls)).not.toContain(later);
}

/** Relays bytes between the exporter and the node, but not the end of the exporter's connection. */
class Relay implements AsyncDisposable {
  readonly socketPath: string;
  readonly #server;
  readonly hangUp: () => void;

  static async start(nodePath: string): Promise<Relay> {
    const relay = new Relay(nodePath);
    await new Promise<void>((resolve) => relay.#server.listen(relay.socketPath, resolve));
    return relay;
  }

  private constructor(nodePath: string) {
    this.socketPath = `${nodePath}.relay`;
    const node = connect(nodePath);
    this.#server = createServer((exporter) => {
      exporter.pipe(node, { end: false });
      node.pipe(exporter);
      exporter.on("error", () => {});
    });
    this.hangUp = () => node.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp();
    this.#server.close();
  }
}
