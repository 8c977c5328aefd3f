// The exporters that parity knows, each with its map in maps/.

import type { Page } from "../../src/metrics/text-format-reader.ts";
import { metricOf } from "./expression.ts";
import type { ExporterMap } from "./map.ts";
import { jvstein } from "./maps/jvstein.ts";
import { lnliz } from "./maps/lnliz.ts";
import { original } from "./maps/original.ts";
import { peerObserver } from "./maps/peer-observer.ts";
import { usdtDash } from "./maps/usdt-dash.ts";

/** By the name that `--map` accepts. */
export const MAPS: Readonly<Record<string, ExporterMap>> = {
  original,
  "usdt-dash": usdtDash,
  jvstein,
  lnliz,
  "peer-observer": peerObserver,
};

/** The map that names most families of the page; undefined when none does, or two name equally many. */
export function mapFor(page: Page): ExporterMap | undefined {
  const familyOf = (metric: string) => metric.replace(/_(sum|count|bucket)$/, "");
  // Placeholders stand for what all clients of a library expose, so they match no name here.
  const named = ({ entries }: ExporterMap) => new Set(entries.map(({ theirs }) => familyOf(metricOf(theirs))));
  const [best, second] = Object.values(MAPS)
    .map((map) => ({ map, known: [...page.keys()].filter((name) => named(map).has(familyOf(name))).length }))
    .sort((a, b) => b.known - a.known);
  return best!.known > second!.known ? best!.map : undefined;
}
