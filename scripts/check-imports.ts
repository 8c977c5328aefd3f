// Checks that dependencies between the rooms of src/ point one way (CONTRIBUTING.md, "Direction"), and that only the rooms
// that may do so touch sockets and the Cap'n Proto library. `bun run imports` runs it, and so does CI.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const SRC = join(import.meta.dirname, "..", "src");

/** The "room" of files directly in src/. */
const TOP = "(top)";

/** What each room may import besides itself. Files at the top of src/ compose the rooms and may import all but the demo. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  metrics: [],
  memory: [],
  http: ["memory"],
  schema: [],
  rpc: ["wire"],
  node: ["memory", "rpc", "schema", "wire"],
  collectors: ["metrics", "node"],
  demo: ["rpc", "schema", "wire", "node", "metrics", "memory", "http", "collectors", TOP],
};

/** What collectors are made of. They may import that, but not each other: only the catalogue knows them all. */
const OF_COLLECTORS = ["collectors/collector.ts", "collectors/result.ts", "collectors/rpc-poll.ts"];
const CATALOGUE = "collectors/catalogue.ts";

const MAY_IMPORT_CAPNP = ["rpc", "node", "schema", "demo"];
const MAY_OPEN_SOCKETS = ["node", "http", "demo"];
const OPENS_SOCKET = /\bBun\.(connect|listen|serve|udpSocket)\b|["']node:(net|http|https|tls|dgram)["']/;
const IMPORT = /(?:^|\n)\s*(?:import|export)\b(?:[^;]*?\bfrom)??\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/g;

function roomOf(file: string): string {
  return file.includes("/") ? file.slice(0, file.indexOf("/")) : TOP;
}

/** What is wrong with the imports of one file, given relative to src/. */
function faults(file: string, text: string): string[] {
  const room = roomOf(file);
  const found: string[] = [];
  const isTest = file.endsWith(".test.ts");
  for (const match of text.matchAll(IMPORT)) {
    const target = (match[1] ?? match[2])!;
    if (target.startsWith("capnp-es") && !MAY_IMPORT_CAPNP.includes(room)) found.push(`imports ${target}`);
    if (!target.startsWith(".")) continue;
    const path = normalize(join(dirname(file), target));
    if (path.startsWith("..")) {
      if (path.startsWith("../bench/")) found.push(`imports a bench, ${target}`);
      // Tests may use fixtures; of what lies outside src/, the program itself reads only the package's own name and version.
      if (!isTest && path !== "../package.json") found.push(`imports ${target}, outside src/`);
      continue;
    }
    const other = roomOf(path);
    // The generated classes are the samples that tests of the lower rooms work on.
    if (isTest && other === "schema") continue;
    if (other === room && room !== "collectors") continue;
    if (room === "collectors" && other === room) {
      const mayImport = isTest || file === CATALOGUE || OF_COLLECTORS.includes(path);
      if (!mayImport) found.push(`imports another collector, ${target}`);
    } else if (room === TOP) {
      if (other === "demo") found.push(`imports the demo, ${target}`);
    } else if (!ALLOWED[room]?.includes(other)) {
      found.push(`imports ${other}, ${target}`);
    }
  }
  if (!isTest && OPENS_SOCKET.test(text) && !MAY_OPEN_SOCKETS.includes(room)) found.push("touches sockets");
  return found;
}

const files = (readdirSync(SRC, { recursive: true }) as string[]).filter((file) => file.endsWith(".ts")).sort();
const unknownRooms = new Set(files.map(roomOf).filter((room) => room !== TOP && !(room in ALLOWED)));
for (const room of unknownRooms) console.error(`src/${room}: a room that scripts/check-imports.ts does not know`);
let count = unknownRooms.size;
for (const file of files) {
  for (const fault of faults(file, readFileSync(join(SRC, file), "utf8"))) {
    console.error(`src/${file}: ${fault}`);
    count++;
  }
}
console.log(`imports: ${files.length} files, ${count} faults`);
process.exit(count === 0 ? 0 : 1);
