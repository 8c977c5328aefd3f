import { expect, test } from "bun:test";
import { Backlog } from "./backlog.ts";

/** Holders by name, and which of them were closed, in order. */
function scene(maxBytes: number) {
  const closed: string[] = [];
  const holder = (name: string) => ({ terminate: () => void closed.push(name) });
  return { backlog: new Backlog(maxBytes), closed, a: holder("a"), b: holder("b"), c: holder("c") };
}

test("up to the limit nothing is closed, above it the longest without progress", () => {
  const { backlog, closed, a, b, c } = scene(100);
  backlog.hold(a, 50);
  backlog.hold(b, 50);
  backlog.hold(a, 50);
  expect(closed).toEqual([]);
  backlog.hold(c, 1);
  expect(closed).toEqual(["b"]);
});

test("as many are closed as necessary", () => {
  const { backlog, closed, a, b, c } = scene(100);
  backlog.hold(a, 30);
  backlog.hold(b, 30);
  backlog.hold(c, 100);
  expect(closed).toEqual(["a", "b"]);
});

test("only the bytes held now count", () => {
  const { backlog, closed, a, b, c } = scene(100);
  backlog.hold(a, 60);
  backlog.hold(a, 10);
  backlog.hold(b, 60);
  backlog.hold(b, 0);
  backlog.hold(b, 0);
  backlog.hold(c, 90);
  expect(closed).toEqual([]);
  backlog.hold(c, 91);
  expect(closed).toEqual(["a"]);
});
