// Whether two exporters agree on one series after several rounds of scrapes. A change between two scrapes is not a
// difference: each round scrapes the other exporter between two scrapes of ours, so its value may lie between the two.

/** One round; undefined where there was no sample. */
export interface Reading {
  readonly before: number | undefined;
  readonly theirs: number | undefined;
  readonly after: number | undefined;
}

export interface Judgement {
  readonly outcome: "equal" | "within" | "different" | "missing-here" | "missing-there";
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
  const [theirs, ours] = [theirsOf(readings), oursOf(readings)];
  const shown = {
    ...(theirs.length > 0 && { theirs: growth ? growthText(theirs) : format(theirs.at(-1)!) }),
    ...(ours.length > 0 && { ours: growth ? growthText(ours) : format(ours.at(-1)!) }),
  };
  if (theirs.length === 0 || ours.length === 0) {
    const known = [...theirs, ...ours];
    const isZero = absentIsZero && known.every((value) => value === (growth ? known[0] : 0));
    return { outcome: isZero ? "equal" : ours.length === 0 ? "missing-here" : "missing-there", ...shown };
  }
  if (!growth) return { outcome: compared(readings, tolerance), ...shown };
  if (fallOf(theirs) > 0 || fallOf(ours) > 0) return { outcome: "different", ...shown };
  // Ours grew by this much at least between their first and last scrape.
  const least = (readings.at(-1)!.before ?? ours[0]!) - (readings[0]!.after ?? ours.at(-1)!);
  const reading = { before: Math.max(0, least), theirs: grown(theirs), after: grown(ours) };
  return { outcome: compared([reading], tolerance), ...shown };
}

function compared(readings: readonly Reading[], tolerance: number): "equal" | "within" | "different" {
  const isEqual = readings.every((reading) => {
    const ours = oursOf([reading]);
    return reading.theirs === undefined ? ours.length === 0 : ours.length > 0 && isBetween(reading.theirs, ours, 0);
  });
  if (isEqual) return "equal";
  // The two read a changing value at different times: the ranges have to meet.
  const [theirs, ours] = [theirsOf(readings), oursOf(readings)];
  const isNear = isBetween(Math.max(...theirs), ours, tolerance) || isBetween(Math.max(...ours), theirs, tolerance);
  return isNear ? "within" : "different";
}

function theirsOf(readings: readonly Reading[]): number[] {
  return readings.flatMap(({ theirs }) => theirs ?? []);
}

function oursOf(readings: readonly Reading[]): number[] {
  return readings.flatMap(({ before, after }) => [before ?? [], after ?? []].flat());
}

function grown(values: readonly number[]): number {
  return values.at(-1)! - values[0]!;
}

/** Index of the first value that is less than the one before; a counter falls only when it restarts. */
function fallOf(values: readonly number[]): number {
  return values.findIndex((value, index) => value < values[index - 1]!);
}

function growthText(values: readonly number[]): string {
  const at = fallOf(values);
  return at < 0 ? `+${format(grown(values))}` : `fell from ${format(values[at - 1]!)} to ${format(values[at]!)}`;
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
