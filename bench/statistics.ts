// Medians and percentiles of measurements, and the order of measurements.

/** NaN for an empty list. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1]! + sorted[Math.floor(half)]!) / 2;
}

/** The smallest value that at least `share` of all, above 0 and up to 1, do not exceed. NaN for an empty list. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
}

/**
 * Runs each contestant once per round, A B C A B C, so that a slow period of the machine affects all of them. Resolves to the
 * results of each, by round.
 */
export async function inTurn<Name extends string, Result>(
  rounds: number,
  contestants: readonly Name[],
  run: (contestant: Name) => Promise<Result>,
): Promise<Record<Name, Result[]>> {
  const results = Object.fromEntries(contestants.map((name) => [name, []])) as unknown as Record<Name, Result[]>;
  for (let round = 0; round < rounds; round++) {
    for (const name of contestants) results[name].push(await run(name));
  }
  return results;
}
