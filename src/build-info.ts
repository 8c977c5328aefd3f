// What this executable was built from. scripts/build.ts puts the revision in; from source it is not known.

import packageJson from "../package.json" with { type: "json" };
import type { Build } from "./collectors/exporter.ts";

declare const BUILD_REVISION: string | undefined;

export const NAME = packageJson.name;

export const BUILD: Build = {
  version: packageJson.version,
  revision: typeof BUILD_REVISION === "string" ? BUILD_REVISION : "unknown",
  bun: Bun.version,
};
