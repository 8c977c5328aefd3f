import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSeries } from "../scripts/text-format.ts";
import { Exporter } from "../src/exporter.ts";
import { DEFAULTS } from "../src/options.ts";
import { autopilot } from "./autopilot.ts";
import { startSimulatedNode } from "./simulated-node.ts";
import { judge } from "./verdict.ts";

test("plays everything, a restart too, and the exporter counts it all", async () => {
  const folder = await mkdtemp(join(tmpdir(), "autopilot-test-"));
  const node = startSimulatedNode({ socketPath: join(folder, "node.sock") });
  const exporter = new Exporter({
    ...DEFAULTS,
    socketPath: node.socketPath,
    pollIntervalMs: 20,
    build: { version: "0", revision: "0", bun: "0" },
    log: () => {},
  });
  exporter.start();
  const end = new AbortController();
  const played = autopilot(node, end.signal, { beatMs: 10 });
  while (node.told.sessions < 2) await Bun.sleep(20);
  await Bun.sleep(300);
  end.abort();
  await played;
  expect(await exporter.leave(1000)).toBe(true);
  expect(judge(node, readSeries(new TextDecoder().decode(exporter.render())))).toMatchObject({ isGood: true });
  for (const event of ["blockConnected", "blockDisconnected", "chainStateFlushed", "add", "uncache"] as const) {
    expect(node.told.count(event)).toBeGreaterThan(0);
  }
  await node.stop();
  await rm(folder, { recursive: true });
}, 20_000);
