import { expect, test } from "bun:test";
import { atLeast, atMost, countTargets, type Row, renderTable } from "./table.ts";

const ROWS: Row[] = [
  {
    bench: "calls",
    measure: "wall µs",
    floor: 10,
    cpp: 20.04,
    exporter: 11.04,
    digits: 1,
    targets: [atMost("1.10", 11.04 / 10, "floor"), atMost("1.0", 11.04 / 20.04, "C++")],
  },
  { bench: "start", measure: "ms", exporter: 90, digits: 0 },
];

test("figures beside their references and targets", () => {
  expect(renderTable(ROWS)).toBe(
    [
      "| bench | measure | floor |  C++ | exporter | of floor | of C++ | target                                     |",
      "| ----- | ------- | ----: | ---: | -------: | -------: | -----: | ------------------------------------------ |",
      "| calls | wall µs |  10.0 | 20.0 |     11.0 |     1.10 |   0.55 | ≤ 1.10 of floor: MISSED; ≤ 1.0 of C++: met |",
      "| start | ms      |     – |    – |       90 |        – |      – | –                                          |",
    ].join("\n"),
  );
});

test("a target is met at its limit", () => {
  expect(atMost("2 ms", 2)).toEqual({ text: "≤ 2 ms", isMet: true });
  expect(atMost("2 ms", 2.001).isMet).toBe(false);
  expect(atLeast("20000", 20_000).isMet).toBe(true);
  expect(atLeast("20000", 19_999)).toEqual({ text: "≥ 20000", isMet: false });
});

test("NaN meets no target", () => {
  expect(atMost("1.10", Number.NaN).isMet).toBe(false);
  expect(atLeast("1", Number.NaN).isMet).toBe(false);
});

test("targets are counted over all rows", () => {
  expect(countTargets(ROWS)).toEqual({ met: 1, all: 2 });
  expect(countTargets([])).toEqual({ met: 0, all: 0 });
});
