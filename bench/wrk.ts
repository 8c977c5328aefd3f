// Runs wrk, a load generator for HTTP: as many requests as the server answers, with or without keep-alive.
// https://github.com/wg/wrk

import { CheckError } from "./bench.ts";
import { pinnedTo } from "./pinning.ts";

/** Several, so that a request is always pending. */
const CONNECTIONS = 8;

export interface WrkOptions {
  readonly url: string;
  readonly core: number;
  /** At least 1; wrk accepts whole seconds only. */
  readonly seconds: number;
  readonly keepAlive: boolean;
}

export function hasWrk(): boolean {
  return Bun.which("wrk") !== null;
}

/** Requests answered per second. Throws CheckError when one failed. */
export async function requestsPerSecond({ url, core, seconds, keepAlive }: WrkOptions): Promise<number> {
  const header = keepAlive ? [] : ["-H", "Connection: close"];
  const load = ["wrk", "-t", "1", "-c", String(CONNECTIONS), "-d", `${seconds}s`, ...header, url];
  const child = Bun.spawn([...pinnedTo(core), ...load], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (child.exitCode !== 0) throw new Error(`wrk failed: ${stderr}`);
  return readReport(stdout);
}

/** Reads the output of wrk. Throws CheckError for a failed request or no request. */
export function readReport(report: string): number {
  const failures = /^ *(Socket errors|Non-2xx or 3xx responses): .*$/m.exec(report)?.[0].trim();
  if (failures !== undefined) throw new CheckError(`scrapes by wrk: ${failures}`);
  const rate = Number(/^Requests\/sec: +([\d.]+)$/m.exec(report)?.[1]);
  if (!(rate > 0)) throw new CheckError(`scrapes by wrk: no request was answered\n${report}`);
  return rate;
}
