// The bill of materials names exactly the packages in the executable, as bun.lock pins them.

import { expect, test } from "bun:test";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { TARGETS } from "../../scripts/runtime.ts";
import { sbom } from "../../scripts/sbom.ts";

const SHA256 = "0".repeat(64);

/** The packages that the bundler includes. */
async function bundledPackages(): Promise<string[]> {
  const { metafile } = await Bun.build({
    entrypoints: [join(import.meta.dirname, "../../src/main.ts")],
    target: "bun",
    metafile: true,
  });
  const names = Object.keys(metafile!.inputs).map((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]);
  return [...new Set(names)].filter((name) => name !== undefined).sort();
}

test("names every compiled package, and no other", async () => {
  const { components } = sbom("bun-linux-x64", SHA256);
  const libraries = components.filter(({ type }) => type === "library");
  expect(libraries.map(({ name }) => name)).toEqual(await bundledPackages());
  for (const { name, version, licenses } of libraries) {
    expect(packageJson.dependencies).toMatchObject({ [name]: version });
    expect(licenses[0]!.license.text!.content).toContain("Copyright");
  }
});

test.each(TARGETS)("names the runtime of %s", (target) => {
  const [runtime] = sbom(target, SHA256).components;
  expect(runtime).toMatchObject({
    type: "platform",
    name: expect.stringMatching(/^@oven\/bun-linux-(x64|aarch64)(-musl)?$/),
    version: Bun.version,
    licenses: [{ license: { id: "MIT" } }],
  });
});

test("each part has a checksum, a license and its place", () => {
  const { metadata, components, dependencies } = sbom("bun-linux-arm64-musl", SHA256);
  expect(metadata.component).toMatchObject({
    name: packageJson.name,
    version: packageJson.version,
    hashes: [{ alg: "SHA-256", content: SHA256 }],
  });
  for (const { purl, hashes, licenses } of components) {
    expect(purl).toMatch(/^pkg:npm\/(%40\w+\/)?[\w-]+@\d+\.\d+\.\d+$/);
    expect(hashes).toEqual([{ alg: "SHA-512", content: expect.stringMatching(/^[0-9a-f]{128}$/) }]);
    expect(licenses[0]!.license.id).toBeString();
  }
  const refs = [metadata.component, ...components].map((part) => part["bom-ref"]);
  expect(dependencies.map(({ ref }) => ref)).toEqual(refs);
  expect(new Set(dependencies.flatMap(({ dependsOn }) => dependsOn))).toEqual(new Set(refs.slice(1)));
});
