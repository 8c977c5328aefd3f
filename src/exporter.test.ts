import { expect, test } from "bun:test";
import { join } from "node:path";
import { Exporter } from "./exporter.ts";

const options = {
  socketPath: "/nonexistent/node.sock",
  pollIntervalMs: 60_000,
  utxoTrace: true,
  debug: false,
  build: { version: "1.2.3", revision: "abc", bun: "1.4.4" },
  log: () => {},
};

/** name → type of every family on a page. */
function families(page: string): Map<string, string> {
  return new Map([...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]));
}

test("METRICS.md lists exactly the families that are served, with their types", async () => {
  const served = families(new TextDecoder().decode(new Exporter(options).render()));
  const text = await Bun.file(join(import.meta.dirname, "..", "METRICS.md")).text();
  const documented = new Map(
    [...text.matchAll(/^\| `(\w+)` \| (counter|gauge) \|/gm)].map(([, name, type]) => [name!, type!]),
  );
  expect([...documented].sort()).toEqual([...served].sort());
});

test("before any node was seen, polled values have no sample and counters are 0", () => {
  const page = new TextDecoder().decode(new Exporter(options).render());
  expect(page).toContain("\nbitcoin_ipc_up 0\n");
  expect(page).toContain("\nbitcoin_blocks_connected_total 0\n");
  expect(page).not.toMatch(/^bitcoin_(block_height|chain_height|ibd|peers|bytes_recv_total)\b/m);
});

test("leaves at once when there is no node, and stops trying", async () => {
  const lines: string[] = [];
  const exporter = new Exporter({ ...options, log: (line) => lines.push(line) });
  exporter.start();
  await Bun.sleep(20);
  expect(await exporter.leave(1000)).toBe(true);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toStartWith("cannot reach the node at /nonexistent/node.sock: ");
});
