// The demo's output: a table redrawn in place in a terminal, else plain lines.

import type { ScrapeHistory } from "./scrape-history.ts";
import { summary, table } from "./table.ts";

/** The part of process.stdout that a view uses. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface View {
  /** Adds a line below the values. */
  say(line: string): void;
  /** Shows the last scrape. */
  show(history: ScrapeHistory): void;
  /** Later output comes below. */
  close(): void;
}

export function viewOn(output: Output, title: string): View {
  return output.isTTY ? new TerminalView(output, title) : new PlainView(output, title);
}

/** Newest lines that the terminal shows. */
const MESSAGE_LINES = 8;
const DEFAULT_COLUMNS = 80;
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const ERASE_BELOW = "\x1b[J";
const cursorUp = (lines: number) => `\x1b[${lines}F`;

class TerminalView implements View {
  readonly #output: Output;
  readonly #title: string;
  readonly #messages: string[] = [];
  #table: string[] = [];
  #drawnLines = 0;

  constructor(output: Output, title: string) {
    this.#output = output;
    this.#title = title;
    output.write(HIDE_CURSOR);
  }

  say(line: string): void {
    this.#messages.push(`${clock()}  ${line}`);
    if (this.#messages.length > MESSAGE_LINES) this.#messages.shift();
    this.#draw();
  }

  show(history: ScrapeHistory): void {
    this.#table = table(history);
    this.#draw();
  }

  close(): void {
    this.#output.write(SHOW_CURSOR);
  }

  #draw(): void {
    // A wrapped line would take two rows, so the next drawing would start too low.
    const columns = this.#output.columns || DEFAULT_COLUMNS;
    const lines = [this.#title, "", ...this.#table, "", ...this.#messages].map((line) => line.slice(0, columns - 1));
    const back = this.#drawnLines === 0 ? "" : cursorUp(this.#drawnLines);
    this.#output.write(`${back}${ERASE_BELOW}${lines.join("\n")}\n`);
    this.#drawnLines = lines.length;
  }
}

const PLAIN_INTERVAL_MS = 1000;

class PlainView implements View {
  readonly #output: Output;
  #shownMs = Number.NEGATIVE_INFINITY;

  constructor(output: Output, title: string) {
    this.#output = output;
    output.write(`${title}\n`);
  }

  say(line: string): void {
    this.#output.write(`${clock()}  ${line}\n`);
  }

  show(history: ScrapeHistory): void {
    const now = performance.now();
    // Timers may fire a little early.
    if (now - this.#shownMs < PLAIN_INTERVAL_MS * 0.9) return;
    this.#shownMs = now;
    this.say(summary(history));
  }

  close(): void {}
}

function clock(): string {
  return new Date().toTimeString().slice(0, 8);
}
