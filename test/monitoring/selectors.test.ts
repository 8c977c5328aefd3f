import { expect, test } from "bun:test";
import { selectorsOf } from "./selectors.ts";

test.each([
  ["up", ["up"]],
  ["rate(a_total[5m])", ["a_total"]],
  ['sum by (job, instance) (a{b="c, (d)"}) / 1e9', ['a{b="c, (d)"}']],
  ["a * on (job) group_left (chain) b unless on (job) c offset 90m", ["a", "b", "c"]],
  ['count by (x) (a) or label_replace(count(b), "chain", "not reported", "", "")', ["a", "b"]],
  ["clamp_min(time() - level:a:op, 0) > bool 0", ["level:a:op"]],
  ['a{x=~"$x"} - a{x=~"$x"}', ['a{x=~"$x"}']],
  ["sum without (a, b) (c) == 0", ["c"]],
] as const)("finds what %s reads", (expression, selectors) => {
  expect(selectorsOf(expression).map(({ text }) => text)).toEqual([...selectors]);
});
