// The families that METRICS.md lists: those that maps and guide may speak of.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const METRICS = join(import.meta.dirname, "..", "..", "METRICS.md");

export const OUR_FAMILIES: ReadonlySet<string> = new Set(
  [...readFileSync(METRICS, "utf8").matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name!),
);

/** The names in a text, such as PromQL, that look like those of families of ours. */
export function familyNames(text: string): string[] {
  return text.match(/\bbitcoin_\w+/g) ?? [];
}
