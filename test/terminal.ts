// A shell on a terminal of its own, as a user has it: with jobs, Ctrl-C and Ctrl-Z.

import { eventually } from "./eventually.ts";

export const CTRL_C = "\x03";
export const CTRL_Z = "\x1a";

const BASH = ["bash", "--norc", "--noprofile", "-i"];

export class Terminal implements AsyncDisposable {
  readonly #shell;
  /** What the terminal has shown and no `shows` has returned yet. */
  #text = "";

  constructor(shell: readonly string[] = BASH) {
    const decoder = new TextDecoder();
    this.#shell = Bun.spawn([...shell], {
      env: { ...process.env, PS1: "$ " },
      terminal: {
        cols: 1000,
        rows: 24,
        data: (_, data) => {
          this.#text += decoder.decode(data, { stream: true });
        },
      },
    });
  }

  /** Types a command or a control character. */
  type(text: string): void {
    this.press(text >= " " ? `${text}\n` : text);
  }

  /** Types exactly these characters. */
  press(keys: string): void {
    this.#shell.terminal!.write(keys);
  }

  /** Waits until the terminal shows `pattern`, after what was waited for before, and returns the match. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    const match = await eventually(`the terminal shows ${pattern}`, () => pattern.exec(this.#text) ?? undefined, {
      describe: () => this.#text,
    });
    this.#text = this.#text.slice(match.index + match[0].length);
    return match;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#shell.terminal!.close();
    this.#shell.kill("SIGKILL");
    await this.#shell.exited;
  }
}
