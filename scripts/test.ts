// Runs all tests, then names each that failed, and ends with a line `N passed, N failed, N skipped`. Arguments go to
// `bun test`, such as a path.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Tests that run a compiler or a node need more than Bun's default of 5 s. */
const TEST_TIMEOUT_MS = 120_000;

/**
 * Files that run at once. Most tests wait for processes: two at once take half the time, more would make each other late. The files
 * of a worker share modules, and with them the executable that the first of them compiles.
 */
const WORKERS = ["--parallel=2", "--no-isolate"];

const folder = mkdtempSync(join(tmpdir(), "bitcoind-ipc-exporter-test-"));
const reportFile = join(folder, "report.xml");
const selection = process.argv.slice(2);
const tests = Bun.spawnSync(
  [
    ...["bun", "test", `--timeout=${TEST_TIMEOUT_MS}`, ...WORKERS],
    ...["--reporter=junit", `--reporter-outfile=${reportFile}`, ...selection],
  ],
  { stdio: ["ignore", "inherit", "inherit"] },
);
const report = readReport();
rmSync(folder, { recursive: true });

const { total, skipped } = counts(report);
// A file that fails outside of any test, such as one that cannot be loaded, is not in the report.
const unreported = selection.length > 0 ? [] : testFiles().filter((file) => !report.includes(`file="${file}"`));
const failed = Math.max(counts(report).failed + unreported.length, tests.exitCode === 0 ? 0 : 1);
for (const name of failedTests(report)) console.log(`failed: ${name}`);
for (const file of unreported) console.log(`failed: ${file} as a whole; see "Unhandled error between tests" above`);
console.log(`${total - counts(report).failed - skipped} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed === 0 && total > skipped ? 0 : 1);

/** Bun's JUnit report; empty when it wrote none. */
function readReport(): string {
  try {
    return readFileSync(reportFile, "utf8");
  } catch {
    return "";
  }
}

function counts(xml: string): { total: number; failed: number; skipped: number } {
  const root = /<testsuites[^>]*>/.exec(xml)?.[0] ?? "";
  const count = (name: string) => Number(new RegExp(` ${name}="(\\d+)"`).exec(root)?.[1] ?? 0);
  return { total: count("tests"), failed: count("failures") + count("errors"), skipped: count("skipped") };
}

function failedTests(xml: string): string[] {
  const failures = xml.matchAll(/<testcase name="([^"]*)"[^>]* file="([^"]*)"[^>]*[^/]>\s*<failure/g);
  return [...failures].map(([, name, file]) => `${file}: ${name}`);
}

function testFiles(): string[] {
  const files = new Bun.Glob("**/*.test.ts").scanSync({ cwd: join(import.meta.dirname, ".."), dot: false });
  return [...files].filter((file) => !file.startsWith("node_modules/")).sort();
}
