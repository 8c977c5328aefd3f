// The executable ignores all files that Bun would load from its working directory.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMPILE_DEADLINE_MS, compiledExporter } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { unless } from "../skipped.ts";

/** Most of them make Bun run trap.ts, or change settings. */
const FILES = {
  ".env": "BUN_OPTIONS=--preload=./trap.ts\nBUN_BE_BUN=1\n",
  "bunfig.toml": 'preload = ["./trap.ts"]\n',
  "package.json": '{ "name": "trap", "type": "module", "main": "./trap.ts", "imports": { "#*": "./trap.ts" } }\n',
  "tsconfig.json": '{ "compilerOptions": { "baseUrl": ".", "paths": { "*": ["./trap.ts"] } } }\n',
  "harmless.ts": "export {};\n",
  "trap.ts": 'import { writeFileSync } from "node:fs";\nwriteFileSync("sprung", "");\n',
};

const folder = mkdtempSync(join(tmpdir(), "hostile-folder-test-"));
const sprung = join(folder, "sprung");

beforeAll(async () => {
  await compiledExporter();
}, COMPILE_DEADLINE_MS);
afterAll(() => rmSync(folder, { recursive: true }));

/** File systems record the first read after a write, unless mounted with noatime. */
const LONG_AGO = 1_000_000;

function lay(): void {
  rmSync(sprung, { force: true });
  for (const [file, text] of Object.entries(FILES)) {
    writeFileSync(join(folder, file), text);
    utimesSync(join(folder, file), LONG_AGO, LONG_AGO);
  }
}

function filesRead(): string[] {
  return Object.keys(FILES).filter((file) => statSync(join(folder, file)).atimeMs !== LONG_AGO * 1000);
}

/** Whether the file system records reads. */
function readsAreRecorded(): boolean {
  lay();
  readFileSync(join(folder, "trap.ts"));
  return filesRead().length === 1;
}

describe("in a hostile folder", () => {
  test("the trap works for Bun itself", () => {
    lay();
    Bun.spawnSync([process.execPath, "./harmless.ts"], { cwd: folder });
    expect(existsSync(sprung)).toBe(true);
  });

  test("the exporter starts, serves and exits, and does not run the trap", async () => {
    lay();
    const [executable] = await compiledExporter();
    await using exporter = await ExporterProcess.start("node.sock", {
      command: ["env", `--chdir=${folder}`, executable!],
    });
    expect(await exporter.payload()).toContain("bitcoin_ipc_up 0");
    exporter.signal("SIGTERM");
    expect(await exporter.ended()).toMatchObject({ exitCode: 0, signal: null });
    expect(existsSync(sprung)).toBe(false);
  });

  const reason = unless(readsAreRecorded(), "the file system records no reads");
  test.skipIf(reason !== "")(`the exporter does not read the files${reason}`, async () => {
    lay();
    const [executable] = await compiledExporter();
    const { stdout, exitCode } = Bun.spawnSync([executable!, "--version"], { cwd: folder });
    expect(stdout.toString()).toStartWith("bitcoind-ipc-exporter");
    expect(exitCode).toBe(0);
    expect(filesRead()).toEqual([]);
  });
});
