// `bun run parity` as its users run it: between two local servers, by its output and exit code.

import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXPORTERS, FIXTURES, fixtureText, RECORDED } from "./pages.ts";

const SCRIPT = join(import.meta.dirname, "..", "..", "scripts", "parity.ts");

/** An answer that is no page. */
interface Bad {
  readonly status: number;
  readonly body: string | Uint8Array<ArrayBuffer>;
}

/** Pages by path; a function makes a new one at each scrape. */
let pages: Record<string, string | (() => string) | Bad> = {};
let scraped: string[] = [];
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request) {
    const path = new URL(request.url).pathname.slice(1);
    scraped.push(path);
    const page = pages[path] ?? { status: 404, body: "not here" };
    if (typeof page === "object") return new Response(page.body, { status: page.status });
    return new Response(typeof page === "string" ? page : page());
  },
});
const folder = mkdtempSync(join(tmpdir(), "parity-command-"));
afterAll(async () => {
  await server.stop(true);
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  pages = {};
  scraped = [];
});

function url(path: string): string {
  return `${server.url}${path}`;
}

async function parity(...args: string[]) {
  const process_ = Bun.spawn([process.execPath, SCRIPT, ...args], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exitCode] = await Promise.all([
    process_.stdout.text(),
    process_.stderr.text(),
    process_.exited,
  ]);
  return { stdout, stderr, exitCode };
}

/** Of `ours` and `theirs`, in a hurry. */
function compared(...args: string[]) {
  return parity("--ours", url("ours"), "--theirs", url("theirs"), "--samples", "2", "--interval", "0.01", ...args);
}

describe.each(EXPORTERS)("beside %s", (exporter) => {
  test("finds that all is equal or explained, and exits with 0", async () => {
    for (const name of ["ours", ...FIXTURES[exporter]]) pages[name] = fixtureText(name);
    const theirs = FIXTURES[exporter].flatMap((name) => ["--theirs", url(name)]);
    const run = await parity("--ours", url("ours"), ...theirs, "--samples", "2", "--interval", "0");
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(run.stdout).toMatch(/\ncompared with \S+, tolerance 1 %: \d+ equal, .*\d+ missing there\n$/);
    expect(run.stdout).not.toContain("missing here");
    expect(scraped).toEqual(["ours", ...FIXTURES[exporter], "ours", "ours", ...FIXTURES[exporter], "ours"]);
  });
});

test("finds that all is equal in what the original and ours showed of a real node, and exits with 0", async () => {
  for (const [side, name] of Object.entries(RECORDED)) pages[side] = fixtureText(name);
  const run = await compared("--tolerance", "0");
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(run.stdout).toMatch(/\ncompared with ipc-exporter-rust, tolerance 0 %: 22 equal, \d+ missing there\n$/);
});

test("shows what is different, and exits with 1", async () => {
  pages["ours"] = fixtureText("ours").replace("bitcoin_peers 35", "bitcoin_peers 36");
  pages["theirs"] = fixtureText("jvstein");
  const run = await compared();
  expect(run.exitCode).toBe(1);
  expect(run.stdout.split("\n")[1]).toMatch(/^different +bitcoin_peers +35 +36 +the same name$/);
});

test("takes its tolerance from its user", async () => {
  pages["ours"] = fixtureText("ours").replace("bitcoin_peers 35", "bitcoin_peers 36");
  pages["theirs"] = fixtureText("jvstein");
  const run = await compared("--tolerance", "3");
  expect(run.exitCode).toBe(0);
  expect(run.stdout.split("\n")[1]).toMatch(/^within tolerance +bitcoin_peers +35 +36 +the same name$/);
});

test("shows the series of a family that disagree, a few of them, and the note", async () => {
  const series = Array.from({ length: 9 }, (_, index) => `bitcoin_chaintips{status="s${index}"} ${index + 1}\n`);
  pages["ours"] = fixtureText("ours");
  pages["theirs"] = fixtureText("lnliz").replace(/(bitcoin_chaintips\{.*\n)+/, series.join(""));
  const run = await compared();
  expect(run.exitCode).toBe(1);
  const [head, ...below] = run.stdout.split("\n").slice(1, 9);
  expect(head).toMatch(/^different +bitcoin_chaintips +15 series +15 series +bitcoin_chain_tips$/);
  expect(below).toContain('    {status="active"} there 0, here 1');
  expect(below.at(-1)).toMatch(/^ {4}and \d+ more$/);
});

test("compares counters by what they count while it looks", async () => {
  let events = 0;
  const total = (name: string, start: number) => () => {
    events += 7;
    return `# TYPE ${name} counter\n${name} ${start + events}\n`;
  };
  pages["ours"] = total("bitcoin_mempool_tx_added_total", 0);
  pages["theirs"] = total("bitcoind_mempool_added_total", 1_000_000);
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

test("sees a counter that stands still", async () => {
  let events = 0;
  pages["ours"] = "# TYPE bitcoin_mempool_tx_added_total counter\nbitcoin_mempool_tx_added_total 5\n";
  pages["theirs"] = () => `# TYPE bitcoind_mempool_added_total counter\nbitcoind_mempool_added_total ${++events}\n`;
  const run = await compared();
  expect(run.exitCode).toBe(1);
  expect(run.stdout.split("\n")[1]).toMatch(/^different +bitcoind_mempool_added_total +\+1 +\+0 /);
});

test("gives all that it found as JSON", async () => {
  pages["ours"] = fixtureText("ours");
  pages["theirs"] = fixtureText("jvstein");
  const run = await compared("--json");
  const report = JSON.parse(run.stdout);
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

test("takes a map from a file", async () => {
  pages["ours"] = "b 5\n";
  pages["theirs"] = "a 5\n";
  const file = join(folder, "map.json");
  const map = { exporter: "mine", source: "none", entries: [{ theirs: "a", kind: "same", ours: "b" }] };
  writeFileSync(file, JSON.stringify(map));
  expect(await compared("--map", file)).toMatchObject({ exitCode: 0 });
  writeFileSync(file, JSON.stringify({ ...map, entries: [] }));
  const run = await compared("--map", file);
  expect(run).toMatchObject({ exitCode: 1 });
  expect(run.stdout).toMatch(/\nunknown +a /);
});

test("takes the map that it is told, whatever it sees", async () => {
  pages["ours"] = fixtureText("ours");
  pages["theirs"] = fixtureText("jvstein");
  const run = await compared("--map", "original");
  expect(run.exitCode).toBe(1);
  expect(run.stdout).toContain("compared with ipc-exporter-rust");
});

describe("exits with 2, without a word on stdout,", () => {
  test.each<[string, string[]]>([
    ["missing --ours", []],
    ["Unknown option '--hep'", ["--hep"]],
  ])("and the usage for a wrong command line: %s", async (why, args) => {
    const run = await parity(...args);
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toContain(why);
    expect(run.stderr).toContain("USAGE parity");
  });

  test("for a map that there is not, before it scrapes", async () => {
    const run = await compared("--map", join(folder, "none.json"));
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toStartWith('parity: no map "');
    expect(scraped).toEqual([]);
  });

  test("when it cannot tell whose page it is", async () => {
    pages["ours"] = fixtureText("ours");
    pages["theirs"] = "up 1\n";
    const run = await compared();
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toContain("cannot tell which exporter serves");
  });

  test.each<[string, string | Bad]>([
    ["HTTP status 500", { status: 500, body: "" }],
    ["the page is not in the text format: line 2: not a sample: b", "a 1\nb\n"],
    ["the page is not in the text format: line 1: ", "<html></html>\n"],
    ["cannot scrape", { status: 200, body: new Uint8Array([0x61, 0xff, 0x0a]) }],
  ])("for a page that cannot be read: %s", async (why, page) => {
    pages["ours"] = fixtureText("ours");
    pages["theirs"] = page;
    const run = await compared();
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toStartWith(`parity: cannot scrape ${url("theirs")}: `);
    expect(run.stderr).toContain(why);
  });

  test("when nobody listens", async () => {
    const closed = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
    const gone = `http://127.0.0.1:${closed.port}/`;
    await closed.stop(true);
    const run = await parity("--ours", gone, "--theirs", url("theirs"));
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toStartWith(`parity: cannot scrape ${gone}: `);
  });
});

test("prints its usage when asked, and exits with 0", async () => {
  const run = await parity("--help");
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(run.stdout).toContain("USAGE parity --ours URL --theirs URL");
});
