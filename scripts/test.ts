// Runs all tests and ends with a line `N passed, N failed, N skipped`. Arguments go to `bun test`, such as a path.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Tests that run a compiler or a node need more than Bun's default of 5 s. */
const TEST_TIMEOUT_MS = 120_000;

const folder = mkdtempSync(join(tmpdir(), "bitcoind-ipc-exporter-test-"));
const report = join(folder, "report.xml");
const tests = Bun.spawnSync(
  [
    "bun",
    "test",
    `--timeout=${TEST_TIMEOUT_MS}`,
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...process.argv.slice(2),
  ],
  { stdio: ["ignore", "inherit", "inherit"] },
);
const { total, failed, skipped } = readReport();
rmSync(folder, { recursive: true });
console.log(`${total - failed - skipped} passed, ${failed} failed, ${skipped} skipped`);
process.exit(tests.exitCode === 0 && failed === 0 && total > skipped ? 0 : 1);

/** The counts in the report's root element. A run without a report counts as one failure. */
function readReport(): { total: number; failed: number; skipped: number } {
  try {
    const root = /<testsuites[^>]*>/.exec(readFileSync(report, "utf8"))![0];
    const count = (name: string) => Number(new RegExp(` ${name}="(\\d+)"`).exec(root)?.[1] ?? 0);
    const failed = count("failures") + count("errors");
    // A file that fails outside of any test is in no count of the report.
    const unreported = tests.exitCode !== 0 && failed === 0 ? 1 : 0;
    return { total: count("tests") + unreported, failed: failed + unreported, skipped: count("skipped") };
  } catch {
    return { total: 1, failed: 1, skipped: 0 };
  }
}
