import { afterEach, describe, expect, jest, test } from "bun:test";
import { settled } from "../test/builders/fake-time.ts";
import { Log, MAX_LINE_BYTES, type WriteBytes } from "./log.ts";

/** Bytes of the time in front of a line, and of the line break after it. */
const TIME_BYTES = "2026-11-28T12:00:00.000Z ".length;
const LINE_BREAK_BYTES = 1;
const MAX_WAITING_BYTES = 256 * 1024;

afterEach(() => void jest.useRealTimers());

/** A stderr whose reader is stuck until `read` or `leave`. */
class StuckReader {
  readonly writes: string[] = [];
  readonly #ready = Promise.withResolvers<void>();
  readonly write: WriteBytes = (bytes) => {
    this.writes.push(new TextDecoder().decode(bytes));
    return this.#ready.promise;
  };
  read() {
    this.#ready.resolve();
  }
  leave() {
    this.#ready.promise.catch(() => {});
    this.#ready.reject(new Error("EPIPE"));
  }
  get lines(): string[] {
    return this.writes.join("").trimEnd().split("\n");
  }
}

/** What a log writes for `texts`, as it is written and without times. */
async function written(...texts: string[]): Promise<string[]> {
  const reader = new StuckReader();
  reader.read();
  const log = new Log(() => {}, reader.write);
  for (const text of texts) log.line(text);
  await log.flush(1000);
  return reader.writes.map((write) => write.replaceAll(/^\d{4}-\d\d-\d\dT[\d:.]+Z /gm, ""));
}

test("lines of one turn are written at once, each with its time", async () => {
  expect(await written("one", "two")).toEqual(["one\ntwo\n"]);
});

test("each write is atomic on a pipe, and has whole lines", async () => {
  const writes = await written(...Array.from({ length: 100 }, () => "x".repeat(100)));
  expect(writes.length).toBeWithin(3, 5);
  for (const write of writes) {
    expect(write).toMatch(/^(x{100}\n)+$/);
    expect(write.length + (write.length / 101) * TIME_BYTES).toBeLessThanOrEqual(MAX_LINE_BYTES);
  }
});

describe("a line is one line of printable text", () => {
  test.each([
    ["a line break", "loading\nforged line", "loading\\nforged line"],
    ["a carriage return", "a\rb", "a\\u{d}b"],
    ["a terminal's escape sequence", "\x1b[2Jcleared", "\\u{1b}[2Jcleared"],
    ["NUL, tab and DEL", "\0\t\x7f", "\\u{0}\\u{9}\\u{7f}"],
    ["a C1 control character", "a\x9b2Jb\x85c", "a\\u{9b}2Jb\\u{85}c"],
    ["a line and a paragraph separator", "a\u2028b\u2029c", "a\\u{2028}b\\u{2029}c"],
    ["bidi controls", "a\u202eb\u2066c\u200fd", "a\\u{202e}b\\u{2066}c\\u{200f}d"],
    ["what has no width", "a\u200bb\ufeffc\u{e0041}d", "a\\u{200b}b\\u{feff}c\\u{e0041}d"],
    ["half of a character", "a\ud83db", "a\\u{d83d}b"],
    ["words of any language", "Größe, 高さ, 🦊", "Größe, 高さ, 🦊"],
  ])("with %s", async (_, text, line) => {
    expect(await written(text)).toEqual([`${line}\n`]);
  });

  test.each([
    ["ASCII", "x".repeat(200_000)],
    ["three bytes a character", "高".repeat(200_000)],
    ["four bytes a character", `a${"🦊".repeat(200_000)}`],
    ["escapes", "\u202e".repeat(200_000)],
  ])("of at most 4 kB: %s", async (_, text) => {
    const [line] = await written(text);
    expect(line).toEndWith("… (cut)\n");
    expect(line).not.toContain("\ufffd");
    expect(TIME_BYTES + Buffer.byteLength(line!)).toBeWithin(MAX_LINE_BYTES - 3, MAX_LINE_BYTES + 1);
  });

  test("whole as long as it fits", async () => {
    const longest = "x".repeat(MAX_LINE_BYTES - TIME_BYTES - LINE_BREAK_BYTES);
    expect(await written(longest)).toEqual([`${longest}\n`]);
    expect((await written(`${longest}x`))[0]).toEndWith("x… (cut)\n");
  });
});

describe("a stuck reader", () => {
  test.each([
    ["x", 1],
    // A limit in characters would keep three times as much.
    ["高", 3],
  ])("costs a bounded buffer, in bytes, and every further line is counted: %s", async (character, bytes) => {
    let dropped = 0;
    const reader = new StuckReader();
    const log = new Log(() => dropped++, reader.write);
    log.line("first");
    await Bun.sleep(1);
    for (let line = 0; line < 10_000; line++) log.line(character.repeat(100));
    const kept = Math.floor(MAX_WAITING_BYTES / (100 * bytes + TIME_BYTES + LINE_BREAK_BYTES));
    expect(dropped).toBe(10_000 - kept);
    reader.read();
    await log.flush(1000);
    expect(reader.lines).toHaveLength(1 + kept + 1);
    expect(reader.lines.at(-1)).toEndWith(` log lines dropped here: ${dropped} (stderr was not read)`);
  });

  test("leaves one gap, and the notice stands in it", async () => {
    let dropped = 0;
    const reader = new StuckReader();
    const log = new Log(() => dropped++, reader.write);
    log.line("first");
    await Bun.sleep(1);
    while (dropped === 0) log.line("x".repeat(4000));
    // Would have room.
    log.line("short");
    expect(dropped).toBe(2);
    reader.read();
    await log.flush(1000);
    log.line("after");
    await log.flush(1000);
    expect(reader.lines.slice(-2).map((line) => line.slice(TIME_BYTES))).toEqual([
      "log lines dropped here: 2 (stderr was not read)",
      "after",
    ]);
  });

  test("is waited for no longer than the deadline", async () => {
    jest.useFakeTimers();
    const log = new Log(() => {}, new StuckReader().write);
    log.line("never read");
    const start = performance.now();
    await settled(log.flush(30));
    expect(performance.now() - start).toBe(30);
  });
});

test("without a reader lines are dropped, and nothing throws", async () => {
  let dropped = 0;
  const reader = new StuckReader();
  reader.leave();
  const log = new Log(() => dropped++, reader.write);
  log.line("lost");
  await log.flush(1000);
  log.line("lost too");
  await log.flush(1000);
  expect(dropped).toBe(2);
  // There is no notice until a line is written.
  expect(reader.lines).toHaveLength(2);
});

test("the next notice counts the lines of a failed write, and of a failed notice", async () => {
  let dropped = 0;
  const writes: string[] = [];
  const outcomes = ["ENOSPC", undefined, "ENOSPC", undefined, undefined];
  const log = new Log(
    () => dropped++,
    async (bytes) => {
      writes.push(new TextDecoder().decode(bytes));
      const code = outcomes.shift();
      if (code !== undefined) throw new Error(code);
    },
  );
  for (const text of ["lost", "first", "second"]) {
    log.line(text);
    await log.flush(1000);
  }
  expect(dropped).toBe(1);
  const notice = "log lines dropped here: 1 (stderr was not read)\n";
  const texts = writes.map((write) => write.slice(TIME_BYTES));
  expect(texts).toEqual(["lost\n", "first\n", notice, "second\n", notice]);
});
