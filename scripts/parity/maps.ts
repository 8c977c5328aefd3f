// What the families of other exporters are called here. The maps themselves are in maps/.

import type { Page } from "../../src/metrics/text-format-reader.ts";
import { isAbout, PLACEHOLDER } from "./expression.ts";
import { jvstein } from "./maps/jvstein.ts";
import { lnliz } from "./maps/lnliz.ts";
import { original } from "./maps/original.ts";
import { peerObserver } from "./maps/peer-observer.ts";
import { usdtDash } from "./maps/usdt-dash.ts";

export interface ExporterMap {
  readonly exporter: string;
  /** Where its families were looked up. */
  readonly source: string;
  readonly entries: readonly Entry[];
}

/** How a value of ours is converted to the unit of theirs: as PromQL, and the factor. */
export const CONVERSIONS = { "/ 1e8": 1e-8, "/ 1e5": 1e-5, "* 1000": 1000 } as const;

export interface Entry {
  /** An expression; its metric may have a placeholder. */
  readonly theirs: string;
  /** An expression, which may use the placeholder; undefined when this exporter has no such family. */
  readonly ours?: string | undefined;
  /** The two look alike but mean different things, so their values are not compared. */
  readonly differs?: true;
  readonly conversion?: keyof typeof CONVERSIONS;
  /** What the placeholder of an entry that is compared stands for in their default configuration. */
  readonly values?: readonly string[];
  /** A value of theirs that means "unknown". */
  readonly absent?: number;
  /** Counters are compared by growth, or by value when the node does the counting. */
  readonly compare?: "value";
  /** PromQL that shows what theirs shows, or comes close, where `ours` does not: for docs/migration.md. */
  readonly query?: string;
  /** Required unless the two are the same. */
  readonly note?: string | undefined;
}

/** The entry with each value in place of its placeholder; unchanged without values. */
export function filledIn(entry: Entry, values: readonly string[] = []): Entry[] {
  if (values.length === 0) return [entry];
  return values.map((value) => ({
    ...entry,
    theirs: entry.theirs.replaceAll(PLACEHOLDER, value),
    ours: entry.ours?.replaceAll(PLACEHOLDER, value),
  }));
}

/** By the name that `--map` accepts. */
export const MAPS: Readonly<Record<string, ExporterMap>> = {
  original,
  "usdt-dash": usdtDash,
  jvstein,
  lnliz,
  "peer-observer": peerObserver,
};

/** The map with most entries for the page; undefined when none has any, or two have equally many. */
export function mapFor(page: Page): ExporterMap | undefined {
  // Placeholders stand for what all clients of a library expose, so they do not count.
  const isOnPage = (text: string) => !text.includes("<") && [...page.values()].some((family) => isAbout(text, family));
  const countOf = ({ entries }: ExporterMap) => entries.filter(({ theirs }) => isOnPage(theirs)).length;
  const [best, second] = Object.values(MAPS).sort((a, b) => countOf(b) - countOf(a));
  return countOf(best!) > countOf(second!) ? best : undefined;
}
