// systemd accepts the unit, alone and as a template, with its drop-in and its user.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lacking } from "../skipped.ts";

const SOURCE = join(import.meta.dirname, "../../packaging/systemd");
const NAME = "bitcoind-ipc-exporter";
/** systemd's exposure level of a service, 0 to 10, times 10. A service without hardening has 96. */
const MAX_EXPOSURE = 15;

const reason = lacking("systemd-analyze", "systemd-sysusers");

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "systemd-test-"));
  // The unit's executable has to exist; any file will do.
  writeFileSync(join(folder, NAME), "#!/bin/sh\n", { mode: 0o755 });
  const unit = readFileSync(join(SOURCE, `${NAME}.service`), "utf8").replace("/usr/local/bin", folder);
  for (const name of [NAME, `${NAME}@`]) writeFileSync(join(folder, `${name}.service`), unit);
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(...command: string[]): { exitCode: number; output: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { stdout: "pipe", stderr: "pipe" });
  return { exitCode, output: `${stdout}${stderr}` };
}

function verify(unit: string): ReturnType<typeof run> {
  return run("systemd-analyze", "verify", "--man=no", join(folder, unit));
}

function setting(name: string): string {
  const unit = readFileSync(join(folder, `${NAME}.service`), "utf8");
  return new RegExp(`^${name}=(.*)$`, "m").exec(unit)?.[1] ?? "";
}

describe.skipIf(reason !== "")(`the systemd unit${reason}`, () => {
  test.each([`${NAME}.service`, `${NAME}@.service`])("%s has no faults", (unit) => {
    expect(verify(unit)).toEqual({ exitCode: 0, output: "" });
  });

  test("systemd-analyze reports a fault", () => {
    const unit = readFileSync(join(folder, `${NAME}.service`), "utf8");
    writeFileSync(join(folder, "faulty.service"), unit.replace("Restart=on-failure", "Restart=sometimes"));
    expect(verify("faulty.service").output).toContain("sometimes");
  });

  test("it is started again for as long as its address is missing", () => {
    expect(setting("Restart")).toBe("on-failure");
    expect(Number(setting("RestartSec"))).toBeGreaterThan(0);
    // Without a limit of starts. The default one is 5 in 10 s, and systemd gives up at it.
    expect(setting("StartLimitIntervalSec")).toBe("0");
  });

  test("a healthy exporter stays far below the memory limit", () => {
    const results = readFileSync(join(import.meta.dirname, "../../bench/RESULTS.md"), "utf8");
    const rows = [...results.matchAll(/\| RSS MB, most .*?\| +([\d.]+) \|/g)];
    expect(rows.length).toBeGreaterThan(0);
    const [, gigabytes] = /^(\d+)G$/.exec(setting("MemoryMax"))!;
    // The most is that of an answer of 32 MB, close to the largest that the exporter accepts.
    for (const [, megabytes] of rows) expect(Number(megabytes) * 7).toBeLessThan(Number(gigabytes) * 1024);
  });

  test("the drop-in for a user of its own has no faults", () => {
    const dropIns = join(folder, `${NAME}.service.d`);
    mkdirSync(dropIns);
    copyFileSync(join(SOURCE, "own-user.conf"), join(dropIns, "own-user.conf"));
    expect(verify(`${NAME}.service`)).toEqual({ exitCode: 0, output: "" });
    rmSync(dropIns, { recursive: true });
  });

  test("sysusers.conf makes that user, and the drop-in adds the node's group", () => {
    const { exitCode, output } = run(
      "systemd-sysusers",
      "--dry-run",
      `--root=${folder}`,
      join(SOURCE, "sysusers.conf"),
    );
    expect(exitCode).toBe(0);
    expect(output).toContain(`Creating user '${NAME}'`);
    // `useradd bitcoin` fails on a host that has a group of that name.
    expect(output).not.toContain("Creating group 'bitcoin'");
    expect(readFileSync(join(SOURCE, "own-user.conf"), "utf8")).toContain("\nSupplementaryGroups=bitcoin\n");
  });

  test("the service is hardened", () => {
    const { exitCode, output } = run(
      ...["systemd-analyze", "security", "--no-pager", "--offline=true", `--threshold=${MAX_EXPOSURE}`],
      join(folder, `${NAME}.service`),
    );
    expect(output).toContain("Overall exposure level");
    expect(exitCode).toBe(0);
  });
});
