// flake.nix and its packages, evaluated by a real Nix with this folder's nixpkgs/ as nixpkgs. With NIX_BUILD=1 the exporter is
// also built, by the flake's phases and dependencies and this machine's tools.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { eventually } from "../eventually.ts";
import { lacking, unless } from "../skipped.ts";
import { Nix, noNix } from "./nix.ts";

const ROOT = join(import.meta.dir, "../..");
const SYSTEMS = ["aarch64-linux", "x86_64-linux"];

/** The files of the flake. */
const SOURCES = [
  "bun.lock",
  "demo",
  "flake.nix",
  "grafana",
  "module.nix",
  "package.json",
  "packaging",
  "prometheus",
  "schema",
  "scripts",
  "src",
  "test/nix",
  "tsconfig.json",
];

/** Files of the package below share/. */
const SHARED = [
  "bash-completion/completions/bitcoind-ipc-exporter.bash",
  "bitcoind-ipc-exporter/grafana/dashboards/bitcoin-node.json",
  "bitcoind-ipc-exporter/prometheus/bitcoin-node.alerts.rules.yml",
  "fish/vendor_completions.d/bitcoind-ipc-exporter.fish",
  "man/man1/bitcoind-ipc-exporter.1",
  "zsh/site-functions/_bitcoind-ipc-exporter",
];

type LockEntry = [spec: string, registry: string, meta: { os?: unknown }, hash: string];
const LOCK = JSON.parse(readFileSync(join(ROOT, "bun.lock"), "utf8").replaceAll(/,(\s*[\]}])/g, "$1")) as {
  packages: Record<string, LockEntry>;
};

const python = lacking("python3");
const build = unless(process.env["NIX_BUILD"] === "1", "NIX_BUILD=1 not set");

describe.skipIf(noNix !== "")(`flake.nix${noNix}`, () => {
  let nix: Nix;
  let flake: string;
  beforeAll(() => {
    nix = new Nix();
    flake = join(nix.folder, "flake");
    for (const file of SOURCES) cpSync(join(ROOT, file), join(flake, file), { recursive: true });
  });
  afterAll(() => nix[Symbol.dispose]());

  /** The value of an expression with the flake's outputs as `self`, and `pkgs` with its overlay. */
  function evaluate<T>(expression: string, system = "x86_64-linux"): T {
    return nix.evaluate(`
      let
        nixpkgs = (import ${flake}/test/nix/nixpkgs/flake.nix).outputs { };
        self = (import ${flake}/flake.nix).outputs { inherit self nixpkgs; } // {
          outPath = ${flake};
          shortRev = "0123abc";
        };
        pkgs = nixpkgs.legacyPackages.${system}.extend self.overlays.default;
        npm = pkgs.callPackage ${flake}/packaging/nix/npm.nix { };
      in
      ${expression}
    `);
  }

  const ofFlake = (...command: string[]): string =>
    nix.run(
      "nix",
      ...command,
      ...["--no-write-lock-file", "--override-input", "nixpkgs", `path:${flake}/test/nix/nixpkgs`],
    );

  test("has its outputs for both systems", () => {
    const outputs = evaluate<Record<string, Record<string, string[]>>>(`
      builtins.mapAttrs (_: builtins.mapAttrs (_: builtins.attrNames)) {
        inherit (self) apps checks devShells packages;
      }`);
    for (const system of SYSTEMS) {
      expect(outputs["apps"]![system]).toEqual(["default"]);
      expect(outputs["checks"]![system]).toEqual(["module", "package", "tests", "vm"]);
      expect(outputs["devShells"]![system]).toEqual(["default"]);
      expect(outputs["packages"]![system]).toEqual(["default", "image"]);
    }
    expect(evaluate<string[]>("builtins.attrNames self.formatter")).toEqual(SYSTEMS);
  });

  test("is a flake to Nix, down to each derivation", () => {
    const shown = JSON.parse(ofFlake("flake", "show", "--json", `path:${flake}`));
    expect(shown.packages["x86_64-linux"].default.name).toBe(`bitcoind-ipc-exporter-${packageJson.version}`);
    expect(shown.checks["x86_64-linux"].vm.type).toBe("derivation");
  });

  test("fetches the packages of bun.lock with the hashes of bun.lock", () => {
    const portable = Object.entries(LOCK.packages).filter(([, [, , { os }]]) => os === undefined);
    expect(portable.map(([name]) => name)).toContain("capnp-es");
    const names = portable.map(([name]) => JSON.stringify(name));
    const tarballs = evaluate<{ hash: string; command: string }[]>(
      `map (name: let t = npm.tarball name; in { hash = t.outputHash; command = t.buildCommand; }) [ ${names.join(" ")} ]`,
    );
    expect(tarballs.map(({ hash }) => hash)).toEqual(portable.map(([, entry]) => entry[3]));
    for (const [index, [, [spec]]] of portable.entries())
      expect(tarballs[index]!.command).toContain(`npm pack --silent '${spec}'`);
    const installed = evaluate<string>("npm.nodeModules.buildCommand");
    for (const [name] of portable) expect(installed).toContain(` -C ${name}\n`);
    expect(installed).toContain("ln -s ../typescript/./bin/tsc .bin/tsc\n");
  });

  test.each([
    ["x86_64-linux", "@oven/bun-linux-x64"],
    ["aarch64-linux", "@oven/bun-linux-aarch64"],
  ])("builds for %s with the pinned Bun of bun.lock", (system, name) => {
    const bun = evaluate<object>(
      "let b = pkgs.bitcoind-ipc-exporter.bun; in { inherit (b) version dontStrip dontPatchELF; hash = b.src.outputHash; }",
      system,
    );
    expect(bun).toEqual({
      version: packageJson.devDependencies.bun,
      dontStrip: true,
      dontPatchELF: true,
      hash: LOCK.packages[name]![3],
    });
  });

  test("builds with the Bun of nixpkgs where that is the pinned version", () => {
    const chosen = (version: string) =>
      evaluate<string>(`
        (pkgs.extend (_: _: { bun = { version = "${version}"; name = "of nixpkgs"; outPath = "/bun"; meta.platforms = [ ]; }; }))
          .bitcoind-ipc-exporter.bun.name`);
    expect(chosen(packageJson.devDependencies.bun)).toBe("of nixpkgs");
    expect(chosen("1.3.13")).toBe(`bun-${packageJson.devDependencies.bun}`);
  });

  test("builds the executable from its sources only, and does not change it afterwards", () => {
    const built = evaluate<{
      src: string;
      name: string;
      buildPhase: string;
      installPhase: string;
      installCheckPhase: string;
    }>(
      "{ inherit (pkgs.bitcoind-ipc-exporter) src name dontStrip dontPatchELF buildPhase installPhase installCheckPhase; }",
    );
    expect(built).toMatchObject({
      name: `bitcoind-ipc-exporter-${packageJson.version}`,
      dontStrip: true,
      dontPatchELF: true,
    });
    expect(readdirSync(built.src).sort()).toEqual([
      "grafana",
      "package.json",
      "packaging",
      "prometheus",
      "schema",
      "scripts",
      "src",
      "tsconfig.json",
    ]);
    expect(readdirSync(join(built.src, "grafana"))).toEqual(["dashboards"]);
    expect(readdirSync(join(built.src, "packaging")).sort()).toEqual(["completions", "man"]);
    expect(built.buildPhase).toContain("bun scripts/gen.ts --check\n");
    expect(built.buildPhase).toContain("bun scripts/build.ts --revision '0123abc'");
    expect(built.installPhase).toContain("cp -r grafana prometheus $out/share/bitcoind-ipc-exporter\n");
    expect(built.installCheckPhase).toContain("--version");
    // The install phase alone, with an empty file as the executable.
    const [source, out] = ["source", "out"].map((name) => join(nix.folder, name));
    const prepare = `cp -r --no-preserve=mode ${built.src} ${source}; cd ${source}; mkdir dist; touch dist/bitcoind-ipc-exporter`;
    nix.run("bash", "-euc", `${prepare}; out=${out}; runHook() { :; }; ${built.installPhase}`);
    expect(readdirSync(join(out!, "share"), { recursive: true })).toEqual(expect.arrayContaining(SHARED));
  });

  test("makes an image of the executable that runs without root", () => {
    const image = evaluate<object>("self.packages.x86_64-linux.image.arguments");
    const executable = `${evaluate<string>("toString self.packages.x86_64-linux.default")}/bin/bitcoind-ipc-exporter`;
    expect(image).toEqual({
      name: "bitcoind-ipc-exporter",
      tag: packageJson.version,
      config: {
        Env: ["METRICS_ADDR=0.0.0.0:9332"],
        Entrypoint: [executable],
        Cmd: ["/node/node.sock"],
        User: "65532:65532",
        StopSignal: "SIGTERM",
        ExposedPorts: { "9332/tcp": {} },
      },
    });
  });

  test("sets the package of the NixOS module, unless the host sets another", () => {
    const execStart = (configuration: string) =>
      evaluate<string>(`
        (pkgs.nixos [
          self.nixosModules.default
          { services.bitcoind-ipc-exporter = { enable = true; socketPath = "/node.sock"; ${configuration} }; }
        ]).config.systemd.services.bitcoind-ipc-exporter.serviceConfig.ExecStart`);
    expect(execStart("")).toStartWith(`"${evaluate<string>("toString self.packages.x86_64-linux.default")}/bin/`);
    expect(execStart("package = pkgs.capnproto;")).toContain("-capnproto/bin/bitcoind-ipc-exporter");
  });

  test("has a VM test with hosts that evaluate", () => {
    const units = evaluate<string[]>("builtins.attrNames self.checks.x86_64-linux.vm.nodes.machine.systemd.units");
    expect(units).toContain("bitcoind.service");
    expect(units).toContain("bitcoind-ipc-exporter.service");
  });

  test.skipIf(python !== "")(`has a VM test with a script that Python compiles${python}`, () => {
    const script = evaluate<string>("self.checks.x86_64-linux.vm.arguments.testScript");
    nix.run("python3", "-c", "import sys; compile(sys.argv[1], 'testScript', 'exec')", script);
  });

  // These two need a network for the packages, and Nix builds without a sandbox.
  test.skipIf(build !== "")(`has a VM test with a simulated node that starts${build}`, async () => {
    const command = "self.checks.x86_64-linux.vm.nodes.machine.systemd.services.bitcoind.serviceConfig.ExecStart";
    nix.run("nix-store", "--realise", ...evaluate<string[]>(`builtins.attrNames (builtins.getContext ${command})`));
    const socket = join(nix.folder, "node.sock");
    const [bun, script] = evaluate<string>(command).split(" ");
    const node = Bun.spawn([bun!, script!, socket], { stdout: "pipe" });
    await eventually("the node listens or exits", () => existsSync(socket) || node.exitCode !== null);
    node.kill();
    expect(await node.stdout.text()).toBe("0 unclean leaves, 0 fatal calls\n");
  });

  test.skipIf(build !== "")(`builds an executable that prints its version${build}`, () => {
    const result = join(nix.folder, "result");
    ofFlake("build", "--out-link", result, `path:${flake}#default`);
    expect(nix.run(join(result, "bin/bitcoind-ipc-exporter"), "--version")).toBe(
      `bitcoind-ipc-exporter ${packageJson.version} (revision unknown, Bun ${packageJson.devDependencies.bun})\n`,
    );
    expect(readdirSync(join(result, "share"), { recursive: true })).toEqual(expect.arrayContaining(SHARED));
    // It does not depend on the build tools.
    expect(nix.run("nix-store", "--query", "--references", result)).toBe("");
  });
});
