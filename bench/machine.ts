// Describes the machine of the figures, without names of hosts, users or paths.

import { readFileSync } from "node:fs";
import { availableParallelism, release, totalmem } from "node:os";
import { compiledExporter } from "../test/exporter-command.ts";

/** Lines such as "CPU: …". */
export async function describeMachine(): Promise<string[]> {
  const [exporter, capnp, gcc] = await Promise.all([
    firstLine([...(await compiledExporter()), "--version"]),
    firstLine(["capnp", "--version"]),
    firstLine(["gcc", "--version"]),
  ]);
  return [
    `CPU: ${cpuModel(readFileSync("/proc/cpuinfo", "utf8"))}, ${availableParallelism()} cores`,
    `Memory: ${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    `Kernel: Linux ${release().split("-")[0]}, ${process.arch}`,
    `Versions: ${exporter}; ${capnp}; ${gcc}`,
  ];
}

/** The model name in the text of /proc/cpuinfo; "unknown" on architectures without one. */
export function cpuModel(cpuInfo: string): string {
  return /^model name\s*: (.+)$/m.exec(cpuInfo)?.[1]?.trim() ?? "unknown";
}

async function firstLine(command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  return (await child.stdout.text()).split("\n")[0]!.trim();
}
