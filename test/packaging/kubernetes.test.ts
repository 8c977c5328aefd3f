// The Kubernetes example: the node and its sidecar fit each other and the image, and the rules are those of prometheus/.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { temporaryFolder } from "../temporary-folder.ts";

const ROOT = join(import.meta.dirname, "../..");
const FOLDER = join(ROOT, "packaging/kubernetes");

interface Container {
  readonly name: string;
  readonly image: string;
  readonly restartPolicy?: string;
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly securityContext: { readonly runAsUser?: number };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Pod {
  readonly securityContext: { readonly runAsUser: number };
  readonly initContainers: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly { readonly name: string; readonly emptyDir?: object }[];
}

function parse(path: string): unknown {
  return Bun.YAML.parse(readFileSync(path, "utf8"));
}

const [statefulSet, podMonitor] = parse(join(FOLDER, "bitcoin-node.yaml")) as [
  { spec: { template: { metadata: { labels: object }; spec: Pod } } },
  { spec: { selector: { matchLabels: object }; podMetricsEndpoints: { port: string }[] } },
];
const { metadata, spec: pod } = statefulSet.spec.template;
const [exporter, node] = [pod.initContainers[0]!, pod.containers[0]!];

const folder = temporaryFolder();
symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));

test("the StatefulSet has the types of Kubernetes's API", () => {
  const json = JSON.stringify(statefulSet);
  // Of a literal, tsc also finds the keys that the API does not have.
  const literals = {
    example: json,
    port: json.replace('"containerPort":8333', '"containerPort":"p2p"'),
    key: json.replace('"mountPath"', '"mountPaths"'),
  };
  const files = Object.entries(literals).map(([name, literal]) => {
    const file = join(folder, `${name}.ts`);
    const type = 'import type { StatefulSet } from "kubernetes-types/apps/v1";';
    writeFileSync(file, `${type}\nexport const statefulSet: StatefulSet = ${literal};\n`);
    return file;
  });
  const flags = ["--noEmit", "--strict", "--skipLibCheck", "--ignoreConfig", "--module", "esnext"];
  const tsc = [join(ROOT, "node_modules/.bin/tsc"), ...flags, "--moduleResolution", "bundler", ...files];
  const faults = Bun.spawnSync(tsc, { cwd: folder }).stdout.toString().trimEnd().split("\n");
  expect(faults).toEqual([
    expect.stringMatching(/^key\.ts\(.*'"mountPaths"' does not exist in type 'VolumeMount'/),
    expect.stringMatching(/^port\.ts\(.*'string' is not assignable to type 'number'/),
  ]);
}, 60_000);

test("the exporter is a sidecar that finds the socket of the node, and may open it", () => {
  expect(exporter.restartPolicy).toBe("Always");
  expect(node.args).toContain(`-ipcbind=unix:${exporter.args.at(-1)}`);
  for (const { securityContext, volumeMounts } of [exporter, node]) {
    expect(volumeMounts).toContainEqual(expect.objectContaining({ name: "ipc", mountPath: "/ipc" }));
    // Both have the user of the pod.
    expect(securityContext.runAsUser).toBeUndefined();
  }
  expect(pod.securityContext.runAsUser).toBeGreaterThan(0);
  expect(pod.volumes).toEqual([{ name: "ipc", emptyDir: {} }]);
});

test("the PodMonitor scrapes the port of the image, of this version", () => {
  expect(metadata.labels).toMatchObject(podMonitor.spec.selector.matchLabels);
  const port = exporter.ports.find(({ name }) => name === podMonitor.spec.podMetricsEndpoints[0]!.port)!;
  expect(readFileSync(join(ROOT, "packaging/Containerfile"), "utf8")).toContain(`\nEXPOSE ${port.containerPort}\n`);
  expect(exporter.image).toBe(`ghcr.io/OWNER/bitcoind-ipc-exporter:${packageJson.version}`);
});

test("the PrometheusRule has the rules of prometheus/", () => {
  const { spec } = parse(join(FOLDER, "prometheus-rule.yaml")) as { spec: { groups: unknown[] } };
  const files = readdirSync(join(ROOT, "prometheus")).filter((file) => file.endsWith(".rules.yml"));
  const groups = files.sort().flatMap((file) => (parse(join(ROOT, "prometheus", file)) as typeof spec).groups);
  expect(spec.groups).toEqual(groups);
});
