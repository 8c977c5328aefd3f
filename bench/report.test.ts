import { expect, test } from "bun:test";
import { FULL, type Outcome } from "./bench.ts";
import { renderReport, renderResults } from "./report.ts";
import { atMost } from "./table.ts";

const DONE: Outcome = {
  rows: [{ bench: "start", measure: "ms", exporter: 90, digits: 0, targets: [atMost("150 ms", 90)] }],
  notes: [],
};
const SKIPPED: Outcome = { rows: [], notes: ["real-node: skipped"] };

test("the rows of all benches, the targets that they meet, and what was left out", () => {
  const [head, rule, row, ...rest] = renderReport([DONE, SKIPPED]).split("\n");
  expect(head).toStartWith("| bench |");
  expect(rule).toStartWith("| ----- |");
  expect(row).toEndWith("| ≤ 150 ms: met |");
  expect(rest).toEqual(["", "1 of 1 targets met.", "", "- real-node: skipped"]);
});

test("what keeps a figure from its target is said where it is missed", () => {
  const row = { bench: "start", measure: "ms", digits: 0, limit: "The disk is slow." };
  const withFigure = (exporter: number) =>
    renderReport([{ rows: [{ ...row, exporter, targets: [atMost("150 ms", exporter)] }], notes: [] }]);
  expect(withFigure(151)).toEndWith("\n\n0 of 1 targets met.\n\n- start, ms: The disk is slow.");
  expect(withFigure(150)).toEndWith("\n\n1 of 1 targets met.");
});

test("a brief run names no target", () => {
  const report = renderReport([DONE], true);
  expect(report).not.toContain("150 ms");
  expect(report).toEndWith("A brief run: the benches work; its figures say little.");
});

test("the file says what it was made on, and how", () => {
  const text = renderResults([DONE], ["CPU: one"], FULL, "2026-11-22");
  expect(text).toStartWith(
    "# Results of `bun run bench`\n\n- Date: 2026-11-22\n- CPU: one\n- Medians of 5 rounds\n\n| bench",
  );
  expect(text).toEndWith("1 of 1 targets met.\n");
  expect(renderResults([DONE], [], { share: 0.1, rounds: 3 }, "2026-11-22")).toContain(
    "- Medians of 3 rounds, 0.1 of the full run's calls\n",
  );
});
