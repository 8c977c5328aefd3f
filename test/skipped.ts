// Why a test is skipped, as the end of its name; empty if it runs:
//
//     const promtool = lacking("promtool");
//     test.skipIf(promtool !== "")(`promtool accepts the page${promtool}`, …);

export function unless(canRun: boolean, reason: string): string {
  return canRun ? "" : ` (skipped: ${reason})`;
}

/** For a test that needs these programs. */
export function lacking(...programs: readonly string[]): string {
  const missing = programs.filter((program) => Bun.which(program) === null);
  return unless(missing.length === 0, `no ${missing.join(", ")}`);
}
