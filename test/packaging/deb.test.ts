// The Debian package: its files, its control file, the same bytes each time, and lintian's opinion.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { ARCHITECTURES, type DebTarget, makeDeb } from "../../scripts/deb.ts";
import { COMPILE_DEADLINE_MS, compiledExporter } from "../exporter-command.ts";
import { lacking } from "../skipped.ts";

/** lintian reads all of the executable. */
const LINTIAN_DEADLINE_MS = 120_000;

const NAME = packageJson.name;
const FILES = [
  `etc/default/${NAME}`,
  `usr/bin/${NAME}`,
  `usr/lib/systemd/system/${NAME}.service`,
  `usr/lib/systemd/system/${NAME}@.service`,
  `usr/lib/sysusers.d/${NAME}.conf`,
  ...["bitcoin-node", "bitcoin-nodes"].map((file) => `usr/share/${NAME}/grafana/dashboards/${file}.json`),
  `usr/share/${NAME}/grafana/provisioning/dashboards/bitcoin.yaml`,
  `usr/share/${NAME}/grafana/provisioning/datasources/prometheus.yaml`,
  ...["alerts", "recording"].map((kind) => `usr/share/${NAME}/prometheus/bitcoin-node.${kind}.rules.yml`),
  ...["METRICS.md", "NEWS.md", "README.md", "changelog.gz", "copyright", "examples/own-user.conf", "sbom.cdx.json"].map(
    (file) => `usr/share/doc/${NAME}/${file}`,
  ),
  `usr/share/bash-completion/completions/${NAME}`,
  `usr/share/fish/vendor_completions.d/${NAME}.fish`,
  `usr/share/zsh/vendor-completions/_${NAME}`,
  `usr/share/man/man1/${NAME}.1.gz`,
  `usr/share/lintian/overrides/${NAME}`,
];

const noDpkg = lacking("dpkg-deb");
const noLintian = lacking("dpkg-deb", "lintian");

const folder = mkdtempSync(join(tmpdir(), "deb-test-"));
const unpacked = join(folder, "unpacked");
afterAll(() => rmSync(folder, { recursive: true }));

function run(...command: string[]): string {
  const { success, stdout, stderr } = Bun.spawnSync(command, { stdout: "pipe", stderr: "pipe" });
  if (!success) throw new Error(`${command.join(" ")}: ${stdout}${stderr}`);
  return stdout.toString();
}

/** A package with a small file in place of the executable. */
function smallDeb(target: DebTarget, repository?: string): Promise<string> {
  return makeDeb(target, join(import.meta.dirname, "../../LICENSE"), folder, repository);
}

function read(file: string): string {
  return readFileSync(join(unpacked, file), "utf8");
}

describe.skipIf(noDpkg !== "")(`the Debian package${noDpkg}`, () => {
  beforeAll(async () => {
    run("dpkg-deb", "--raw-extract", await smallDeb("bun-linux-arm64", "name/fork"), unpacked);
  });

  test("has these files, of root, which only root can write to", async () => {
    const lines = run("dpkg-deb", "--contents", await smallDeb("bun-linux-x64"))
      .trimEnd()
      .split("\n");
    const entries = lines.map((line) => /^(\S+) (\S+) .* \.\/(\S*)$/.exec(line)!);
    for (const [, mode, owner, file] of entries) {
      expect(owner).toBe("root/root");
      const isExecutable = mode!.startsWith("d") || file!.startsWith("usr/bin/");
      expect(mode!.slice(1)).toBe(isExecutable ? "rwxr-xr-x" : "rw-r--r--");
    }
    const files = entries.map(([, , , file]) => file!).filter((file) => file !== "" && !file.endsWith("/"));
    expect(files.sort()).toEqual(FILES.toSorted());
  });

  test.each(Object.entries(ARCHITECTURES))("for %s is for Debian's %s", async (target, architecture) => {
    const deb = await smallDeb(target as DebTarget);
    expect(deb).toEndWith(`/${NAME}_${packageJson.version}_${architecture}.deb`);
    const fields = run("dpkg-deb", "--field", deb, "Package", "Version", "Architecture");
    expect(fields).toBe(`Package: ${NAME}\nVersion: ${packageJson.version}\nArchitecture: ${architecture}\n`);
  });

  test("starts the executable of the package, with the settings that dpkg keeps", () => {
    const unit = read(`usr/lib/systemd/system/${NAME}.service`);
    expect(unit).toContain(`\nExecStart=/usr/bin/${NAME} `);
    expect(unit).toContain("\nEnvironmentFile=-/etc/default/%N\n");
    expect(read("DEBIAN/conffiles")).toBe(`/etc/default/${NAME}\n`);
    const socket = /^Environment=SOCKET=(\S+) /m.exec(unit)![1];
    expect(read(`etc/default/${NAME}`)).toContain(`\n#SOCKET=${socket}\n`);
    expect(read("DEBIAN/postinst")).toContain(`\${socket:-${socket}}`);
  });

  test("links to the repository that it is made for", () => {
    for (const file of FILES) expect(read(file)).not.toContain("github.com/OWNER");
    expect(read("DEBIAN/control")).toContain("\nHomepage: https://github.com/name/fork\n");
  });

  test("has documents whose links lead to each other or to the repository of this version", () => {
    const repository = `https://github.com/name/fork/blob/v${packageJson.version}/`;
    for (const name of ["README.md", "METRICS.md", "NEWS.md"]) {
      const links = [...read(`usr/share/doc/${NAME}/${name}`).matchAll(/\]\(([^)\s#]+)/g)].map(([, target]) => target!);
      expect(links.filter((link) => !link.startsWith("https:") && link !== "METRICS.md")).toEqual([]);
      if (name === "README.md") expect(links).toContain(`${repository}docs/node-safety.md`);
    }
  });

  test("has the same bytes each time", async () => {
    const first = readFileSync(await smallDeb("bun-linux-x64"));
    // The formats store times in whole seconds.
    await Bun.sleep(1100);
    expect(readFileSync(await smallDeb("bun-linux-x64")).equals(first)).toBe(true);
  });
});

describe.skipIf(noLintian !== "")(`lintian${noLintian}`, () => {
  test(
    "finds no fault",
    async () => {
      const [executable] = await compiledExporter();
      const target = process.arch === "x64" ? "bun-linux-x64" : "bun-linux-arm64";
      const deb = await makeDeb(target, executable!, folder);
      expect(run("lintian", "--display-info", "--fail-on", "error,warning,info", "--allow-root", deb)).toBe("");
    },
    COMPILE_DEADLINE_MS + LINTIAN_DEADLINE_MS,
  );
});
