// The documents against what they describe: links and anchors, the README's flags, the layouts, the whitelist, the families.

import { expect, test } from "bun:test";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { FLAGS, type Flag } from "../../src/flags.ts";
import { whitelistFor } from "../../src/node/calls.ts";
import { LAYOUTS } from "../../src/node/layouts.ts";
import { V32 } from "../live/executables.ts";
import {
  COINS,
  documentedFamilies,
  IS_TRACED,
  NOTIFICATIONS,
  POLLED,
  SINCE_CONNECT,
  TIP_EVENTS,
} from "../live/families.ts";

const ROOT = join(import.meta.dirname, "../..");
const DOCUMENTS = globSync(["*.md", "docs/*.md", "bench/*.md", "test/*/README.md"], { cwd: ROOT });
const README_LINES = 150;

const readme = read("README.md");

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(markdown: string): string[] {
  const headings = withoutCode(markdown).matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, text]) =>
    text!
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^ *```.*?^ *```/gms, "");
}

test("the README has at most 150 lines", () => {
  expect(readme.trimEnd().split("\n").length).toBeLessThanOrEqual(README_LINES);
});

test.each(DOCUMENTS)("every link of %s leads to a file and a heading that exist", (document) => {
  const links = [...withoutCode(read(document)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
  const broken = links.filter((link) => {
    if (/^https?:/.test(link)) return false;
    const [path = "", anchor] = link.split("#");
    const file = path === "" ? document : join(dirname(document), path);
    if (!existsSync(join(ROOT, file))) return true;
    return anchor !== undefined && !anchorsOf(read(file)).includes(anchor);
  });
  expect(broken).toEqual([]);
});

/** A row of the README's flags. */
interface FlagRow {
  readonly group: string;
  /** As `--name VALUE`; a switch that is on by default by its negation. */
  readonly flag: string;
  readonly default: string;
}

function flagRowsOfReadme(): FlagRow[] {
  const section = /^## Flags$.*?(?=^## )/ms.exec(readme)![0];
  let group = "";
  return [...section.matchAll(/^\| ([^|]+) \| ([^|]*)\| [^|]*\|$/gm)].flatMap(([, cell, standard]) => {
    group = /^\*\*(.+)\*\*$/.exec(cell!)?.[1] ?? group;
    const flags = [...cell!.matchAll(/`(--[^`]+)`/g)];
    return flags.map(([, flag]) => ({ group, flag: flag!, default: standard!.trim().replaceAll("`", "") }));
  });
}

test("the README's flags are those of the help: groups, order, values and defaults", () => {
  const rows = flagRowsOfReadme();
  const expected = Object.entries<Flag>(FLAGS).flatMap(([name, flag]): FlagRow[] => {
    if (flag.type === "positional") return [];
    const spelling = flag.default === true ? `--no-${name}` : `--${name}`;
    const written = flag.valueHint === undefined ? spelling : `${spelling} ${flag.valueHint}`;
    // What the program finds out by itself is described in words.
    const inWords = rows.find((row) => row.flag === written)?.default ?? "";
    const standard = typeof flag.default === "string" ? flag.default : flag.type === "string" ? inWords : "";
    return [{ group: flag.group ?? "", flag: written, default: standard }];
  });
  expect(rows).toEqual(expected);
  expect(rows.length).toBeGreaterThan(15);
});

test("README and METRICS.md have every layout", () => {
  const section = /^## Is my node supported\?$.*?^## /ms.exec(readme)![0];
  // Of the layouts that were run on a real node; the others follow in the text.
  const inTable = [...section.matchAll(/^\| [^|]+ \| `([^`]+)` \|/gm)].map(([, layout]) => layout!);
  expect(inTable).toEqual(["v32", "v31", "v30", "pr/trace"]);
  const sources = /^\| source \|.*$/m.exec(read("METRICS.md"))![0];
  for (const layout of Object.keys(LAYOUTS)) {
    expect(section).toContain(`\`${layout}\``);
    expect(sources).toContain(`\`${layout}\``);
  }
});

test("the whitelist that docs/install.md recommends allows every method that the exporter calls", () => {
  expect(read("docs/install.md")).toContain(`\n    ${whitelistFor("")}\n`);
});

test("the live tests check every family of METRICS.md that comes from a node", () => {
  const documented = documentedFamilies(read("METRICS.md"), V32, false).map(({ name }) => name);
  const events = [SINCE_CONNECT, TIP_EVENTS, NOTIFICATIONS, COINS].flatMap((families) => Object.values(families));
  expect([...Object.keys(POLLED), ...events, IS_TRACED].sort()).toEqual(documented.sort());
});
