// `bun run parity` as its users run it: on two local servers, by its output and exit code.

import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { MAPS } from "../../scripts/parity/maps.ts";
import { EXPORTERS, FIXTURES, fixtureText, RECORDED } from "./pages.ts";

const SCRIPT = join(import.meta.dirname, "..", "..", "scripts", "parity.ts");

/** By path: a page, what makes a new one at each scrape, or another response. */
let pages: Record<string, string | (() => string) | { status?: number; body: string | Uint8Array<ArrayBuffer> }> = {};
let scraped: string[] = [];
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request) {
    const path = new URL(request.url).pathname.slice(1);
    scraped.push(path);
    const page = pages[path] ?? { status: 404, body: "" };
    if (typeof page === "object") return new Response(page.body, { status: page.status ?? 200 });
    return new Response(typeof page === "string" ? page : page());
  },
});
afterAll(() => server.stop(true));
beforeEach(() => {
  pages = { ours: fixtureText("ours"), theirs: fixtureText("jvstein") };
  scraped = [];
});

const url = (path: string) => `${server.url}${path}`;

async function parity(...args: string[]) {
  const run = Bun.spawn([process.execPath, SCRIPT, ...args], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exitCode] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited]);
  return { stdout, stderr, exitCode };
}

/** Compares the pages `ours` and `theirs`. */
function compared(...args: string[]) {
  return parity("--ours", url("ours"), "--theirs", url("theirs"), "--samples", "2", "--interval", "0.01", ...args);
}

test.each(EXPORTERS)("beside %s finds every family equal or explained, and exits with 0", async (exporter) => {
  const names = FIXTURES[exporter];
  for (const name of names) pages[name] = fixtureText(name);
  const theirs = names.flatMap((name) => ["--theirs", url(name)]);
  const flags = ["--samples", "2", "--interval", "0", "--tolerance", "0"];
  const run = await parity("--ours", url("ours"), ...theirs, ...flags);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(run.stdout).toContain(`\ncompared with ${MAPS[exporter]!.exporter}, tolerance 0 %: `);
  expect(run.stdout).toMatch(/ %: \d+ equal, .*\d+ missing there\n$/);
  expect(run.stdout).not.toContain("missing here");
  expect(scraped).toEqual(["ours", ...names, "ours", "ours", ...names, "ours"]);
});

test("finds recorded pages of the original and this exporter equal, and exits with 0", async () => {
  for (const [side, name] of Object.entries(RECORDED)) pages[side] = fixtureText(name);
  const run = await compared("--tolerance", "0");
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(run.stdout).toMatch(/\ncompared with ipc-exporter-rust, tolerance 0 %: 22 equal, \d+ missing there\n$/);
});

test.each([
  ["1", 1, /^different +bitcoin_peers +35 +36 +the same name$/],
  ["3", 0, /^within tolerance +bitcoin_peers +35 +36 +the same name$/],
])("with a tolerance of %s %% a difference of 2.8 %% exits with %d", async (tolerance, exitCode, line) => {
  pages["ours"] = fixtureText("ours").replace("bitcoin_peers 35", "bitcoin_peers 36");
  const run = await compared("--tolerance", tolerance);
  expect(run.exitCode).toBe(exitCode);
  expect(run.stdout.split("\n")[1]).toMatch(line);
});

test("shows some of the series that differ, and the note", async () => {
  const series = Array.from({ length: 9 }, (_, index) => `bitcoin_chaintips{status="s${index}"} ${index + 1}\n`);
  pages["theirs"] = fixtureText("lnliz").replace(/(bitcoin_chaintips\{.*\n)+/, series.join(""));
  const run = await compared();
  expect(run.exitCode).toBe(1);
  const [head, ...below] = run.stdout.split("\n").slice(1, 9);
  expect(head).toMatch(/^different +bitcoin_chaintips +15 series +15 series +bitcoin_chain_tips$/);
  expect(below).toContain('    {status="active"} there 0, here 1');
  expect(below.at(-1)).toMatch(/^ {4}and \d+ more$/);
});

describe("compares counters by growth", () => {
  let events = 0;
  const next = () => {
    events += 7;
    return events;
  };
  const total = (name: string, value: () => number) => () => `# TYPE ${name} counter\n${name} ${value()}\n`;
  beforeEach(() => {
    events = 0;
    pages["theirs"] = total("bitcoind_mempool_added_total", () => 1_000_000 + next());
  });

  test("and reports as JSON", async () => {
    pages["ours"] = total("bitcoin_mempool_tx_added_total", next);
    const run = await compared("--json", "--samples", "4");
    expect(run.exitCode).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({
      exporter: "usdt-dash",
      samples: 4,
      isGood: true,
      counts: { equal: 1 },
      rows: [{ outcome: "equal", series: [{ theirs: "+63", ours: "+77" }] }],
    });
  });

  test("and detects a counter that stands still", async () => {
    pages["ours"] = total("bitcoin_mempool_tx_added_total", () => 5);
    const run = await compared();
    expect(run.exitCode).toBe(1);
    expect(run.stdout.split("\n")[1]).toMatch(/^different +bitcoind_mempool_added_total +\+7 +\+0 /);
  });
});

test("the JSON has the conditions, every row and their counts", async () => {
  const report = JSON.parse((await compared("--json")).stdout);
  expect(report).toMatchObject({
    exporter: "jvstein/bitcoin-prometheus-exporter",
    ours: url("ours"),
    theirs: [url("theirs")],
    samples: 2,
    intervalS: 0.01,
    tolerancePct: 1,
    isGood: true,
  });
  expect(report.rows).toContainEqual({
    outcome: "equal",
    theirs: "bitcoin_latest_block_fee",
    ours: "bitcoin_last_block_total_fee_satoshis",
    series: [{ outcome: "equal", labels: "", theirs: "0.12345678", ours: "0.12345678" }],
    note: "theirs is in BTC",
  });
  const counted = Object.values(report.counts as Record<string, number>).reduce((sum, count) => sum + count, 0);
  expect(counted).toBe(report.rows.length);
});

test("--map chooses the map, whatever the page has", async () => {
  const run = await compared("--map", "original");
  expect(run.exitCode).toBe(1);
  expect(run.stdout).toContain("compared with ipc-exporter-rust");
});

describe("exits with 2 and prints nothing to stdout", () => {
  test("for a wrong command line", async () => {
    const run = await parity("--hep");
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toContain("Unknown option '--hep'");
    expect(run.stderr).toContain("USAGE parity");
    expect(scraped).toEqual([]);
  });

  test("for a page of an unknown exporter", async () => {
    pages["theirs"] = "up 1\n";
    const run = await compared();
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toContain("cannot detect which exporter serves");
  });

  test.each([
    ["HTTP status 500", { status: 500, body: "" }],
    ["not the text format: line 2: not a sample: b", { body: "a 1\nb\n" }],
    ["not the text format: line 1: ", { body: "<html></html>\n" }],
    ["", { body: new Uint8Array([0x61, 0xff, 0x0a]) }],
  ])("for a page that is not usable: %s", async (why, page) => {
    pages["theirs"] = page;
    const run = await compared();
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toStartWith(`parity: cannot scrape ${url("theirs")}: ${why}`);
  });

  test("when nothing listens", async () => {
    const closed = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
    const address = `http://127.0.0.1:${closed.port}/`;
    await closed.stop(true);
    const run = await parity("--ours", address, "--theirs", url("theirs"));
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toStartWith(`parity: cannot scrape ${address}: `);
  });
});

test("--help prints the usage and exits with 0", async () => {
  const run = await parity("--help");
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(run.stdout).toContain("USAGE parity --ours URL --theirs URL");
});
