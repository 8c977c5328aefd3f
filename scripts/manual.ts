// Writes the man page and the shells' completions, from the table of flags: `bun run manual`. With --check it writes nothing,
// names the outdated files and exits with 1.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { NAME } from "../src/build-info.ts";
import { bashCompletion, fishCompletion, zshCompletion } from "./manual/completions.ts";
import { manPage } from "./manual/man-page.ts";

const FILES = {
  [`man/${NAME}.1`]: manPage,
  [`completions/${NAME}.bash`]: bashCompletion,
  [`completions/_${NAME}`]: zshCompletion,
  [`completions/${NAME}.fish`]: fishCompletion,
};

const isCheck = process.argv.includes("--check");
for (const [name, text] of Object.entries(FILES)) {
  const file = join(import.meta.dirname, "../packaging", name);
  if (!isCheck) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text());
  } else if (readFileSync(file, "utf8") !== text()) {
    console.error(`packaging/${name}: not up to date; run: bun run manual`);
    process.exitCode = 1;
  }
}
