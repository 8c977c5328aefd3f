// The report of a run, printed and written to RESULTS.md: the table, the obstacles of missed targets, notes, and the machine.

import { join } from "node:path";
import type { Effort, Outcome } from "./bench.ts";
import { countTargets, type Row, renderTable } from "./table.ts";

export const RESULTS_FILE = join(import.meta.dirname, "RESULTS.md");

const TITLE = "# Results of `bun run bench`";

/**
 * The table, the obstacles and the notes, as Markdown that is also readable as text. A brief run has no targets.
 */
export function renderReport(outcomes: readonly Outcome[], isBrief = false): string {
  const rows = outcomes.flatMap((outcome) => outcome.rows).map((row) => (isBrief ? { ...row, targets: [] } : row));
  const notes = outcomes.flatMap((outcome) => outcome.notes).map((note) => `- ${note}`);
  const { met, all } = countTargets(rows);
  const verdict = isBrief ? "A brief run: the benches work; its figures mean little." : `${met} of ${all} targets met.`;
  const sections = [[renderTable(rows)], [verdict], obstaclesOf(rows), notes].filter((lines) => lines.length > 0);
  return sections.map((lines) => lines.join("\n")).join("\n\n");
}

/** The obstacles of missed targets, each once with all its rows. */
function obstaclesOf(rows: readonly Row[]): string[] {
  const missed = rows.filter(({ targets = [] }) => targets.some(({ isMet }) => !isMet));
  const explained = missed.filter(({ obstacle }) => obstacle !== undefined);
  const byObstacle = Map.groupBy(explained, ({ obstacle }) => obstacle);
  return [...byObstacle].map(([obstacle, rows]) => `- ${rows.map(nameOf).join("; ")}: ${obstacle}`);
}

function nameOf({ bench, measure }: Row): string {
  return `${bench}, ${measure}`;
}

/** The text of RESULTS.md. `date` is a day such as 2026-11-22. */
export function renderResults(
  outcomes: readonly Outcome[],
  machine: readonly string[],
  effort: Effort,
  date: string,
): string {
  const share = effort.share === 1 ? "" : `, ${effort.share} of the full run's calls`;
  const lines = [`Date: ${date}`, ...machine, `Medians of ${effort.rounds} rounds${share}`];
  return `${[TITLE, "", ...lines.map((line) => `- ${line}`), "", renderReport(outcomes)].join("\n")}\n`;
}
