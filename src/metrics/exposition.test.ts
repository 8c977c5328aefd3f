// The text of names, labels and values, and how long a page's bytes live.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { familyHead, Line, labelText, MAX_LABEL_VALUE_BYTES, Page, valueText } from "./exposition.ts";

const lineOf = (text: string) => new Line(new TextEncoder().encode(text));
const decode = (bytes: Uint8Array) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
const unescaped = (text: string) => text.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));

// Any code unit; those that are escaped or replaced more often.
const anyText = fc
  .array(fc.oneof(fc.constantFrom("\\", "\n", '"', "n", "{", ",", "\ud800", "µ"), fc.string({ unit: "binary" })))
  .map((parts) => parts.join(""));

test("values print as Prometheus parses them", () => {
  expect([0, -0, 1, -1, 850_000, 2 ** 53 - 1].map(valueText)).toEqual([
    "0",
    "0",
    "1",
    "-1",
    "850000",
    "9007199254740991",
  ]);
  expect([2n ** 63n - 1n, -(2n ** 63n)].map(valueText)).toEqual(["9223372036854775807", "-9223372036854775808"]);
  expect([0.1, 1e-7, 1e21, 5e-324, 1.7976931348623157e308].map(valueText)).toEqual([
    "0.1",
    "1e-7",
    "1e+21",
    "5e-324",
    "1.7976931348623157e+308",
  ]);
  expect([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(valueText)).toEqual([
    "NaN",
    "+Inf",
    "-Inf",
  ]);
});

test("the text of a double is a Go float and parses to the same double", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = valueText(value);
      expect(text).toMatch(/^-?\d+(\.\d+)?(e[+-]\d+)?$/);
      expect(Number(text)).toBe(value === 0 ? 0 : value);
    }),
  );
});

test("help is one line and keeps its text", () => {
  expect(decode(familyHead("m", 'a "b" \\ c\nd µ', "gauge").text)).toBe(
    '# HELP m a "b" \\\\ c\\nd µ\n# TYPE m gauge\n',
  );
  fc.assert(
    fc.property(anyText, (help) => {
      const lines = decode(familyHead("m", help, "gauge").text).split("\n");
      expect(lines).toEqual([`# HELP m ${lines[0]!.slice(9)}`, "# TYPE m gauge", ""]);
      expect(unescaped(lines[0]!.slice(9))).toBe(help.toWellFormed());
    }),
  );
});

test("label text keeps its values", () => {
  expect(labelText([], [])).toBe("");
  expect(labelText(["a", "b"], ['x"y', "1\\2\n3"])).toBe('{a="x\\"y",b="1\\\\2\\n3"}');
  fc.assert(
    fc.property(anyText, anyText, (a, b) => {
      fc.pre(Math.max(Buffer.byteLength(a), Buffer.byteLength(b)) <= MAX_LABEL_VALUE_BYTES);
      const text = labelText(["a", "b"], [a, b]);
      expect(text).not.toContain("\n");
      const match = /^\{a="((?:[^"\\]|\\.)*)",b="((?:[^"\\]|\\.)*)"\}$/su.exec(text);
      expect(match?.slice(1).map(unescaped)).toEqual([a.toWellFormed(), b.toWellFormed()]);
    }),
  );
});

test("a long label value is cut between characters and ends in a mark", () => {
  const cut = (value: string) => unescaped(/^\{l="(.*)"\}$/su.exec(labelText(["l"], [value]))![1]!);
  expect(cut("x".repeat(256))).toBe("x".repeat(256));
  expect(cut("x".repeat(257))).toBe(`${"x".repeat(253)}…`);
  expect(cut("\n".repeat(5_000_000))).toBe(`${"\n".repeat(253)}…`);
  expect(cut("₿".repeat(86))).toBe(`${"₿".repeat(84)}…`);
  expect(cut(`x${"🪙".repeat(64)}`)).toBe(`x${"🪙".repeat(63)}…`);
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 60, maxLength: 400 }), (value) => {
      const text = cut(value);
      const bytes = Buffer.byteLength(text);
      expect(bytes).toBeLessThanOrEqual(MAX_LABEL_VALUE_BYTES);
      const whole = value.toWellFormed();
      const isCut = Buffer.byteLength(whole) > MAX_LABEL_VALUE_BYTES;
      expect(text).toBe(isCut ? `${text.slice(0, -1)}…` : whole);
      expect(whole).toStartWith(isCut ? text.slice(0, -1) : text);
      expect(bytes).toBeGreaterThan(isCut ? MAX_LABEL_VALUE_BYTES - 4 : -1);
    }),
  );
});

test("a page longer than its buffer is whole", () => {
  const page = new Page();
  let expected = "";
  for (let i = 0; i < 100; i++) {
    const text = `# ${"x".repeat(997)}\n`;
    page.write(lineOf(text));
    page.write(lineOf("m "), i);
    expected += `${text}m ${i}\n`;
  }
  expect(decode(page.finish())).toBe(expected);

  page.write(lineOf(`# ${"y".repeat(1_000_000)}\n`));
  expect(page.finish().length).toBe(1_000_003);
});

test("a page without a change is the same object", () => {
  const page = new Page();
  const sample = lineOf("m ");
  const render = (line: Line, value: number) => {
    page.write(line, value);
    return page.finish();
  };
  const first = render(sample, 1);
  expect(render(sample, 1)).toBe(first);
  expect(render(sample, 2)).not.toBe(first);
  expect(render(sample, 1)).not.toBe(first);
  page.write(sample, 1);
  expect(render(sample, 1)).not.toBe(first);
});

test("a page has the text of its lines, whatever the last pages had", () => {
  // Few lines and values, so that many stay in their place, move by a line or come back.
  const texts = ["a ", "b ", "cc ", "# head\n", "d "];
  const step = fc.record({
    line: fc.nat(texts.length - 1),
    value: fc.constantFrom(0, 1, 10, 1n, 0.5, Number.NaN, Number.POSITIVE_INFINITY),
    isRemoved: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(fc.uniqueArray(step, { selector: ({ line }) => line }), { maxLength: 8 }), (pages) => {
      const page = new Page();
      const lines = texts.map(lineOf);
      for (const steps of pages) {
        let expected = "";
        for (const { line, value, isRemoved } of steps) {
          const isHead = texts[line]!.endsWith("\n");
          page.write(lines[line]!, isHead ? undefined : value);
          if (isRemoved) page.truncate(expected.length);
          else expected += isHead ? texts[line] : `${texts[line]}${valueText(value)}\n`;
        }
        expect(page.length).toBe(expected.length);
        expect(decode(page.finish())).toBe(expected);
      }
    }),
    { numRuns: 2000 },
  );
});
