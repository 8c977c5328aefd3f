// Whole pages: a golden one, their order, their limit, and what promtool reports about them.

import { expect, test } from "bun:test";
import { ACCEPTED, NO_PROMTOOL, promtoolCheck } from "../../test/promtool.ts";
import { MAX_LABEL_VALUE_BYTES } from "./exposition.ts";
import { Registry } from "./registry.ts";

const decode = (bytes: Uint8Array) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);

/** A family of each kind, in each state that a page can show. */
function goldenRegistry(): Registry {
  const registry = new Registry();
  registry.info("demo_build_info", "Build of the exporter; always 1.", { version: "0.1.0", bun: "1.4.4" });
  registry.counter("demo_blocks_connected_total", "Blocks connected since start.").add(3);
  const satoshis = registry.counter("demo_created_satoshis_total", "Satoshis of outputs created.");
  for (let i = 0; i < 5; i++) satoshis.addInt64(0x5a074000, 0x000775f0); // 21 million bitcoin, five times all there can be
  registry.counter("demo_reorgs_total", "Blocks disconnected since start.");
  const removed = registry.counterVec("demo_mempool_removed_total", "Transactions removed, by reason.", ["reason"], 3);
  for (const reason of ["expiry", "block"]) removed.with(reason);
  removed.with("block").add(0xffffffff);
  removed.with("block").inc();
  removed.with('a "quoted"\\\nreason').inc();
  removed.with("one too many").inc();
  registry.polledCounter("demo_received_bytes_total", "Bytes the node received.").set(123_456_789_012n);
  registry.polledCounter("demo_sent_bytes_total", "Bytes the node sent.");
  registry.gauge("demo_block_height", "Height of the tip.").set(850_000);
  registry.gauge("demo_verification_progress_ratio", "Share of the chain verified.").set(0.999_997_3);
  registry.gauge("demo_difficulty", "Difficulty; µ and \\ and\na second line.").set(1.134_5e22);
  const peers = registry.gaugeVec("demo_peers", "Peers, by network and direction.", ["network", "direction"]);
  peers.with("ipv4", "in").set(8);
  peers.with("onion", "out").set(Number.NaN);
  peers.with("i2p", "in").set(1);
  peers.with("i2p", "in").clear();
  registry.gauge("demo_never_set", "A gauge that was never set.");
  registry.gauge("demo_infinite", "A gauge without bound.").set(Number.POSITIVE_INFINITY);
  registry.eventCounter("demo_unknown_total", "Events that no session reported yet.").inc();
  const events = registry.eventCounterVec("demo_events_total", "Events, by kind.", ["kind"], 3);
  events.with("known").start();
  events.with("unknown");
  const arrival = registry.eventHistogram("demo_arrival_seconds", "Age of a block when it arrives.", [0, 0.5, 10]);
  arrival.start();
  for (const seconds of [-3, 0, 0.25, 10, 11]) arrival.observe(seconds);
  registry.eventHistogram("demo_size_bytes", "Sizes that no session reported yet.", [1]).observe(1);
  return registry;
}

const GOLDEN = `# HELP demo_build_info Build of the exporter; always 1.
# TYPE demo_build_info gauge
demo_build_info{version="0.1.0",bun="1.4.4"} 1
# HELP demo_blocks_connected_total Blocks connected since start.
# TYPE demo_blocks_connected_total counter
demo_blocks_connected_total 3
# HELP demo_created_satoshis_total Satoshis of outputs created.
# TYPE demo_created_satoshis_total counter
demo_created_satoshis_total 10500000000000000
# HELP demo_reorgs_total Blocks disconnected since start.
# TYPE demo_reorgs_total counter
demo_reorgs_total 0
# HELP demo_mempool_removed_total Transactions removed, by reason.
# TYPE demo_mempool_removed_total counter
demo_mempool_removed_total{reason="expiry"} 0
demo_mempool_removed_total{reason="block"} 4294967296
demo_mempool_removed_total{reason="a \\"quoted\\"\\\\\\nreason"} 1
demo_mempool_removed_total{reason="other"} 1
# HELP demo_received_bytes_total Bytes the node received.
# TYPE demo_received_bytes_total counter
demo_received_bytes_total 123456789012
# HELP demo_sent_bytes_total Bytes the node sent.
# TYPE demo_sent_bytes_total counter
# HELP demo_block_height Height of the tip.
# TYPE demo_block_height gauge
demo_block_height 850000
# HELP demo_verification_progress_ratio Share of the chain verified.
# TYPE demo_verification_progress_ratio gauge
demo_verification_progress_ratio 0.9999973
# HELP demo_difficulty Difficulty; µ and \\\\ and\\na second line.
# TYPE demo_difficulty gauge
demo_difficulty 1.1345e+22
# HELP demo_peers Peers, by network and direction.
# TYPE demo_peers gauge
demo_peers{network="ipv4",direction="in"} 8
demo_peers{network="onion",direction="out"} NaN
# HELP demo_never_set A gauge that was never set.
# TYPE demo_never_set gauge
# HELP demo_infinite A gauge without bound.
# TYPE demo_infinite gauge
demo_infinite +Inf
# HELP demo_unknown_total Events that no session reported yet.
# TYPE demo_unknown_total counter
# HELP demo_events_total Events, by kind.
# TYPE demo_events_total counter
demo_events_total{kind="known"} 0
# HELP demo_arrival_seconds Age of a block when it arrives.
# TYPE demo_arrival_seconds histogram
demo_arrival_seconds_bucket{le="0"} 2
demo_arrival_seconds_bucket{le="0.5"} 3
demo_arrival_seconds_bucket{le="10"} 4
demo_arrival_seconds_bucket{le="+Inf"} 5
demo_arrival_seconds_sum 18.25
demo_arrival_seconds_count 5
# HELP demo_size_bytes Sizes that no session reported yet.
# TYPE demo_size_bytes histogram
`;

test("the golden page", () => {
  expect(decode(goldenRegistry().render())).toBe(GOLDEN);
});

test("an empty registry renders an empty page", () => {
  expect(new Registry().render().length).toBe(0);
});

test("a name is registered once, whatever its kind", () => {
  const registry = new Registry();
  registry.counter("a_total", "Help.");
  expect(() => registry.polledCounter("a_total", "Help.")).toThrow(
    'cannot register metric "a_total": the name a_total is taken',
  );
});

test("a histogram's samples and other families have names of their own", () => {
  const registry = new Registry();
  registry.eventHistogram("a", "Help.", [1]);
  registry.gauge("b_sum", "Help.");
  expect(() => registry.gauge("a_count", "Help.")).toThrow("the name a_count is taken");
  expect(() => registry.eventHistogram("b", "Help.", [1])).toThrow(
    'cannot register metric "b": the name b_sum is taken',
  );
});

test("a registration that failed leaves nothing behind", () => {
  const registry = new Registry();
  expect(() => registry.counter("a_total", "")).toThrow("help is empty");
  registry.counter("a_total", "Help.");
  expect(decode(registry.render())).toBe("# HELP a_total Help.\n# TYPE a_total counter\na_total 0\n");
});

test("a full registry throws", () => {
  const registry = new Registry({ capacity: 10 });
  expect(() => registry.counterVec("a_total", "Help.", ["l"])).toThrow("cannot reserve 65 cells: 0 of 10 are in use");
});

test("hooks run at every render, before it", () => {
  const registry = new Registry();
  const renders = registry.gauge("renders", "Help.");
  let count = 0;
  registry.onRender(() => renders.set(++count));
  registry.render();
  expect(decode(registry.render())).toContain("\nrenders 2\n");
});

test("a hook that throws fails its render and not the next", () => {
  const registry = new Registry();
  registry.counter("a_total", "Help.");
  let broken = true;
  registry.onRender(() => {
    if (broken) throw new Error("no such file");
  });
  expect(() => registry.render()).toThrow("no such file");
  broken = false;
  expect(decode(registry.render())).toBe("# HELP a_total Help.\n# TYPE a_total counter\na_total 0\n");
});

test("a page is the same object while nothing changes", () => {
  const registry = new Registry();
  const counter = registry.counter("a_total", "Help.");
  const first = registry.render();
  expect(registry.render()).toBe(first);
  expect(decode(first)).toEndWith("\na_total 0\n");
  counter.inc();
  const second = registry.render();
  expect(second).not.toBe(first);
  expect(decode(second)).toEndWith("\na_total 1\n");
});

test("a family that does not fit into the page is left out whole until it fits, and reported once", () => {
  const leftOut: string[] = [];
  const registry = new Registry({ maxPageBytes: 400, onLeftOut: (name) => leftOut.push(name) });
  registry.counter("first_total", "Help.");
  const large = registry.gaugeVec("large", "Help.", ["l"]);
  registry.counter("last_total", "Help.").inc();
  const first = "# HELP first_total Help.\n# TYPE first_total counter\nfirst_total 0\n";
  const last = "# HELP last_total Help.\n# TYPE last_total counter\nlast_total 1\n";
  const head = "# HELP large Help.\n# TYPE large gauge\n";
  expect(decode(registry.render())).toBe(first + head + last);

  for (let i = 0; i < 40; i++) large.with(`${i}`).set(i);
  expect(decode(registry.render())).toBe(first + last);
  expect(decode(registry.render())).toBe(first + last);
  expect(leftOut).toEqual(["large"]);

  large.clear();
  expect(decode(registry.render())).toBe(first + head + last);
});

test.each([0, 1])("a page of the maximum size and %p bytes more", (more) => {
  const registry = new Registry({ maxPageBytes: "# HELP a Help.\n# TYPE a gauge\na 1\n".length });
  registry.gauge("a", "Help.").set(10 ** more);
  expect(registry.render().length > 0).toBe(more === 0);
});

test("a full registry with label values of the maximum size fits into a page", () => {
  const leftOut: string[] = [];
  const registry = new Registry({ onLeftOut: (name) => leftOut.push(name) });
  const value = "\n".repeat(MAX_LABEL_VALUE_BYTES - 4);
  const family = registry.gaugeVec("a", "Help.", ["l"], 4095);
  for (let i = 0; i < 4095; i++) family.with(`${i}`.padStart(4, "0") + value).set(i);
  expect(registry.render().length).toBeGreaterThan(2 * 2 ** 20);
  expect(leftOut).toEqual([]);
});

test.skipIf(NO_PROMTOOL !== "")(`promtool reports nothing about the golden page${NO_PROMTOOL}`, () => {
  expect(promtoolCheck(goldenRegistry().render())).toEqual(ACCEPTED);
});

test.skipIf(NO_PROMTOOL !== "")(`promtool reads every code unit in a label value and in help${NO_PROMTOOL}`, () => {
  const registry = new Registry({ capacity: 2 ** 18 });
  const ofUnit = registry.gaugeVec("of_unit", "Help.", ["unit"], 2 ** 16);
  let all = "";
  for (let unit = 0; unit < 2 ** 16; unit++) {
    const text = String.fromCharCode(unit);
    all += `${text} `;
    ofUnit.with(text).set(unit);
  }
  registry.gauge("all_units", all);
  expect(promtoolCheck(registry.render())).toEqual(ACCEPTED);
});
