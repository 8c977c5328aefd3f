// Preloaded by an exporter that runs from its source: constants of the product get the values that EXPORTER_CONSTANTS names, so
// that tests do not wait as long as an operator would. See exporterWith of exporter-command.ts.

import { type Constants, declarationOf } from "./exporter-command.ts";

const constants: Constants = JSON.parse(process.env["EXPORTER_CONSTANTS"]!);

Bun.plugin({
  name: "constants",
  setup(build) {
    for (const [file, values] of Object.entries(constants)) {
      build.onLoad({ filter: new RegExp(`/src/${file}\\.ts$`) }, async ({ path }) => {
        let contents = await Bun.file(path).text();
        for (const [name, value] of Object.entries(values)) {
          contents = contents.replace(declarationOf(name), `$1${value};`);
        }
        return { contents, loader: "ts" };
      });
    }
  },
});
