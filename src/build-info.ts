// What this executable was built from. scripts/build.ts defines the revision; without it the revision is unknown.

import packageJson from "../package.json" with { type: "json" };
import type { Build } from "./collectors/exporter.ts";

declare const BUILD_REVISION: string | undefined;

export const NAME = packageJson.name;

export const BUILD: Build = {
  version: packageJson.version,
  revision: typeof BUILD_REVISION === "string" ? BUILD_REVISION : "unknown",
  bun: Bun.version,
};
