// What is made of many measurements: medians, percentiles, and the order in which contestants take their turns.

/** The middle value, or the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1]! + sorted[Math.floor(half)]!) / 2;
}

/** The smallest value that at least `share` of all, above 0 and up to 1, do not exceed. NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
}

/**
 * Lets each contestant run once a round, in their order: A B C A B C. What slows the machine for a while then slows all of
 * them. Returns each one's results, by round.
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
