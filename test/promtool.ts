// promtool, where it is installed: what it reports about a page.

import { lacking } from "./skipped.ts";

/** The end of the name of a test that needs it. */
export const NO_PROMTOOL = lacking("promtool");

/** The exit status and the output of `promtool check metrics`. */
export function promtoolCheck(page: string | Uint8Array): { exitCode: number; output: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["promtool", "check", "metrics"], { stdin: Buffer.from(page) });
  return { exitCode, output: `${stdout}${stderr}` };
}

/** What `promtoolCheck` returns of a page that it accepts. */
export const ACCEPTED = { exitCode: 0, output: "" };
