// Whether two exporters agree on one series after several rounds of scrapes. A change between two scrapes is not a
// difference: each round scrapes the other exporter between two scrapes of ours, so its value may lie between the two.

/** One round; undefined where there was no sample. */
export interface Reading {
  readonly before: number | undefined;
  readonly theirs: number | undefined;
  readonly after: number | undefined;
}

export interface Judgement {
  readonly agreement: "equal" | "within" | "different" | "missing-here" | "missing-there";
  /** What was compared, as text. */
  readonly theirs?: string;
  readonly ours?: string;
}

export interface Terms {
  /** Compare how much two counters grew, which may have started at different times; else compare values. */
  readonly growth: boolean;
  /** The share that the two may differ by. */
  readonly tolerance: number;
  /** A missing series counts as 0, as with labels. */
  readonly absentIsZero: boolean;
}

/** Two numbers this close are equal: a factor may change the last digit. */
const ROUNDING = 1e-12;

/** Needs at least one reading; for growth at least two. */
export function judge(readings: readonly Reading[], { growth, tolerance, absentIsZero }: Terms): Judgement {
  const theirs = readings.flatMap((one) => one.theirs ?? []);
  const ours = readings.flatMap(({ before, after }) => [before ?? [], after ?? []].flat());
  const grown = (values: readonly number[]) => values.at(-1)! - values[0]!;
  const show = (values: readonly number[]) => (growth ? `+${format(grown(values))}` : format(values.at(-1)!));

  if (theirs.length === 0 || ours.length === 0) {
    const known = [...theirs, ...ours];
    const shown = ours.length === 0 ? { theirs: show(theirs) } : { ours: show(ours) };
    const isZero = absentIsZero && known.every((value) => value === (growth ? known[0] : 0));
    const missing = ours.length === 0 ? "missing-here" : "missing-there";
    return { agreement: isZero ? "equal" : missing, ...shown };
  }
  const shown = { theirs: show(theirs), ours: show(ours) };
  if (growth) {
    const fallen = { ...fall("theirs", theirs), ...fall("ours", ours) };
    if (Object.keys(fallen).length > 0) return { agreement: "different", ...shown, ...fallen };
    // Ours grew by this much at least between their first and last scrape.
    const least = (readings.at(-1)!.before ?? ours[0]!) - (readings[0]!.after ?? ours.at(-1)!);
    const reading = { before: Math.max(0, least), theirs: grown(theirs), after: grown(ours) };
    return { agreement: compared([reading], tolerance), ...shown };
  }
  return { agreement: compared(readings, tolerance), ...shown };
}

function compared(readings: readonly Reading[], tolerance: number): "equal" | "within" | "different" {
  const isEqual = readings.every(({ before, theirs, after }) => {
    const ours = [before ?? after, after ?? before].filter((value) => value !== undefined);
    return theirs === undefined ? ours.length === 0 : ours.length > 0 && isBetween(theirs, ours, 0);
  });
  if (isEqual) return "equal";
  // The two read a changing value at different times: the ranges have to meet.
  const theirs = readings.flatMap((one) => one.theirs ?? []);
  const ours = readings.flatMap(({ before, after }) => [before ?? [], after ?? []].flat());
  const isNear = isBetween(Math.max(...theirs), ours, tolerance) || isBetween(Math.max(...ours), theirs, tolerance);
  return isNear ? "within" : "different";
}

/** A counter falls only when it restarts. */
function fall(side: "theirs" | "ours", values: readonly number[]): { theirs?: string; ours?: string } {
  const at = values.findIndex((value, index) => value < values[index - 1]!);
  return at < 0 ? {} : { [side]: `fell from ${format(values[at - 1]!)} to ${format(values[at]!)}` };
}

/** Whether `value` is in the range of `values`, or outside of it by no more than the share `tolerance`. */
function isBetween(value: number, values: readonly number[], tolerance: number): boolean {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (Number.isNaN(value) || Number.isNaN(low)) return Number.isNaN(value) && Number.isNaN(low);
  if (value >= low && value <= high) return true;
  const bound = value < low ? low : high;
  return Math.abs(value - bound) <= Math.max(tolerance, ROUNDING) * Math.max(Math.abs(value), Math.abs(bound));
}

/** Without the digits that come from a factor. */
function format(value: number): string {
  return String(Number.isSafeInteger(value) ? value : Number(value.toPrecision(15)));
}
