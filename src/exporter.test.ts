import { expect, spyOn, test } from "bun:test";
import { join } from "node:path";
import { abortFrame } from "../test/builders/rpc-messages.ts";
import { eventually } from "../test/eventually.ts";
import { temporaryFolder } from "../test/temporary-folder.ts";
import { COLLECTOR_NAMES } from "./collectors/catalogue.ts";
import { Exporter, MAX_LOGGED_REASONS } from "./exporter.ts";
import { readPage } from "./metrics/text-format-reader.ts";
import { DEFAULTS } from "./options.ts";
import * as backoff from "./session/backoff.ts";

const folder = temporaryFolder();

const options = {
  ...DEFAULTS,
  socketPath: "/nonexistent/node.sock",
  build: { version: "1.2.3", revision: "abc", bun: "1.4.4" },
  log: () => {},
};

/** name → type of every family on a page. */
function families(page: string): Map<string, string> {
  return new Map([...readPage(page).values()].map(({ name, type }) => [name, type]));
}

test("METRICS.md lists exactly the families that are served, with their types", async () => {
  // With the collectors that do not run by default, too.
  const exporter = new Exporter({ ...options, collectors: COLLECTOR_NAMES });
  const served = families(new TextDecoder().decode(exporter.render()));
  const text = await Bun.file(join(import.meta.dirname, "..", "METRICS.md")).text();
  const documented = new Map(
    [...text.matchAll(/^\| `(\w+)` \| (counter|gauge|histogram) \|/gm)].map(([, name, type]) => [name!, type!]),
  );
  expect([...documented].sort()).toEqual([...served].sort());
});

test("before any node was seen, polled values and event counters have no sample", () => {
  const page = new TextDecoder().decode(new Exporter(options).render());
  expect(page).toContain("\nbitcoin_ipc_up 0\n");
  expect(page).toContain("\nbitcoin_ipc_connects_total 0\n");
  expect(page).not.toMatch(
    /^bitcoin_(blocks_connected_total|mempool_tx_added_total|block_height|chain_height|ibd|peers|bytes_recv_total)\b/m,
  );
});

test("ends immediately without a node, and stops retrying", async () => {
  const lines: string[] = [];
  const exporter = new Exporter({ ...options, log: (line) => lines.push(line) });
  exporter.start();
  await eventually("it has tried", () => lines.length === 1);
  expect(await exporter.leave(1000)).toBe(true);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toStartWith("cannot reach the node at /nonexistent/node.sock: ");
});

test("connects again when it is started after it has left", async () => {
  const lines: string[] = [];
  const exporter = new Exporter({ ...options, log: (line) => lines.push(line) });
  exporter.start();
  await eventually("it has tried", () => lines.length === 1);
  await exporter.leave(1000);
  exporter.start();
  await eventually("it has tried again", () => lines.length === 2);
  expect(await exporter.leave(1000)).toBe(true);
  expect(lines.every((line) => line.startsWith("cannot reach the node at "))).toBe(true);
});

test("each reason of a failed attempt is logged once, and of very many the oldest is forgotten", async () => {
  const socketPath = join(folder, "node.sock");
  // The first once more before there are too many, and once after.
  const others = Array.from({ length: MAX_LOGGED_REASONS }, (_, index) => index + 1);
  const reasons = [0, 1, 0, ...others, 0, MAX_LOGGED_REASONS];
  let attempts = 0;
  const open = (socket: Bun.Socket) => void socket.write(abortFrame(0, `reason ${reasons[attempts++] ?? "none"}.`));
  using _node = Bun.listen({ unix: socketPath, socket: { open, data() {} } });
  using _pause = spyOn(backoff, "backoffMs").mockReturnValue(1);
  const lines: string[] = [];
  const exporter = new Exporter({ ...options, socketPath, log: (line) => lines.push(line) });
  exporter.start();
  await eventually("every reason was given", () => attempts > reasons.length);
  expect(await exporter.leave(1000)).toBe(true);
  const logged = lines.map((line) => /reason (\w+)\./.exec(line)?.[1]).filter((reason) => reason !== "none");
  expect(logged.map(Number)).toEqual([0, ...others, 0]);
});
