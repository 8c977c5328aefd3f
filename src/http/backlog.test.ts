import { expect, test } from "bun:test";
import { Backlog } from "./backlog.ts";

/** Readers by name, and which of them were closed, in order. */
function scene(maxBytes: number) {
  const closed: string[] = [];
  const reader = (name: string) => ({ terminate: () => void closed.push(name) });
  return { backlog: new Backlog(maxBytes), closed, a: reader("a"), b: reader("b"), c: reader("c") };
}

test("up to the limit nothing is closed, above it the longest without progress", () => {
  const { backlog, closed, a, b, c } = scene(100);
  backlog.add(a, 50);
  backlog.add(b, 50);
  backlog.add(c, 0);
  expect(closed).toEqual([]);
  backlog.moveLast(a);
  backlog.add(c, 1);
  expect(closed).toEqual(["b"]);
});

test("as many are closed as it takes", () => {
  const { backlog, closed, a, b, c } = scene(100);
  backlog.add(a, 30);
  backlog.add(b, 30);
  backlog.add(c, 100);
  expect(closed).toEqual(["a", "b"]);
});

test("a reader that is done or closed counts no more", () => {
  const { backlog, closed, a, b, c } = scene(100);
  backlog.add(a, 60);
  backlog.delete(a);
  backlog.delete(a);
  backlog.moveLast(a);
  backlog.add(b, 60);
  backlog.add(c, 40);
  expect(closed).toEqual([]);
});
