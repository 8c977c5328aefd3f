// module.nix evaluated by a real Nix: the units and settings that a host's configuration results in. The module system is that
// of nixpkgs/ in this folder, and also that of a real nixpkgs if NIX_PATH names one.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { lacking } from "../skipped.ts";
import { Nix, nixpkgs, noNix } from "./nix.ts";

const HERE = import.meta.dir;
const ROOT = join(HERE, "../..");

interface Host {
  readonly units: Readonly<Record<string, string>>;
  readonly wantedBy: Readonly<Record<string, readonly string[]>>;
  readonly ports: readonly number[];
  readonly grafana: { enable?: boolean; dashboards?: { settings: { providers: { options: { path: string } }[] } } };
  readonly rules: readonly string[];
  readonly failures: readonly string[];
}

const LIBRARIES = {
  "nixpkgs/ of this folder": join(HERE, "nixpkgs/lib.nix"),
  ...(nixpkgs === undefined ? {} : { "a real nixpkgs": join(nixpkgs, "lib") }),
};

describe.skipIf(noNix !== "").each(Object.entries(LIBRARIES))(`module.nix in %s${noNix}`, (_, lib) => {
  let nix: Nix;
  beforeAll(() => {
    nix = new Nix();
  });
  afterAll(() => nix[Symbol.dispose]());

  function evaluate(configuration: string, module = join(ROOT, "module.nix")): Host {
    return nix.evaluate(
      `import ${HERE}/evaluate.nix { lib = import ${lib}; module = ${module}; configuration = ${configuration}; }`,
    );
  }

  /** A host with these settings of the exporter. */
  const exporter = (settings: string, module?: string): Host =>
    evaluate(`{ pkgs, ... }: { services.bitcoind-ipc-exporter = { ${settings} }; }`, module);

  /** A host with the required settings and these. */
  const running = (settings = ""): Host => exporter(`enable = true; socketPath = "/node.sock"; ${settings}`);

  const unit = (host: Host): string => host.units["bitcoind-ipc-exporter.service"]!;

  test("makes nothing by default", () => {
    expect(exporter("")).toEqual({ units: {}, wantedBy: {}, ports: [], grafana: {}, rules: [], failures: [] });
  });

  test("needs the socket's path and nothing else", () => {
    const host = running();
    expect(unit(host)).toBe(
      `[Unit]
After=
BindsTo=
Description=Prometheus exporter for Bitcoin Core
StartLimitIntervalSec=0

[Service]
AmbientCapabilities=
CapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_NET_BIND_SERVICE
ExecStart=${execStart("127.0.0.1:9332", "60", "/node.sock")}
Group=root
KillSignal=SIGTERM
LockPersonality=true
MemoryDenyWriteExecute=false
MemoryMax=1G
NoNewPrivileges=true
OOMScoreAdjust=-500
PrivateDevices=true
ProcSubset=pid
ProtectClock=true
ProtectControlGroups=true
ProtectHome=read-only
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
ProtectProc=default
ProtectSystem=strict
RemoveIPC=true
Restart=on-failure
RestartPreventExitStatus=2
RestartSec=10
RestrictAddressFamilies=AF_UNIX
RestrictAddressFamilies=AF_INET
RestrictAddressFamilies=AF_INET6
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
TimeoutStopSec=15
UMask=0077
UnsetEnvironment=BUN_BE_BUN BUN_INSPECT BUN_OPTIONS
User=root
`,
    );
    expect(host).toEqual({
      units: { "bitcoind-ipc-exporter.service": unit(host) },
      wantedBy: { "bitcoind-ipc-exporter": ["multi-user.target"] },
      ports: [],
      grafana: {},
      rules: [],
      failures: [],
    });
  });

  test("runs exporters for two nodes on one host", () => {
    const { units, wantedBy, failures } = evaluate(join(HERE, "host.nix"));
    expect(Object.keys(units)).toEqual(["bitcoind-ipc-exporter-signet.service", "bitcoind-ipc-exporter.service"]);
    expect(units["bitcoind-ipc-exporter.service"]!.split("\n")).toEqual(
      expect.arrayContaining([
        "After=bitcoind.service",
        "BindsTo=bitcoind.service",
        `ExecStart=${execStart("127.0.0.1:9332", "60", "/var/lib/bitcoind/node.sock")}`,
        "User=bitcoind",
        "Group=bitcoind",
        "CapabilityBoundingSet=",
      ]),
    );
    expect(units["bitcoind-ipc-exporter-signet.service"]!.split("\n")).toEqual(
      expect.arrayContaining([
        "After=bitcoind-signet.service",
        "BindsTo=bitcoind-signet.service",
        `ExecStart=${execStart("127.0.0.1:9333", "60", "/var/lib/bitcoind-signet/signet/node.sock")}`,
        "User=bitcoind-signet",
        "Group=bitcoind-signet",
        "CapabilityBoundingSet=",
      ]),
    );
    expect(wantedBy).toEqual({
      "bitcoind-ipc-exporter": ["multi-user.target", "bitcoind.service"],
      "bitcoind-ipc-exporter-signet": ["multi-user.target", "bitcoind-signet.service"],
    });
    expect(failures).toEqual([]);
  });

  test("runs instances without the unnamed exporter, and not those that are turned off", () => {
    const { units } = exporter(`
      package = pkgs.other;
      instances.on.socketPath = "/node.sock";
      instances.off = { enable = false; socketPath = "/node.sock"; };
      instances.own = { socketPath = "/node.sock"; metricsAddr = ":1"; package = pkgs.bitcoind-ipc-exporter; };
    `);
    expect(Object.keys(units)).toEqual(["bitcoind-ipc-exporter-on.service", "bitcoind-ipc-exporter-own.service"]);
    expect(units["bitcoind-ipc-exporter-on.service"]).toContain('ExecStart="/nix/store/0000000000');
    expect(units["bitcoind-ipc-exporter-on.service"]).toContain("-other/bin/bitcoind-ipc-exporter");
    expect(units["bitcoind-ipc-exporter-own.service"]).toContain("-exporter/bin/bitcoind-ipc-exporter");
  });

  test("fails for two exporters on one address", () => {
    expect(running('instances.signet.socketPath = "/signet.sock";').failures).toEqual([
      "services.bitcoind-ipc-exporter: two exporters have the same metricsAddr: 127.0.0.1:9332 127.0.0.1:9332",
    ]);
  });

  test("turns options into flags", () => {
    const host = running(`
      metricsAddr = "[::1]:9400"; pollInterval = 0.5; utxoTrace = false; debug = true; extraFlags = [ "--one" "--two=2" ];
    `);
    expect(unit(host)).toContain(
      `ExecStart=${execStart(
        "[::1]:9400",
        "0.500000",
        "--no-utxo-trace",
        "--debug",
        "--one",
        "--two=2",
        "/node.sock",
      )}\n`,
    );
  });

  test("escapes what systemd would expand or split", () => {
    const host = exporter(String.raw`
      enable = true;
      socketPath = "/var/lib/my node/100%h \$HOME \"q\" 'x' ;.sock";
      extraFlags = [ "a b" ";" "\\n" ];
    `);
    expect(unit(host)).toContain(String.raw`"60" "a b" ";" "\\n" "/var/lib/my node/100%%h $$HOME \"q\" 'x' ;.sock"`);
  });

  test("opens the firewall for exporters with openFirewall", () => {
    const host = running(`
      metricsAddr = "[::]:9400"; openFirewall = true;
      instances.a = { socketPath = "/a.sock"; metricsAddr = ":9401"; openFirewall = true; };
      instances.b = { socketPath = "/b.sock"; metricsAddr = ":9402"; };
      instances.c = { socketPath = "/c.sock"; metricsAddr = ":9403"; openFirewall = true; enable = false; };
    `);
    expect(host.ports).toEqual([9400, 9401]);
  });

  test.each([
    ['debug = "yes";', "debug", "is not of type `boolean'"],
    ["utxoTrace = 0;", "utxoTrace", "is not of type `boolean'"],
    ["metricsAddr = 9332;", "metricsAddr", "is not of type `string matching the pattern"],
    ['metricsAddr = "localhost";', "metricsAddr", "is not of type `string matching the pattern"],
    ["pollInterval = 0;", "pollInterval", "is not of type `integer or floating point number between"],
    ['pollInterval = "60";', "pollInterval", "is not of type `integer or floating point number between"],
    ['extraFlags = "--debug";', "extraFlags", "is not of type `list of string'"],
    ['after = "bitcoind.service";', "after", "is not of type `list of string'"],
    ['user = [ "bitcoind" ];', "user", "is not of type `string'"],
    ['package = "exporter";', "package", "is not of type `package'"],
    ['instances.signet.socketPath = "node.sock";', "instances.signet.socketPath", "is not of type `string matching"],
    ['sockPath = "/node.sock";', "sockPath", "does not exist"],
    ["instances.signet = { };", "instances.signet.socketPath", "was accessed but has no value defined"],
  ])("refuses %s", (settings, option, reason) => {
    let refusal = "";
    try {
      running(settings);
    } catch (error) {
      refusal = String(error);
    }
    expect(refusal).toContain(`services.bitcoind-ipc-exporter.${option}'`);
    expect(refusal).toContain(reason);
  });

  test("provisions a Grafana and a Prometheus of this host from grafana/ and prometheus/", () => {
    const root = join(nix.folder, "checkout");
    for (const file of [
      "grafana/dashboards/node.json",
      "grafana/node.ts",
      "prometheus/alerts.rules.yml",
      "prometheus/alerts.test.yml",
    ]) {
      mkdirSync(join(root, file, ".."), { recursive: true });
      Bun.spawnSync(["touch", join(root, file)]);
    }
    cpSync(join(ROOT, "module.nix"), join(root, "module.nix"));
    const host = exporter("grafana.provisionDashboards = true; prometheus.rules = true;", join(root, "module.nix"));
    const provider = host.grafana.dashboards!.settings.providers[0]!;
    expect(host.grafana.enable).toBe(true);
    expect(readdirSync(provider.options.path)).toEqual(["node.json"]);
    expect(host.rules).toEqual([join(root, "prometheus/alerts.rules.yml")]);
    expect(host.units).toEqual({});
  });

  test("provisions the dashboards of this repository", () => {
    const { grafana } = exporter("grafana.provisionDashboards = true;");
    const files = readdirSync(grafana.dashboards!.settings.providers[0]!.options.path);
    expect(files.sort()).toEqual(["bitcoin-node.json", "bitcoin-nodes.json"]);
  });

  test("finds all rules of this repository", () => {
    const files = (readdirSync(join(ROOT, "prometheus"), { recursive: true }) as string[])
      .map((file) => join(ROOT, "prometheus", file))
      .filter((file) => file.endsWith(".yml") && /^groups:/m.test(readFileSync(file, "utf8")));
    expect(files).not.toBeEmpty();
    expect([...exporter("prometheus.rules = true;").rules].sort()).toEqual(files.sort());
  });

  const systemd = lacking("systemd-analyze");
  test.skipIf(systemd !== "")(`makes units that systemd accepts${systemd}`, () => {
    const { units } = evaluate(join(HERE, "host.nix"));
    const folder = join(nix.folder, "units");
    mkdirSync(folder);
    for (const [name, text] of Object.entries(units)) {
      Bun.write(join(folder, name), text.replaceAll(/"[^"]*\/bin\/bitcoind-ipc-exporter"/g, "/bin/true"));
    }
    for (const node of ["bitcoind.service", "bitcoind-signet.service"]) {
      Bun.write(join(folder, node), "[Service]\nExecStart=/bin/true\n");
    }
    const files = Object.keys(units).map((name) => join(folder, name));
    const verdict = Bun.spawnSync(["systemd-analyze", "verify", "--man=no", ...files]);
    expect(verdict.stderr.toString()).toBe("");
    expect(verdict.exitCode).toBe(0);
  });
});

function execStart(address: string, interval: string, ...rest: string[]): string {
  const executable = "/nix/store/00000000000000000000000000000000-exporter/bin/bitcoind-ipc-exporter";
  return [executable, "--metrics-addr", address, "--poll-interval", interval, ...rest].map((x) => `"${x}"`).join(" ");
}
