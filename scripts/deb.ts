// Makes the Debian packages in dist/: `bun run deb` compiles the exporter for amd64 and arm64 and packs each with its unit, man
// page, completions, dashboards and rules. release.ts packs executables that it has compiled. A commit always makes the same
// bytes, as a release does. Needs dpkg-deb.

import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import packageJson from "../package.json" with { type: "json" };
import { commitTime, compile, DIST, filesBelow, ROOT, run, sha256, withLinks, withRepository } from "./artefacts.ts";
import { sbom } from "./sbom.ts";

const NAME = packageJson.name;
/** A pre-release sorts before its release: 1.0.0-rc.1 is 1.0.0~rc.1. */
const VERSION = packageJson.version.replace("-", "~");
const DEBIAN = "packaging/debian";
const SHARE = `usr/share/${NAME}`;
const DOC = `usr/share/doc/${NAME}`;
const UNIT = `packaging/systemd/${NAME}.service`;
const UNITS = [`usr/lib/systemd/system/${NAME}.service`, `usr/lib/systemd/system/${NAME}@.service`];

/** Debian's architectures. musl is not Debian's C library. */
export const ARCHITECTURES = { "bun-linux-x64": "amd64", "bun-linux-arm64": "arm64" } as const;
export type DebTarget = keyof typeof ARCHITECTURES;

/** Path in the package → path in the repository, of text files. */
const TEXTS: Readonly<Record<string, string>> = {
  [`etc/default/${NAME}`]: `${DEBIAN}/default`,
  [`usr/lib/sysusers.d/${NAME}.conf`]: "packaging/systemd/sysusers.conf",
  [`usr/share/bash-completion/completions/${NAME}`]: `packaging/completions/${NAME}.bash`,
  [`usr/share/zsh/vendor-completions/_${NAME}`]: `packaging/completions/_${NAME}`,
  [`usr/share/fish/vendor_completions.d/${NAME}.fish`]: `packaging/completions/${NAME}.fish`,
  [`usr/share/lintian/overrides/${NAME}`]: `${DEBIAN}/lintian-overrides`,
  [`${DOC}/copyright`]: `${DEBIAN}/copyright`,
  [`${DOC}/README.md`]: "README.md",
  [`${DOC}/METRICS.md`]: "METRICS.md",
  [`${DOC}/NEWS.md`]: "CHANGELOG.md",
  [`${DOC}/examples/own-user.conf`]: "packaging/systemd/own-user.conf",
  ...below("grafana/dashboards", SHARE),
  ...below("grafana/provisioning", SHARE),
  ...below("prometheus", SHARE, /\.rules\.yml$/),
};

/** Debian Policy asks for these to be compressed. */
const COMPRESSED = { [`usr/share/man/man1/${NAME}.1.gz`]: `packaging/man/${NAME}.1` };

/** Run by dpkg. */
const SCRIPTS = ["postinst", "prerm", "postrm"];

/** Packs `executable`, which was compiled for `target`, into a file in `folder`. Resolves to its path. */
export async function makeDeb(
  target: DebTarget,
  executable: string,
  folder: string,
  repository?: string,
): Promise<string> {
  const architecture = ARCHITECTURES[target];
  const deb = join(folder, `${NAME}_${VERSION}_${architecture}.deb`);
  const root = join(folder, `deb-${architecture}`);
  rmSync(root, { recursive: true, force: true });
  const time = commitTime();
  const isEnclosed = (path: string) => TEXTS[`${DOC}/${path}`] === path;
  const read = (path: string) =>
    withRepository(withLinks(readFileSync(join(ROOT, path), "utf8"), path, isEnclosed), repository);
  const write = (path: string, content: string | Uint8Array, mode = 0o644) => {
    mkdirSync(dirname(join(root, path)), { recursive: true, mode: 0o755 });
    writeFileSync(join(root, path), content);
    chmodSync(join(root, path), mode);
  };

  for (const [path, source] of Object.entries(TEXTS)) write(path, read(source));
  for (const path of UNITS) write(path, read(UNIT).replace("/usr/local/bin", "/usr/bin"));
  for (const [path, source] of Object.entries(COMPRESSED)) write(path, compress(read(source)));
  write(`${DOC}/changelog.gz`, compress(changelog(time)));
  write(`${DOC}/sbom.cdx.json`, `${JSON.stringify(sbom(target, await sha256(executable)), null, 2)}\n`);
  mkdirSync(join(root, "usr/bin"));
  cpSync(executable, join(root, "usr/bin", NAME));
  chmodSync(join(root, "usr/bin", NAME), 0o755);

  const files = filesBelow(root);
  const kibibytes = files.reduce((sum, file) => sum + Math.ceil(statSync(join(root, file)).size / 1024), 0);
  const sums = files.map((file) => `${md5(join(root, file))}  ${file}\n`);
  const control = { VERSION, ARCHITECTURE: architecture, INSTALLED_SIZE: String(kibibytes) };
  write(
    "DEBIAN/control",
    read(`${DEBIAN}/control`).replace(/@([A-Z_]+)@/g, (_, field) => control[field as keyof typeof control]),
  );
  write("DEBIAN/md5sums", sums.join(""));
  write("DEBIAN/conffiles", `/etc/default/${NAME}\n`);
  for (const script of SCRIPTS) write(`DEBIAN/${script}`, read(`${DEBIAN}/${script}`), 0o755);
  // dpkg-deb sets all times to this one at the latest. xz takes ten times as long as gzip, for 3/4 of the size.
  run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z6", "--build", root, deb], { SOURCE_DATE_EPOCH: String(time) });
  rmSync(root, { recursive: true });
  return deb;
}

/** The files in a folder of the repository, for TEXTS: path in the package → path in the repository. */
function below(folder: string, destination: string, pattern = /./): Record<string, string> {
  const files = filesBelow(join(ROOT, folder)).map((file) => `${folder}/${file}`);
  return Object.fromEntries(files.filter((file) => pattern.test(file)).map((file) => [`${destination}/${file}`, file]));
}

function compress(text: string): Uint8Array {
  return Bun.gzipSync(text, { level: 9 });
}

function md5(path: string): string {
  return new Bun.CryptoHasher("md5").update(readFileSync(path)).digest("hex");
}

/** Debian's changelog has one entry: NEWS.md has the changes of all versions. */
function changelog(time: number): string {
  const maintainer = /^Maintainer: (.*)$/m.exec(readFileSync(join(ROOT, DEBIAN, "control"), "utf8"))![1];
  return [
    `${NAME} (${VERSION}) unstable; urgency=medium`,
    "  * The changes are in NEWS.md, beside this file.",
    ` -- ${maintainer}  ${new Date(time * 1000).toUTCString().replace("GMT", "+0000")}\n`,
  ].join("\n\n");
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { repository: { type: "string" } } });
  for (const target of Object.keys(ARCHITECTURES) as DebTarget[]) {
    const folder = join(DIST, `executable-${ARCHITECTURES[target]}`);
    // Bun compiles the file name into the executable, so every package uses the same name.
    const executable = join(folder, NAME);
    compile(target, executable);
    console.log(`built ${await makeDeb(target, executable, DIST, values.repository)}`);
    rmSync(folder, { recursive: true });
  }
}
