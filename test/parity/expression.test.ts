// The forms that an expression may have, and its value on a page.

import { expect, test } from "bun:test";
import { evaluate, isCounter, parse } from "../../scripts/parity/expression.ts";
import { readPage } from "../../src/metrics/text-format-reader.ts";

const PAGE = readPage(`# TYPE tips gauge
tips{status="active",chain="main"} 1
tips{status="invalid",chain="main"} 3
tips{status="invalid",chain="other"} 5
# TYPE took summary
took{quantile="0.5"} 7
took_sum 9
took_count 2
# TYPE empty gauge
# TYPE blocks_total counter
blocks_total 4
untyped 1
`);

test.each([
  ["blocks_total", { "": 4 }],
  ["took_count", { "": 2 }],
  ["took", { '{quantile="0.5"}': 7 }],
  ["tips{status='active'}", { '{chain="main"}': 1 }],
  ['tips{chain!="main"}', { '{chain="other",status="invalid"}': 5 }],
  ["tips{ status = 'invalid' , chain = 'main' }", { "": 3 }],
  ["tips{status='invalid',absent=''}", { '{chain="main"}': 3, '{chain="other"}': 5 }],
  ["sum without (status) (tips)", { '{chain="main"}': 4, '{chain="other"}': 5 }],
  ["sum without(status, chain)(tips{status!='active'})", { "": 8 }],
])("%s", (text, values) => {
  expect(evaluate(text, PAGE)).toEqual(new Map(Object.entries(values)));
});

test.each(["empty", "absent", "tips{status='new'}", "took_bucket", "absent_count"])("%s has no value", (text) => {
  expect(evaluate(text, PAGE)).toEqual(new Map());
});

test("knows which samples only grow", () => {
  const counters = ["blocks_total", "took_count", "took_sum", "tips", "took", "untyped", "absent"];
  expect(counters.filter((name) => isCounter(name, PAGE))).toEqual(["blocks_total", "took_count", "took_sum"]);
});

test.each([
  "",
  "1a",
  "a b",
  "a{b}",
  "a{b=c}",
  "a{b=~'c'}",
  "a{b='c'",
  "a{b='c' d='e'}",
  "sum(a)",
  "sum by (b) (a)",
  "sum without (b) (sum without (c) (a))",
  "a / 2",
])("refuses %j", (text) => {
  expect(() => parse(text)).toThrow(/^no selector: /);
});
