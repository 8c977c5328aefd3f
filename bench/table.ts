// The table that the benches fill: rows of figures, each beside its references and its targets, in Markdown.

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
  /** What keeps the figure from its target where that is missed, and what was tried, as whole sentences. */
  readonly obstacle?: string | undefined;
}

/** A target for a figure that is to be small, such as a ratio `of` a reference. `limit` is written as it is given. */
export function atMost(limit: string, figure: number, of = ""): Target {
  return { text: `≤ ${limit}${of && ` of ${of}`}`, isMet: figure <= Number.parseFloat(limit) };
}

/** A target for a figure that is to be large. */
export function atLeast(limit: string, figure: number): Target {
  return { text: `≥ ${limit}`, isMet: figure >= Number.parseFloat(limit) };
}

const NONE = "–";
const HEAD = ["bench", "measure", "floor", "C++", "exporter", "of floor", "of C++", "target"];
/** Columns of figures, aligned to the right. */
const FIGURES = { first: 2, last: 6 };

/** The rows as a Markdown table whose columns also line up as plain text. Its lines end without a newline. */
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

/** How many targets the rows have, and how many of them are met. */
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
