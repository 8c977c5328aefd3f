import { expect, test } from "bun:test";
import { join } from "node:path";
import { Exporter } from "../src/exporter.ts";
import { readSeries } from "../src/metrics/text-format-reader.ts";
import { DEFAULTS } from "../src/options.ts";
import { temporaryFolder } from "../test/temporary-folder.ts";
import { autopilot } from "./autopilot.ts";
import { startSimulatedNode } from "./simulated-node.ts";
import { judge } from "./verdict.ts";

const folder = temporaryFolder();

const EVENTS = ["blockConnected", "blockDisconnected", "chainStateFlushed", "add", "uncache"] as const;

test("causes every kind of event and a restart, and the exporter counts them all", async () => {
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
  while (node.reported.sessions < 2) await Bun.sleep(20);
  while (!EVENTS.every((name) => node.reported.count(name) > 0)) await Bun.sleep(20);
  end.abort();
  await played;
  expect(await exporter.leave(1000)).toBe(true);
  expect(judge(node, readSeries(new TextDecoder().decode(exporter.render())))).toMatchObject({ isGood: true });
  await node.stop();
}, 20_000);
