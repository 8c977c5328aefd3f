// The page of a registry, for tests of collectors.

import type { Registry } from "../../src/metrics/registry.ts";
import { readSeries } from "../../src/metrics/text-format-reader.ts";

/** The samples on the page by series, values as text. */
export function samplesOf(registry: Registry): Record<string, string> {
  const series = readSeries(new TextDecoder().decode(registry.render()));
  return Object.fromEntries([...series].map(([name, { text }]) => [name, text]));
}
