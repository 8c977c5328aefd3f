// The maps that come along, and which of them, or of the user's, is the one for a page.

import { readFileSync } from "node:fs";
import type { Page } from "../text-format.ts";
import { type ExporterMap, MapError, readMap } from "./exporter-map.ts";
import { readSelector } from "./expression.ts";
import jvstein from "./maps/jvstein.json" with { type: "json" };
import lnliz from "./maps/lnliz.json" with { type: "json" };
import original from "./maps/original.json" with { type: "json" };
import usdtDash from "./maps/usdt-dash.json" with { type: "json" };

/** By the name that `--map` takes. */
export const MAPS: Readonly<Record<string, ExporterMap>> = {
  original: readMap(original),
  "usdt-dash": readMap(usdtDash),
  jvstein: readMap(jvstein),
  lnliz: readMap(lnliz),
};

/**
 * The map called `name`, or else in the file of that name.
 * @throws MapError
 */
export function mapNamed(name: string): ExporterMap {
  const builtIn = Object.hasOwn(MAPS, name) ? MAPS[name] : undefined;
  if (builtIn !== undefined) return builtIn;
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(name, "utf8"));
  } catch (error) {
    const known = Object.keys(MAPS).join(", ");
    throw new MapError(`no map "${name}": it is none of ${known}, and as a file: ${(error as Error).message}`);
  }
  return readMap(json);
}

/** The map that names most of the families on `theirs`. Undefined when none names any, or two name as many. */
export function mapFor(theirs: Page): ExporterMap | undefined {
  const ranked = Object.values(MAPS)
    .map((map) => ({ map, known: [...theirs.keys()].filter((family) => isNamed(map, family)).length }))
    .sort((a, b) => b.known - a.known);
  const [best, second] = ranked as [(typeof ranked)[number], (typeof ranked)[number]];
  return best.known > second.known ? best.map : undefined;
}

/** Whether an entry names `family` outright. What all clients of a library have is behind placeholders, and tells nothing. */
function isNamed(map: ExporterMap, family: string): boolean {
  return map.entries.some(({ theirs }) => familyOf(readSelector(theirs).metric) === familyOf(family));
}

function familyOf(metric: string): string {
  return metric.replace(/_(sum|count|bucket)$/, "");
}
