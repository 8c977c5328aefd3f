// What a registry shows, for tests of what fills it.

import type { Registry } from "../../src/metrics/registry.ts";

/** The samples on the page by series, as text, without HELP and TYPE. */
export function samplesOf(registry: Registry): Record<string, string> {
  const lines = new TextDecoder().decode(registry.render()).split("\n");
  return Object.fromEntries(
    lines.filter((line) => /^[^#]/.test(line)).map((line) => line.split(/ (?=\S+$)/) as [string, string]),
  );
}
