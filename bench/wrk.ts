// wrk, a load generator for HTTP: as many requests as the server answers, over connections that stay open or that do not.
// https://github.com/wg/wrk

import { CheckError } from "./bench.ts";
import { pinnedTo } from "./pinning.ts";

/** More than one, so that the server always has a request to answer. */
const CONNECTIONS = 8;

export interface WrkOptions {
  readonly url: string;
  readonly core: number;
  /** At least 1: wrk takes whole seconds. */
  readonly seconds: number;
  readonly keepAlive: boolean;
}

export function hasWrk(): boolean {
  return Bun.which("wrk") !== null;
}

/** Requests answered in a second. Throws CheckError when any was not, or not with a success. */
export async function requestsPerSecond({ url, core, seconds, keepAlive }: WrkOptions): Promise<number> {
  const header = keepAlive ? [] : ["-H", "Connection: close"];
  const load = ["wrk", "-t", "1", "-c", String(CONNECTIONS), "-d", `${seconds}s`, ...header, url];
  const child = Bun.spawn([...pinnedTo(core), ...load], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (child.exitCode !== 0) throw new Error(`wrk failed: ${stderr}`);
  return readReport(stdout);
}

/** Reads what wrk prints at its end. Throws CheckError when it tells of a failure, or of no request. */
export function readReport(report: string): number {
  const failures = /^ *(Socket errors|Non-2xx or 3xx responses): .*$/m.exec(report)?.[0].trim();
  if (failures !== undefined) throw new CheckError(`scrapes by wrk: ${failures}`);
  const rate = Number(/^Requests\/sec: +([\d.]+)$/m.exec(report)?.[1]);
  if (!(rate > 0)) throw new CheckError(`scrapes by wrk: no request was answered\n${report}`);
  return rate;
}
