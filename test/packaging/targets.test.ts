// `bun run build --target` for each release target makes the right kind of executable, which runs if this machine can run it.
// The runtimes come from npm; a target is skipped when its runtime cannot be fetched.

import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { fetchRuntime, readTarget, TARGETS, type Target } from "../../scripts/runtime.ts";
import { unless } from "../skipped.ts";

const BUILD = join(import.meta.dirname, "../../scripts/build.ts");

/** e_machine of the ELF header, and the loader that the executable names. */
const EXPECTED: Readonly<Record<Target, { machine: number; loader: string }>> = {
  "bun-linux-x64": { machine: 62, loader: "/lib64/ld-linux-x86-64.so.2" },
  "bun-linux-x64-musl": { machine: 62, loader: "/lib/ld-musl-x86_64.so.1" },
  "bun-linux-arm64": { machine: 183, loader: "/lib/ld-linux-aarch64.so.1" },
  "bun-linux-arm64-musl": { machine: 183, loader: "/lib/ld-musl-aarch64.so.1" },
};

/** Starting takes a second in an emulator on an idle machine. */
const EMULATOR_DEADLINE_MS = 60_000;

/** Where Debian's libc6-arm64-cross has the loader and libraries of an arm64 machine. */
const ARM64_ROOT = "/usr/aarch64-linux-gnu";

const folder = mkdtempSync(join(tmpdir(), "targets-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

function build(...args: string[]): { exitCode: number; error: string } {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, BUILD, ...args], { stdout: "ignore", stderr: "pipe" });
  return { exitCode, error: stderr.toString() };
}

function readElf(path: string): { machine: number; loader: string | undefined } {
  const head = Buffer.alloc(4096);
  readSync(openSync(path, "r"), head);
  expect(head.toString("latin1", 0, 4)).toBe("\x7fELF");
  return { machine: head.readUInt16LE(18), loader: /\/lib[\w/.-]*\/ld-[\w.-]+/.exec(head.toString("latin1"))?.[0] };
}

/** The command prefix that runs the executable here; undefined when this machine cannot run it. */
function runner(target: Target): string[] | undefined {
  const { loader } = EXPECTED[target];
  const isOurs = target.includes("arm64") === (process.arch === "arm64");
  // Bun for musl also needs a libstdc++ for musl, which is at this path on musl systems.
  if (isOurs)
    return existsSync(loader) && (!target.endsWith("-musl") || existsSync("/usr/lib/libstdc++.so.6")) ? [] : undefined;
  const qemu = Bun.which("qemu-aarch64-static") ?? Bun.which("qemu-aarch64");
  return qemu !== null && existsSync(join(ARM64_ROOT, loader)) ? [qemu, "-L", ARM64_ROOT] : undefined;
}

describe.each(TARGETS)("--target %s", (target) => {
  const executable = join(folder, target, "bitcoind-ipc-exporter");
  const built = build("--target", target, "--outfile", executable);
  const noRuntime = unless(!built.error.includes("cannot fetch"), "no runtime");
  const command = runner(target);
  const noRunner = noRuntime || unless(command !== undefined, "nothing here runs it");

  test.skipIf(noRuntime !== "")(`compiles for it${noRuntime}`, () => {
    expect(built).toEqual({ exitCode: 0, error: "" });
    expect(readElf(executable)).toEqual(EXPECTED[target]);
  });

  test.skipIf(noRuntime !== "")(`has bytecode only for the runtime that made it${noRuntime}`, () => {
    const runtime = readFileSync(fetchRuntime(target));
    // The program has 2.4 MB, its bytecode 3.2 MB more.
    const hasBytecode = statSync(executable).size - runtime.length > 4_000_000;
    expect(hasBytecode).toBe(runtime.equals(readFileSync(process.execPath)));
  });

  test.skipIf(noRunner !== "")(`runs${noRunner}`, () => {
    const { stdout } = Bun.spawnSync([...command!, executable, "--version"]);
    expect(stdout.toString()).toContain(`${packageJson.version} (revision`);
  });
});

describe("a CPU with SSE4.2 and without AVX2", () => {
  const isX64 = process.arch === "x64";
  const qemu = Bun.which("qemu-x86_64-static") ?? Bun.which("qemu-x86_64");
  const reason = unless(isX64, "another machine") || unless(qemu !== null, "no qemu-x86_64");

  test.skipIf(reason !== "")(
    `runs what is built on x64${reason}`,
    () => {
      const executable = join(folder, "baseline", "bitcoind-ipc-exporter");
      expect(build("--outfile", executable)).toEqual({ exitCode: 0, error: "" });
      const { stdout } = Bun.spawnSync([qemu!, "-cpu", "Nehalem", executable, "--version"]);
      expect(stdout.toString()).toContain(`${packageJson.version} (revision`);
    },
    EMULATOR_DEADLINE_MS,
  );

  test.each([
    ["bun-linux-x64-baseline", "bun-linux-x64"],
    ["bun-linux-x64-baseline-musl", "bun-linux-x64-musl"],
  ] as const)("%s is %s", (name, target) => {
    expect(readTarget(name)).toBe(target);
  });
});

describe("a build that fails", () => {
  test("names the targets", () => {
    expect(build("--target", "bun-linux-riscv64", "--outfile", join(folder, "none"))).toEqual({
      exitCode: 1,
      error: `build: unknown target "bun-linux-riscv64": expected one of ${TARGETS.join(", ")}\n`,
    });
  });

  test("names a missing runtime", () => {
    const runtime = join(folder, "no-runtime");
    expect(build("--target", "bun-linux-arm64", "--runtime", runtime, "--outfile", join(folder, "none"))).toEqual({
      exitCode: 1,
      error: `build: no runtime at ${runtime}\n`,
    });
  });
});
