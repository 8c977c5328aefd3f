import { expect, test } from "bun:test";
import { type LineSink, Log } from "./log.ts";

/** A sink whose reader takes nothing until told to. */
class StuckSink implements LineSink {
  readonly written: string[] = [];
  #taken = Promise.withResolvers<number>();
  write(text: string) {
    this.written.push(text);
    return text.length;
  }
  flush() {
    return this.#taken.promise;
  }
  read() {
    this.#taken.resolve(0);
  }
  leave() {
    this.#taken.reject(new Error("EPIPE"));
  }
}

test("lines of one turn leave in one write, each with its time", async () => {
  const written: string[] = [];
  const log = new Log(() => {}, { write: (text) => written.push(text), flush: () => 0 });
  log.line("one");
  log.line("two");
  await log.close(1000);
  expect(written).toHaveLength(1);
  expect(written[0]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z one\n\d{4}-\d\d-\d\dT[\d:.]+Z two\n$/);
});

test("a reader that takes nothing costs a bounded buffer, and every further line is counted", async () => {
  let dropped = 0;
  const sink = new StuckSink();
  const log = new Log(() => dropped++, sink);
  log.line("first");
  await Bun.sleep(1);
  for (let line = 0; line < 10_000; line++) log.line("x".repeat(100));
  const kept = Math.floor((256 * 1024) / (100 + 26));
  expect(dropped).toBeGreaterThan(10_000 - kept - 10);
  expect(dropped).toBeLessThan(10_000);
  sink.read();
  await log.close(1000);
  const lines = sink.written.join("").trimEnd().split("\n");
  expect(lines).toHaveLength(1 + (10_000 - dropped) + 1);
  expect(lines.at(-1)).toBe(`${dropped} log lines were dropped here: stderr was not read`);
});

test("a reader that is gone drops lines and throws nowhere", async () => {
  let dropped = 0;
  const sink = new StuckSink();
  sink.leave();
  const log = new Log(() => dropped++, sink);
  log.line("lost");
  await log.close(1000);
  expect(dropped).toBe(1);
});

test("what was dropped before a write that failed is told with the next", async () => {
  let dropped = 0;
  const first = Promise.withResolvers<number>();
  const outcomes = [() => first.promise, () => Promise.reject(new Error("ENOSPC"))];
  const written: string[] = [];
  const flush = () => outcomes.shift()?.() ?? 0;
  const log = new Log(() => dropped++, { write: (text) => written.push(text), flush });
  log.line("first");
  await Bun.sleep(1);
  for (let line = 0; line < 4_000; line++) log.line("x".repeat(100));
  first.resolve(0);
  await log.close(1000);
  log.line("after");
  await log.close(1000);
  expect(dropped).toBe(4_000);
  expect(written.at(-1)).toEndWith("after\n4000 log lines were dropped here: stderr was not read\n");
});

test("close gives up at its deadline", async () => {
  const log = new Log(() => {}, new StuckSink());
  log.line("never read");
  const start = performance.now();
  await log.close(30);
  expect(performance.now() - start).toBeLessThan(1000);
});
