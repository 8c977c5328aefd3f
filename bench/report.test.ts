import { expect, test } from "bun:test";
import { FULL, type Outcome } from "./bench.ts";
import { renderReport, renderResults } from "./report.ts";
import { atMost } from "./table.ts";

const DONE: Outcome = {
  rows: [{ bench: "start", measure: "ms", exporter: 90, digits: 0, targets: [atMost("150 ms", 90)] }],
  notes: [],
};
const SKIPPED: Outcome = { rows: [], notes: ["real-node: skipped"] };

test("has the rows of all benches, the number of met targets, and the notes", () => {
  const [head, rule, row, ...rest] = renderReport([DONE, SKIPPED]).split("\n");
  expect(head).toStartWith("| bench |");
  expect(rule).toStartWith("| ----- |");
  expect(row).toEndWith("| ≤ 150 ms: met |");
  expect(rest).toEqual(["", "1 of 1 targets met.", "", "- real-node: skipped"]);
});

test("has each obstacle of a missed target once", () => {
  const row = (measure: string, exporter: number) => {
    return {
      bench: "start",
      measure,
      digits: 0,
      obstacle: "The disk is slow.",
      exporter,
      targets: [atMost("150 ms", exporter)],
    };
  };
  const report = (first: number, second: number) => {
    return renderReport([{ rows: [row("first ms", first), row("second ms", second)], notes: [] }]);
  };
  expect(report(150, 150)).toEndWith("\n\n2 of 2 targets met.");
  expect(report(150, 151)).toEndWith("\n\n1 of 2 targets met.\n\n- start, second ms: The disk is slow.");
  expect(report(151, 151)).toEndWith(
    "\n\n0 of 2 targets met.\n\n- start, first ms; start, second ms: The disk is slow.",
  );
});

test("a brief run has no targets", () => {
  const report = renderReport([DONE], true);
  expect(report).not.toContain("150 ms");
  expect(report).toEndWith("A brief run: the benches work; its figures mean little.");
});

test("the file describes the machine and the effort", () => {
  const text = renderResults([DONE], ["CPU: one"], FULL, "2026-11-22");
  expect(text).toStartWith(
    "# Results of `bun run bench`\n\n- Date: 2026-11-22\n- CPU: one\n- Medians of 5 rounds\n\n| bench",
  );
  expect(text).toEndWith("1 of 1 targets met.\n");
  expect(renderResults([DONE], [], { share: 0.1, rounds: 3 }, "2026-11-22")).toContain(
    "- Medians of 3 rounds, 0.1 of the full run's calls\n",
  );
});
