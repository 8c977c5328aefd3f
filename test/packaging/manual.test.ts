// The man page renders, and the completions work in each shell as a user types.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { usage } from "../../src/flags.ts";
import { lacking } from "../skipped.ts";
import { Terminal } from "../terminal.ts";

setDefaultTimeout(60_000);

const NAME = "bitcoind-ipc-exporter";
const PACKAGING = join(import.meta.dirname, "../../packaging");
const MAN_PAGE = join(PACKAGING, `man/${NAME}.1`);
const COMPLETIONS = join(PACKAGING, "completions");

function run(...command: string[]): { exitCode: number; stdout: string; stderr: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, {
    env: { ...process.env, LC_ALL: "C.UTF-8", MANWIDTH: "80" },
    stdout: "pipe",
    stderr: "pipe",
  });
  return { exitCode, stdout: `${stdout}`, stderr: `${stderr}` };
}

/** Flags of --help, each once. */
async function flagsOfHelp(): Promise<string[]> {
  return [...new Set([...(await usage()).matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([flag]) => flag))];
}

describe("the man page", () => {
  const groff = lacking("groff");
  test.skipIf(groff !== "")(`is accepted by groff with all warnings${groff}`, () => {
    const { stdout, ...rest } = run("groff", "-ww", "-man", "-Tutf8", MAN_PAGE);
    expect(rest).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain(NAME);
  });

  const man = lacking("man");
  test.skipIf(man !== "")(`shows every flag of --help in man${man}`, async () => {
    const { stdout, ...rest } = run("man", "--warnings=w", "--local-file", MAN_PAGE);
    expect(rest).toEqual({ exitCode: 0, stderr: "" });
    const shown = stdout.replaceAll(/[\u2010\u2011]/g, "-");
    const flags = await flagsOfHelp();
    expect(flags.length).toBeGreaterThan(15);
    expect(flags.filter((flag) => !new RegExp(`^ {7}(-., )?${flag}( |$)`, "m").test(shown))).toEqual([]);
  });

  const mandoc = lacking("mandoc");
  test.skipIf(mandoc !== "")(`passes mandoc's lint${mandoc}`, () => {
    const warnings = run("mandoc", "-T", "lint", "-W", "warning", MAN_PAGE).stdout.trim().split("\n");
    // The version stands in place of a date: the same commit makes the same page.
    expect(warnings).toEqual([expect.stringMatching(/WARNING: missing date, using "": TH$/)]);
  });
});

describe("completions", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "completions-test-"));
    writeFileSync(join(folder, "node.sock"), "");
    writeFileSync(join(folder, ".cookie"), "");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What is typed, and what it becomes; FOLDER is a folder with files. */
  const CASES = [
    ["--metr", "--metrics-addr"],
    ["--no-u", "--no-utxo-trace"],
    ["--hel", "--help"],
    ["--layout pr/", "--layout pr/trace"],
    ["--layout=pr/", "--layout=pr/trace"],
    ["--collectors feer", "--collectors feerates"],
    ["--collectors default,feer", "--collectors default,feerates"],
    ["--collectors=default,feer", "--collectors=default,feerates"],
    ["--no-collector fees,bl", "--no-collector fees,blockstats"],
    ["--rpc-user feer", "--rpc-user feer"],
    ["--rpc-cookie-file FOLDER/.coo", "--rpc-cookie-file FOLDER/.cookie"],
    ["FOLDER/no", "FOLDER/node.sock"],
    ["--debug FOLDER/no", "--debug FOLDER/node.sock"],
    ["--noC", "--noC"],
  ] as const;

  /** What bash or zsh makes of each line at a tab, whose `setUp` ends with a prompt of "$ " and binds Ctrl-X to print the line. */
  async function expectCompleted(shell: readonly string[], setUp: readonly string[]): Promise<void> {
    await using terminal = new Terminal(shell);
    for (const command of setUp) terminal.type(command);
    terminal.type("echo rea''dy");
    await terminal.shows(/ready\r/);
    for (const [typed, completed] of CASES) {
      const line = (text: string) => `${NAME} ${text.replace("FOLDER", folder)}`;
      terminal.press(`${line(typed)}\t\x18`);
      // zsh appends the equals sign or comma that may follow, and removes it if none does.
      const [, shown] = await terminal.shows(/<<(.*?)[ =,]*>>/);
      expect(shown).toBe(line(completed));
      terminal.press("\x15");
    }
  }

  const bash = lacking("bash");
  test.skipIf(bash !== "")(`of bash${bash}`, () =>
    expectCompleted(
      ["bash", "--norc", "--noprofile", "-i"],
      [`source ${COMPLETIONS}/${NAME}.bash`, `bind -x '"\\C-x": echo "<<$READLINE_LINE>>"'`],
    ),
  );

  const zsh = lacking("zsh");
  test.skipIf(zsh !== "")(`of zsh${zsh}`, () =>
    expectCompleted(
      ["zsh", "-f", "-i"],
      [
        `fpath=(${COMPLETIONS} $fpath)`,
        "autoload -Uz compinit && compinit -u -D",
        'show() { print -r -- "<<$BUFFER>>" }; zle -N show; bindkey "^X" show; bindkey "^U" kill-whole-line',
      ],
    ),
  );

  const fish = lacking("fish");
  test.skipIf(fish !== "")(`of fish${fish}`, () => {
    const source = `source ${COMPLETIONS}/${NAME}.fish`;
    for (const [typed, completed] of CASES) {
      const word = (text: string) => text.replace("FOLDER", folder).split(" ").at(-1)!;
      const line = `${NAME} ${typed.replace("FOLDER", folder)}`;
      const { stdout, stderr } = run("fish", "--no-config", "-c", `${source}; complete -C ${JSON.stringify(line)}`);
      expect(stderr).toBe("");
      const offered = stdout
        .trim()
        .split("\n")
        .map((candidate) => candidate.split("\t")[0]!);
      if (typed === completed) expect(offered).toEqual([""]);
      else
        expect(offered.map((text) => text.replace(/^--[^=]+=/, ""))).toEqual([
          word(completed).replace(/^--[^=]+=/, ""),
        ]);
    }
  });

  test.each([`${NAME}.bash`, `_${NAME}`, `${NAME}.fish`])("in %s have every flag of --help", async (file) => {
    const text = readFileSync(join(COMPLETIONS, file), "utf8");
    const spelling = (flag: string) => (file.endsWith(".fish") ? ` -l ${flag.slice(2)} ` : flag);
    expect((await flagsOfHelp()).filter((flag) => !text.includes(spelling(flag)))).toEqual([]);
  });
});
