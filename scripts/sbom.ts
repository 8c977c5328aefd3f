// The bill of materials of an executable, in CycloneDX 1.6: the compiled packages and Bun's runtime, each with the version and
// the checksum of bun.lock. It does not depend on time or place. Used by release.ts.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../package.json" with { type: "json" };
import { ROOT } from "./artefacts.ts";
import { RUNTIMES, type Target } from "./runtime.ts";

type LockedPackage = readonly [
  nameAndVersion: string,
  registry: string,
  info: { readonly dependencies?: Readonly<Record<string, string>> },
  integrity: string,
];

/** The fields of bun.lock that are used. */
const LOCK = Bun.JSONC.parse(readFileSync(join(ROOT, "bun.lock"), "utf8")) as {
  readonly workspaces: { readonly "": { readonly dependencies: Readonly<Record<string, string>> } };
  readonly packages: Readonly<Record<string, LockedPackage>>;
};

interface License {
  readonly id: string;
  readonly text?: { readonly content: string };
}

export interface Component {
  readonly type: "application" | "library" | "platform";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly description?: string;
  readonly hashes: readonly { readonly alg: "SHA-256" | "SHA-512"; readonly content: string }[];
  readonly licenses: readonly { readonly license: License }[];
  readonly externalReferences?: readonly { readonly type: "license"; readonly url: string }[];
}

export interface Sbom {
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.6";
  readonly version: 1;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/** `sha256` is the sum of the executable for `target`. */
export function sbom(target: Target, sha256: string): Sbom {
  const direct = Object.keys(LOCK.workspaces[""].dependencies);
  const packages = closure(direct);
  const runtime = runtimeComponent(target);
  const { name, version, description, license } = packageJson;
  const self = `${name}@${version}`;
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": self,
        name,
        version,
        description: `${description}, for ${target.replace("bun-", "")}`,
        hashes: [{ alg: "SHA-256", content: sha256 }],
        licenses: [{ license: { id: license } }],
      },
    },
    components: [runtime, ...packages.map(libraryComponent)],
    dependencies: [
      { ref: self, dependsOn: [runtime["bom-ref"], ...direct.map(purl)] },
      { ref: runtime["bom-ref"], dependsOn: [] },
      ...packages.map((name) => ({
        ref: purl(name),
        dependsOn: dependenciesOf(name).map(purl),
      })),
    ],
  };
}

/** The packages and all their dependencies. */
function closure(names: readonly string[]): string[] {
  const found = new Set(names);
  // The loop also reaches names that it adds.
  for (const name of found) for (const other of dependenciesOf(name)) found.add(other);
  return [...found].sort();
}

function dependenciesOf(name: string): string[] {
  return Object.keys(locked(name)[2].dependencies ?? {});
}

function locked(name: string): LockedPackage {
  const entry = LOCK.packages[name];
  if (entry === undefined) throw new Error(`bun.lock has no package ${name}`);
  return entry;
}

function libraryComponent(name: string): Component {
  // The license requires its text in every copy.
  const content = readFileSync(join(ROOT, "node_modules", name, "LICENSE"), "utf8");
  const license = { id: licenseOf(name), text: { content } };
  return { type: "library", ...pinned(name), licenses: [{ license }] };
}

function runtimeComponent(target: Target): Component {
  return {
    type: "platform",
    ...pinned(RUNTIMES[target].packageName),
    licenses: [{ license: { id: licenseOf("bun") } }],
    // Bun links libraries under other licenses, such as JavaScriptCore's LGPL.
    externalReferences: [{ type: "license", url: "https://bun.com/docs/project/license" }],
  };
}

function pinned(name: string): Pick<Component, "bom-ref" | "name" | "version" | "purl" | "hashes"> {
  const [nameAndVersion, , , integrity] = locked(name);
  const content = Buffer.from(integrity.replace("sha512-", ""), "base64").toString("hex");
  const url = purl(name);
  const version = nameAndVersion.slice(name.length + 1);
  return { "bom-ref": url, name, version, purl: url, hashes: [{ alg: "SHA-512", content }] };
}

/** The package URL, by which scanners identify it. */
function purl(name: string): string {
  return `pkg:npm/${locked(name)[0].replace(/^@/, "%40")}`;
}

function licenseOf(name: string): string {
  const { license } = JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")) as {
    license?: string;
  };
  if (license === undefined) throw new Error(`${name} has no license`);
  return license;
}
