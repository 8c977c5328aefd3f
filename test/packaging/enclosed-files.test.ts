// The archives of a release: their documents' links lead to files, and their documents' commands find the files that they name.

import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { filesBelow, ROOT } from "../../scripts/artefacts.ts";
import { BESIDE_EXECUTABLE, MONITORING, writeEnclosed } from "../../scripts/enclosed-files.ts";

const REPOSITORY = "name/fork";
/** Where a link leads to a file, or shows a picture, of the released version. */
const RELEASED = new RegExp(`^https://github.com/${REPOSITORY}/(?:blob|raw)/v${packageJson.version}/`);

const folder = mkdtempSync(join(tmpdir(), "enclosed-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe.each([
  ["with an executable", BESIDE_EXECUTABLE, "docs/install.md"],
  ["for Prometheus and Grafana", MONITORING, "docs/dashboards.md"],
] as const)("the archive %s", (title, enclosed, installation) => {
  const archive = join(folder, title);
  writeEnclosed(archive, enclosed, REPOSITORY);
  const documents = filesBelow(archive).filter((file) => file.endsWith(".md"));

  test.each(documents)("has the files that %s links to, or the repository has them", (document) => {
    const text = readFileSync(join(archive, document), "utf8");
    const links = [...text.matchAll(/\]\(([^)\s#]+)/g)].map(([, target]) => target!);
    const broken = links.filter((link) => {
      if (RELEASED.test(link)) return !existsSync(join(ROOT, link.replace(RELEASED, "")));
      return !/^https?:/.test(link) && !existsSync(join(archive, dirname(document), link));
    });
    expect(broken).toEqual([]);
    expect(text).not.toContain("github.com/OWNER");
  });

  test(`has the files that the commands of ${installation} install`, () => {
    const commands = readFileSync(join(archive, installation), "utf8").match(/^ {4}sudo install .*$/gm)!;
    const sources = commands.flatMap((command) => command.match(/(?<= )(?:packaging|prometheus|grafana)\/\S+/g) ?? []);
    expect(sources.length).toBeGreaterThan(2);
    const found = (pattern: string) => [...new Bun.Glob(pattern).scanSync(archive)];
    expect(sources.filter((source) => found(source).length === 0)).toEqual([]);
  });

  test("has pictures, unchanged", () => {
    const picture = "docs/screens/bitcoin-node.png";
    expect(readFileSync(join(archive, picture)).equals(readFileSync(join(ROOT, picture)))).toBe(true);
  });
});
