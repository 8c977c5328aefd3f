import { expect, test } from "bun:test";
import { readSeries } from "../src/metrics/text-format-reader.ts";
import { ScrapeHistory } from "./scrape-history.ts";
import { type Output, viewOn } from "./view.ts";

function outputOf(kind: { isTTY?: boolean; columns?: number }): Output & { text: string } {
  return {
    ...kind,
    text: "",
    write(text) {
      this.text += text;
    },
  };
}

const history = new ScrapeHistory();
history.add(readSeries("bitcoin_ipc_up 1\nbitcoin_chain_height 7\n"), 0);

test("in a terminal each drawing starts where the last one did, and no line is too long", () => {
  const output = outputOf({ isTTY: true, columns: 30 });
  const view = viewOn(output, "the title");
  view.show(history);
  for (let count = 0; count < 20; count++) view.say(`news ${count}`);
  view.close();
  const drawings = output.text.split("\x1b[J").slice(1);
  expect(drawings).toHaveLength(21);
  drawings.forEach((drawing, index) => {
    const [text, rest] = drawing.split("\x1b", 2);
    const lines = text!.trimEnd().split("\n");
    expect(lines[0]).toBe("the title");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(30);
    if (index < 20) expect(rest).toBe(`[${text!.split("\n").length - 1}F`);
  });
  expect(drawings.at(-1)).toContain("news 19");
  expect(drawings.at(-1)).not.toContain("news 11");
  expect(output.text).toStartWith("\x1b[?25l");
  expect(output.text).toEndWith("\x1b[?25h");
});

test("elsewhere lines are plain, values once a second", () => {
  const output = outputOf({});
  const view = viewOn(output, "the title");
  view.say("news");
  view.show(history);
  view.show(history);
  view.close();
  const [title, news, values, ...rest] = output.text.split("\n");
  expect(title).toBe("the title");
  expect(news).toMatch(/^\d\d:\d\d:\d\d {2}news$/);
  expect(values).toMatch(/^\d\d:\d\d:\d\d {2}connected, height 7, /);
  expect(rest).toEqual([""]);
});
