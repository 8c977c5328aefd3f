// The compose file: its mounts, versions and limits, and its Prometheus as Debian has it. The exporter and Prometheus run in a
// network and a file system of their own, where the files and ports are those of the compose file.

import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startSimulatedNode } from "../../demo/simulated-node.ts";
import packageJson from "../../package.json" with { type: "json" };
import { eventually } from "../eventually.ts";
import { COMPILE_DEADLINE_MS, compiledExporter } from "../exporter-command.ts";
import { lacking, unless } from "../skipped.ts";

const PACKAGING = join(import.meta.dirname, "../../packaging");
/** More than one scrape interval of the compose file. */
const SCRAPED_DEADLINE_MS = 60_000;

interface Service {
  readonly image: string;
  readonly mem_limit?: string;
  readonly ports?: readonly string[];
  readonly volumes: readonly string[];
  readonly configs?: readonly { readonly source: string; readonly target: string }[];
}

const { services, configs } = Bun.YAML.parse(readFileSync(join(PACKAGING, "compose.yaml"), "utf8")) as {
  services: Readonly<Record<"exporter" | "prometheus" | "grafana", Service>>;
  configs: Readonly<Record<string, { readonly content: string }>>;
};

/** Mounts of files of this repository: path here → path in the container. */
const mounts = Object.values(services)
  .flatMap(({ volumes }) => volumes)
  .map((volume) => /^(\.\.\/[^:]+):([^:]+):ro$/.exec(volume))
  .flatMap((match) => (match ? [[resolve(PACKAGING, match[1]!), match[2]!] as const] : []));

const folder = mkdtempSync(join(tmpdir(), "compose-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("mounts what exists, and opens ports on loopback only", () => {
  expect(mounts).toHaveLength(4);
  for (const [source] of mounts) expect(existsSync(source)).toBe(true);
  for (const port of Object.values(services).flatMap(({ ports = [] }) => ports)) expect(port).toStartWith("127.0.0.1:");
});

test("names a version of each image, and limits the exporter's memory as the unit does", () => {
  for (const { image } of Object.values(services)) expect(image).toMatch(/:v?\d+\.\d+\.\d+$/);
  expect(services.exporter.image).toBe(`${packageJson.name}:${packageJson.version}`);
  const unit = readFileSync(join(PACKAGING, "systemd/bitcoind-ipc-exporter.service"), "utf8");
  expect(/^MemoryMax=(.*)$/m.exec(unit)![1]!.toLowerCase()).toBe(services.exporter.mem_limit!);
});

const reason = lacking("prometheus", "unshare", "nsenter", "ip") || unless(process.getuid!() === 0, "not root");

describe.skipIf(reason !== "")(`Debian's Prometheus with the compose file's configuration${reason}`, () => {
  test(
    "scrapes the exporter by its name, and loads the rules",
    async () => {
      const [executable] = await compiledExporter();
      await using node = startSimulatedNode({ socketPath: join(folder, "node.sock") });
      const running: Bun.Subprocess[] = [];
      try {
        const { pid } = await enterHost(running);
        const inside = ["nsenter", "--target", String(pid), "--mount", "--net", "--"];
        const [, ...flags] = entryPoint();
        running.push(
          Bun.spawn([...inside, executable!, ...flags, node.socketPath], { stdio: ["ignore", "ignore", "ignore"] }),
        );
        const server = ["prometheus", "--config.file=/etc/prometheus/prometheus.yml"];
        const data = `--storage.tsdb.path=${join(folder, "data")}`;
        running.push(Bun.spawn([...inside, ...server, data], { stdio: ["ignore", "ignore", "ignore"] }));

        const get = async (path: string): Promise<string> => {
          const script = `process.stdout.write(await (await fetch("http://127.0.0.1:9090${path}")).text())`;
          const client = Bun.spawn([...inside, process.execPath, "-e", script], { stderr: "ignore" });
          return client.stdout.text();
        };
        const scraped = await eventually(
          "Prometheus has scraped the exporter",
          async () => {
            const answer = await get("/api/v1/query?query=bitcoin_ipc_up==1");
            return answer.includes('"exporter:9332"') ? answer : undefined;
          },
          { deadlineMs: SCRAPED_DEADLINE_MS },
        );
        expect(scraped).toContain('"job":"bitcoin"');
        const rules = await get("/api/v1/rules");
        for (const group of ["bitcoin-node", "bitcoin-node-recording"]) expect(rules).toContain(`"name":"${group}"`);
      } finally {
        for (const process of running.reverse()) {
          process.kill("SIGTERM");
          await process.exited;
        }
      }
      expect(node).toMatchObject({ subscriptions: 0, uncleanLeaves: 0 });
    },
    COMPILE_DEADLINE_MS + SCRAPED_DEADLINE_MS,
  );
});

/** The command of the image, without the socket. */
function entryPoint(): string[] {
  const line = /^ENTRYPOINT (.*)$/m.exec(readFileSync(join(PACKAGING, "Containerfile"), "utf8"))![1]!;
  return JSON.parse(line) as string[];
}

/** Namespaces with loopback, the host name `exporter`, and the files of the compose file's Prometheus. They end with the process. */
async function enterHost(running: Bun.Subprocess[]): Promise<Bun.Subprocess> {
  const etc = join(folder, "etc");
  const hosts = join(folder, "hosts");
  mkdirSync(join(etc, "rules"), { recursive: true });
  writeFileSync(hosts, "127.0.0.1 localhost exporter\n");
  const [{ source, target }] = services.prometheus.configs as [{ source: string; target: string }];
  writeFileSync(join(etc, target.replace("/etc/prometheus/", "")), configs[source]!.content);
  const steps = [`ip link set lo up`, `mount --bind ${hosts} /etc/hosts`, `mount --bind ${etc} /etc/prometheus`];
  for (const [from, to] of mounts) if (to.startsWith("/etc/prometheus/")) steps.push(`mount --bind ${from} ${to}`);
  const command = [...steps, "echo ready", "exec sleep infinity"].join(" && ");
  const host = Bun.spawn(["unshare", "--mount", "--net", "sh", "-c", command], { stdin: "ignore", stderr: "inherit" });
  running.push(host);
  const { value } = await host.stdout.getReader().read();
  if (value === undefined) throw new Error("cannot make the namespaces");
  return host;
}
