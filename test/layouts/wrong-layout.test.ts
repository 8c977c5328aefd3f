// Nodes that do not match --layout, or no known layout: the log has an error, and the exporter retries.

import { expect, test } from "bun:test";
import { compileFirst } from "../executable/sessions.ts";
import { compiledExporter } from "../exporter-command.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { nodeUntil, polled, session, shownLayouts, startExporter } from "./sessions.ts";

compileFirst();

const often = { constants: { "session/backoff": { FIRST_MS: 50, LONGEST_MS: 3000 } } };

test("an unknown layout: the log has one line with what the node answered, and the exporter retries until it connects", async () => {
  await using node = await ReferenceNode.start({ layout: "tracing-at-4" });
  await using exporter = await startExporter(node, often);
  const [line] = await exporter.logs(/^cannot reach the node/);
  expect(line).toMatch(
    /^cannot reach the node at \S+: the node has none of the known IPC layouts: Init@4 exists; .*Tracing.*; next attempt in \d/,
  );
  await nodeUntil("five attempts", node, ({ connections }) => connections >= 5);
  const metrics = await exporter.metrics();
  expect(metrics.get("bitcoin_ipc_up")).toBe(0);
  expect(metrics.get("bitcoin_ipc_connects_total")).toBe(0);
  expect(shownLayouts(metrics)).toEqual([]);
  expect(metrics.has("bitcoin_chain_height")).toBe(false);
  expect(exporter.log).toHaveLength(2);
  expect(await node.stats()).toMatchObject({ walletLoaderCalls: 0, threadViolations: 0, uncleanLeaves: 0 });

  await using other = await node.restart("ipc-2026-02");
  expect(shownLayouts(await polled(exporter))).toEqual(["ipc-2026-02"]);
  expect(await other.stats()).toMatchObject({ walletLoaderCalls: 0 });
});

test("an unknown layout: with --debug the log has each attempt", async () => {
  await using node = await ReferenceNode.start({ layout: "echo-only" });
  await using exporter = await startExporter(node, { ...often, args: ["--debug"] });
  await exporter.logs(
    /^cannot reach the node at \S+: the node has none of the known IPC layouts: Init@4: .*; Init@3: .*not implemented.*; Init@2: .*Old mining interface/,
    2,
  );
  exporter.signal("SIGTERM");
  expect(await exporter.ended()).toMatchObject({ exitCode: 0 });
});

test("a --layout that the node does not support", async () => {
  await using node = await ReferenceNode.start({ layout: "v31" });
  await using exporter = await startExporter(node, { ...often, args: ["--layout", "v32"] });
  await exporter.logs(/^cannot reach the node at \S+: .*[Mm]ethod not implemented.*; next attempt in/);
  const { calls } = await nodeUntil("three attempts", node, ({ connections }) => connections >= 3);
  // Of the interfaces that the node has, only makeEcho was requested, which every node has.
  expect(Object.keys(calls).sort()).toEqual(["Init.construct", "Init.makeEcho", "ThreadMap.makeThread"]);
  expect((await exporter.metrics()).get("bitcoin_ipc_up")).toBe(0);

  await using other = await node.restart("v32");
  expect(shownLayouts(await polled(exporter))).toEqual(["v32"]);
  expect(other.socketPath).toBe(node.socketPath);
});

test.each(["v32", "pr/trace"] as const)(
  "--layout v30, which has only Mining, on a %s node, whose Mining is another",
  async (layout) => {
    await using node = await ReferenceNode.start({ layout });
    await using exporter = await startExporter(node, { ...often, args: ["--layout", "v30"] });
    await exporter.logs(
      /^cannot reach the node at .*: .*Old mining interface \(@2\) not supported.*; next attempt in \d/,
    );
    await nodeUntil("two attempts", node, ({ connections }) => connections >= 2);
    const metrics = await exporter.metrics();
    expect(metrics.get("bitcoin_ipc_up")).toBe(0);
    expect(metrics.get("bitcoin_ipc_connects_total")).toBe(0);
    expect(shownLayouts(metrics)).toEqual([]);
    exporter.signal("SIGTERM");
    expect(await exporter.ended()).toMatchObject({ exitCode: 0 });
    expect(await node.stats()).toMatchObject({ threadViolations: 0, uncleanLeaves: 0 });
  },
);

test("a --layout that supports less than the node", async () => {
  await using node = await ReferenceNode.start({ layout: "v32" });
  await using exporter = await session(node, { args: ["--layout", "v31"] });
  const metrics = await exporter.metrics();
  expect(shownLayouts(metrics)).toEqual(["v31"]);
  expect(metrics.has("bitcoin_mempool_size")).toBe(false);
  const { calls } = await node.stats();
  expect(calls).not.toHaveProperty("Init.makeRpc");
});

test("the node's own --layout saves the calls that detect it", async () => {
  await using node = await ReferenceNode.start({ layout: "pr/trace" });
  await using exporter = await session(node, { args: ["--layout=pr/trace"] });
  expect(shownLayouts(await exporter.metrics())).toEqual(["pr/trace"]);
  expect((await node.stats()).calls).not.toHaveProperty("Chain.shutdownRequested");
});

test("an unknown --layout ends the exporter and lists the known ones", async () => {
  const [program] = await compiledExporter();
  const child = Bun.spawn([program!, "/nonexistent/node.sock", "--layout", "v29"], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  expect(await child.exited).toBe(2);
  expect(await child.stderr.text()).toContain(
    'unknown layout "v29" for --layout: expected one of pr/trace, ipc-2026-02, v30, v31, v32, pr-29409',
  );
});
