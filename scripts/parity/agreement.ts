// Whether two exporters agree on one series. A change between two scrapes is not a difference: ours is scraped before and
// after theirs, so the value of theirs may lie between the two.

/** The worst outcomes first. missing-here: only they expose it, and we should; unknown: the map does not list it. */
const MISMATCHES = ["different", "missing-here", "unknown"] as const;
/** other-meaning and none: as the map says; missing-there: only we expose it. */
const MATCHES = ["within", "equal", "other-meaning", "none", "missing-there"] as const;
export const OUTCOMES = [...MISMATCHES, ...MATCHES];
export type Outcome = (typeof OUTCOMES)[number];

export function isMismatch({ outcome }: { readonly outcome: Outcome }): boolean {
  return MISMATCHES.some((mismatch) => mismatch === outcome);
}

/** By scrape; undefined where there was no sample. Ours has two for each of theirs, from before and after it. */
export type Values = readonly (number | undefined)[];

/** Two numbers this close are equal: a conversion may change the last digit. */
const ROUNDING = 1e-12;

/**
 * Compares values; or, over two scrapes or more, how much two counters grew, which may have started at different times.
 * Returns what it compared as text.
 * @param tolerance the share that the two may differ by, such as 0.01
 */
export function judge(labels: string, theirs: Values, ours: Values, isGrowth: boolean, tolerance: number) {
  const [there, here] = [known(theirs), known(ours)];
  const shown = { theirs: textOf(there, isGrowth), ours: textOf(here, isGrowth) };
  const judged = (outcome: Outcome) => ({ labels, outcome, ...shown });
  if (there.length === 0 || here.length === 0) {
    // A family without series has the same meaning as one whose labels have counted nothing.
    const values = [...there, ...here];
    const isNothing = labels !== "" && values.every((value) => value === (isGrowth ? values[0] : 0));
    return judged(isNothing ? "equal" : here.length === 0 ? "missing-here" : "missing-there");
  }
  if (!isGrowth) return judged(compared(theirs, ours, tolerance));
  if (fallOf(there) ?? fallOf(here)) return judged("different");
  // Ours grew by this much at least between their first and last scrape.
  const least = (ours.at(-2) ?? here[0]!) - (ours[1] ?? here.at(-1)!);
  return judged(compared([grown(there)], [Math.max(0, least), grown(here)], tolerance));
}

export type Series = ReturnType<typeof judge>;

function compared(theirs: Values, ours: Values, tolerance: number): Outcome {
  const isEqual = theirs.every((value, index) => {
    const around = known(ours.slice(2 * index, 2 * index + 2));
    return value === undefined ? around.length === 0 : meet([value], around, ROUNDING);
  });
  if (isEqual) return "equal";
  // The two read a changing value at different times.
  return meet(known(theirs), known(ours), Math.max(tolerance, ROUNDING)) ? "within" : "different";
}

/** Whether the ranges of two lists overlap, or lie apart by no more than the share `tolerance`. */
function meet(some: readonly number[], others: readonly number[], tolerance: number): boolean {
  if (some.some(Number.isNaN) && others.some(Number.isNaN)) return true;
  const low = Math.max(Math.min(...some), Math.min(...others));
  const high = Math.min(Math.max(...some), Math.max(...others));
  return low <= high || (low - high) / Math.max(Math.abs(low), Math.abs(high)) <= tolerance;
}

function known(values: Values): number[] {
  return values.filter((value) => value !== undefined);
}

function grown(values: readonly number[]): number {
  return values.at(-1)! - values[0]!;
}

/** A counter falls only when it restarts; undefined when it does not fall. */
function fallOf(values: readonly number[]): string | undefined {
  const at = values.findIndex((value, index) => value < values[index - 1]!);
  return at < 0 ? undefined : `fell from ${format(values[at - 1]!)} to ${format(values[at]!)}`;
}

function textOf(values: readonly number[], isGrowth: boolean): string | undefined {
  if (values.length === 0) return undefined;
  return isGrowth ? (fallOf(values) ?? `+${format(grown(values))}`) : format(values.at(-1)!);
}

/** Without the digits that come from a conversion. */
function format(value: number): string {
  return String(Number.isSafeInteger(value) ? value : Number(value.toPrecision(15)));
}
