// What the reader accepts and refuses, and that it reads back every page that the exporter renders.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { FIXTURES, fixtureText } from "../../test/parity/pages.ts";
import { NO_PROMTOOL, promtoolCheck } from "../../test/promtool.ts";
import { Registry } from "./registry.ts";
import { FormatError, labelText, readPage, readSeries, type Sample } from "./text-format-reader.ts";

function plain({ name, labels, value }: Sample): string {
  return `${name}${labelText(labels)} ${value}`;
}

test("reads types, labels and values", () => {
  const page = readPage(
    [
      "# HELP a_total A text with \\\\ and \\n in it.",
      "# TYPE a_total counter",
      'a_total{reason="x",kind="a \\"b\\" \\\\ \\n c"} 12 1700000000000',
      'a_total{reason="y",} 1.5e+3',
      "",
      "# any comment",
      "#",
      "\t b \t -Inf ",
      "# TYPE c summary",
      'c{quantile="0.5"} NaN',
      "c_sum 3",
      "c_count 2",
      "# TYPE d histogram",
      'd_bucket{le="+Inf"} 1',
      "d_sum 1",
      "d_count 1",
      "# TYPE e gauge",
      "",
    ].join("\n"),
  );
  expect([...page.values()].map(({ name, type, samples }) => [name, type, ...samples.map(plain)])).toEqual([
    ["a_total", "counter", 'a_total{reason="x",kind="a \\"b\\" \\\\ \\n c"} 12', 'a_total{reason="y"} 1500'],
    ["b", "untyped", "b -Infinity"],
    ["c", "summary", 'c{quantile="0.5"} NaN', "c_sum 3", "c_count 2"],
    ["d", "histogram", 'd_bucket{le="+Inf"} 1', "d_sum 1", "d_count 1"],
    ["e", "gauge"],
  ]);
});

test("finds samples by series, with labels in the page's order and values as written", () => {
  const series = readSeries('# TYPE a counter\na 9007199254740993\nb{z="1",c="d e"} 0.50\n');
  expect([...series].map(([name, { text }]) => [name, text])).toEqual([
    ["a", "9007199254740993"],
    ['b{z="1",c="d e"}', "0.50"],
  ]);
});

test("an empty page has no families", () => {
  expect(readPage("").size).toBe(0);
});

test("a suffix makes no family of what is neither histogram nor summary", () => {
  expect([...readPage("# TYPE a gauge\na 1\na_count 2\n").keys()]).toEqual(["a", "a_count"]);
  expect([...readPage("# TYPE a summary\na_count 1\na_bucket 2\n").keys()]).toEqual(["a", "a_bucket"]);
});

test.each([
  ["a 1", "the last line has no end"],
  ["a\n", "line 1: not a sample: a"],
  ["a x\n", "line 1: the value is not a number"],
  ["a 0x10\n", "the value is not a number"],
  ["a 1_000\n", "the value is not a number"],
  ["a 1e999\n", "the value is not a number"],
  ["a 1\r\n", "not a sample"],
  ["a-1\n", "not a sample"],
  ["1a 1\n", "not a sample"],
  ["a 1 2.5\n", "not a sample"],
  ["a 1 2 3\n", "not a sample"],
  ["a{b} 1\n", "not a label"],
  ["a{b=c} 1\n", "not a label"],
  ['a{b="c" 1\n', "not a sample"],
  ['a{b="c"\n', "not a sample"],
  ['a{b="\\t"} 1\n', "not a label"],
  ['a{1b="c"} 1\n', "not a label"],
  ['a{b="c" d="e"} 1\n', "not a label"],
  ['a{b="c",,d="e"} 1\n', "not a label"],
  ["a{,} 1\n", "not a label"],
  ['a{b="c",b="d"} 1\n', "a second label b"],
  ['a{b="c",d="e"} 1\na{d="e",b="c"} 2\n', 'line 2: a second a{b="c",d="e"}'],
  ["a 1\na 1\n", "line 2: a second a"],
  ['a 1\nb 1\na{c="d"} 1\n', "line 3: a again, after other families"],
  ["# TYPE a gauge\nb 1\na 1\n", "line 3: a again, after other families"],
  ["# TYPE a gauge\n# TYPE a gauge\n", "a second TYPE a"],
  ["# HELP a b\n# HELP a b\n", "a second HELP a"],
  ["# HELP a \\t\n", "not a HELP line"],
  ["# HELP\n", "not a HELP line"],
  ["# TYPE a\n", "not a TYPE line"],
  ["# TYPE a info\n", "not a TYPE line"],
  ["# TYPE a gauge b\n", "not a TYPE line"],
  ["a 1\n# TYPE a gauge\n", "TYPE after a sample of a"],
])("refuses %j", (page, why) => {
  expect(() => readPage(page)).toThrow(FormatError);
  expect(() => readPage(page)).toThrow(why);
});

test("reads back what the exporter renders, except the sign of zero", () => {
  const anyText = fc.string({ unit: "grapheme", maxLength: 6 });
  fc.assert(
    fc.property(fc.array(fc.tuple(anyText, fc.double())), anyText, (series, help) => {
      const registry = new Registry();
      const family = registry.gaugeVec("a", `Help ${help}.`, ["b"], series.length);
      for (const [label, value] of series) family.with(label).set(value);
      const expected = series.map(([label, value]) => [label, value === 0 ? 0 : value] as const);
      const read = readSeries(new TextDecoder().decode(registry.render())).values();
      expect(new Map(read.map(({ labels, value }) => [labels.get("b")!, value]))).toEqual(new Map(expected));
    }),
  );
});

test("returns a page or throws FormatError, whatever it reads", () => {
  const anyLine = fc.string({ unit: fc.constantFrom(...'a1_{}=",\\n #-+.eTYPEHLgau'), maxLength: 30 });
  fc.assert(
    fc.property(fc.array(anyLine), (lines) => {
      try {
        readPage(`${lines.join("\n")}\n`);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }),
    { numRuns: 2000 },
  );
});

const fixtures = ["ours", ...Object.values(FIXTURES).flat()];

test.skipIf(NO_PROMTOOL !== "").each(fixtures)(`promtool can read the fixture %s${NO_PROMTOOL}`, (name) => {
  // 3: it reads, and would like help texts and other names.
  expect([0, 3]).toContain(promtoolCheck(fixtureText(name)).exitCode);
  expect(readPage(fixtureText(name)).size).toBeGreaterThan(10);
});
