// Checks that dependencies between folders point one way (CONTRIBUTING.md, "Import directions"), and that only the folders that may
// do so open sockets and use the Cap'n Proto library. `bun run imports` runs it, and so does CI.

import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { filesBelow, ROOT } from "./artefacts.ts";

/** The files directly in src/. */
const TOP = "src";

/** What each folder may import besides itself. The files at the top of src/ compose the program and may import all of it. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  "src/wire": [],
  "src/metrics": [],
  "src/memory": [],
  "src/schema": [],
  "src/http": ["src/memory"],
  "src/rpc": ["src/wire"],
  "src/node": ["src/memory", "src/rpc", "src/schema", "src/wire"],
  "src/collectors": ["src/metrics", "src/node"],
  "src/session": ["src/collectors", "src/memory", "src/node", "src/rpc"],
  [TOP]: ["collectors", "http", "memory", "metrics", "node", "rpc", "session"].map(inSrc),
  demo: [TOP, ...["collectors", "http", "memory", "metrics", "node", "rpc", "schema", "session", "wire"].map(inSrc)],
};

/** The options are one type from the command line to the session. */
const OPTIONS = "src/options.ts";

/** What collectors are made of. They may import that, but not each other: only the catalogue knows them all. */
const COLLECTOR_PARTS = ["collector", "labelled", "result", "statistics"].map((part) => `src/collectors/${part}.ts`);
const CATALOGUE = "src/collectors/catalogue.ts";

const MAY_IMPORT_CAPNP = ["src/rpc", "src/node", "src/schema", "demo"];
const MAY_OPEN_SOCKETS = ["src/node", "src/http", "demo"];
const OPENS_SOCKET = /\bBun\.(connect|listen|serve|udpSocket)\b|["']node:(net|http|https|tls|dgram)["']/;
const IMPORT = /(?:^|\n)\s*(?:import|export)\b(?:[^;]*?\bfrom)??\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/g;

function inSrc(folder: string): string {
  return `${TOP}/${folder}`;
}

function folderOf(file: string): string {
  const [first, second] = file.split("/");
  if (first !== "src") return first!;
  return file.split("/").length > 2 ? `src/${second}` : TOP;
}

function mayImport(file: string, target: string, isTest: boolean): boolean {
  const folder = folderOf(file);
  const other = folderOf(target);
  if (!(other in ALLOWED)) {
    // Tests may use fixtures. Of what lies outside, the program itself reads only the package's own name and version.
    return target === "package.json" || (isTest && other !== "bench");
  }
  // The generated classes are the samples that tests of the lower folders work on.
  if (isTest && other === "src/schema") return true;
  if (folder === "src/collectors" && other === folder) {
    return isTest || file === CATALOGUE || COLLECTOR_PARTS.includes(target);
  }
  return other === folder || ALLOWED[folder]!.includes(other) || (folder === "src/session" && target === OPTIONS);
}

/** What is wrong with the imports of one file. Paths are relative to the repository. */
function faults(file: string, text: string): string[] {
  const folder = folderOf(file);
  const isTest = file.endsWith(".test.ts");
  const found: string[] = [];
  for (const match of text.matchAll(IMPORT)) {
    const target = (match[1] ?? match[2])!;
    if (target.startsWith("capnp-es") && !MAY_IMPORT_CAPNP.includes(folder)) found.push(`imports ${target}`);
    if (!target.startsWith(".")) continue;
    if (!mayImport(file, normalize(join(dirname(file), target)), isTest)) found.push(`imports ${target}`);
  }
  if (!isTest && OPENS_SOCKET.test(text) && !MAY_OPEN_SOCKETS.includes(folder)) found.push("opens sockets");
  return found;
}

const files = ["src", "demo"]
  .flatMap((folder) => filesBelow(join(ROOT, folder)).map((file) => `${folder}/${file}`))
  .filter((file) => file.endsWith(".ts"));
const unknown = new Set(files.map(folderOf).filter((folder) => !(folder in ALLOWED)));
for (const folder of unknown) console.error(`${folder}: a folder that scripts/check-imports.ts does not list`);
let count = unknown.size;
for (const file of files.filter((file) => !unknown.has(folderOf(file)))) {
  for (const fault of faults(file, readFileSync(join(ROOT, file), "utf8"))) {
    console.error(`${file}: ${fault}`);
    count++;
  }
}
console.log(`imports: ${files.length} files, ${count} faults`);
process.exit(count === 0 ? 0 : 1);
