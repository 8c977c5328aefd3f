// The table of the benches in Markdown: rows of figures with their references and targets.

export interface Target {
  /** Such as "≤ 1.10 of floor". */
  readonly text: string;
  readonly isMet: boolean;
}

export interface Row {
  readonly bench: string;
  /** With its unit. */
  readonly measure: string;
  readonly floor?: number;
  readonly cpp?: number;
  readonly exporter: number;
  /** Digits after the point. */
  readonly digits: number;
  readonly targets?: readonly Target[];
  /** Why a target is missed, and what was tried, as whole sentences. */
  readonly obstacle?: string | undefined;
}

/** A target for a figure that should be small, such as a ratio `of` a reference. `limit` starts with a number. */
export function atMost(limit: string, figure: number, of = ""): Target {
  return { text: `≤ ${limit}${of && ` of ${of}`}`, isMet: figure <= Number.parseFloat(limit) };
}

/** A target for a figure that should be large. */
export function atLeast(limit: string, figure: number): Target {
  return { text: `≥ ${limit}`, isMet: figure >= Number.parseFloat(limit) };
}

const NONE = "–";
const HEAD = ["bench", "measure", "floor", "C++", "exporter", "of floor", "of C++", "target"];
/** Columns of figures, aligned to the right. */
const FIGURES = { first: 2, last: 6 };

/** The rows as a Markdown table with aligned columns, without a final newline. */
export function renderTable(rows: readonly Row[]): string {
  const cells = [HEAD, ...rows.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  const isFigure = (column: number) => column >= FIGURES.first && column <= FIGURES.last;
  const rule = widths.map((width, column) => (isFigure(column) ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  const lines = cells.map((line) =>
    line.map((cell, column) => (isFigure(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))),
  );
  lines.splice(1, 0, rule);
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

/** The number of targets, and of met ones. */
export function countTargets(rows: readonly Row[]): { met: number; all: number } {
  const targets = rows.flatMap((row) => row.targets ?? []);
  return { met: targets.filter((target) => target.isMet).length, all: targets.length };
}

function cellsOf(row: Row): string[] {
  const figure = (value: number | undefined) => value?.toFixed(row.digits) ?? NONE;
  const ratio = (reference: number | undefined) =>
    reference === undefined ? NONE : (row.exporter / reference).toFixed(2);
  const targets = row.targets?.map(({ text, isMet }) => `${text}: ${isMet ? "met" : "MISSED"}`).join("; ");
  return [
    row.bench,
    row.measure,
    figure(row.floor),
    figure(row.cpp),
    figure(row.exporter),
    ratio(row.floor),
    ratio(row.cpp),
    targets || NONE,
  ];
}
