// Whether two exporters agree about one series, after several rounds of scrapes. What happens between two scrapes is no
// disagreement: in each round theirs is read between two readings of ours, so it may lie anywhere between these.

/** One round; undefined where there was no sample. */
export interface Reading {
  readonly before: number | undefined;
  readonly theirs: number | undefined;
  readonly after: number | undefined;
}

export type Agreement = "equal" | "within" | "different" | "missing-here" | "missing-there";

export interface Judgement {
  readonly agreement: Agreement;
  /** What was compared, for people. */
  readonly theirs?: string;
  readonly ours?: string;
}

export interface Terms {
  /** Whether growth is compared, as of two counters that began at different times, or the values. */
  readonly growth: boolean;
  /** The share that the two may differ by. */
  readonly tolerance: number;
  /** Whether a series that is not there may stand for one that is 0, as with labels. */
  readonly absentIsZero: boolean;
}

/** Two numbers as near as this are equal: a factor of ours may cost the last digit. */
const ROUNDING = 1e-12;

/** Of at least one reading; growth needs two. */
export function judge(readings: readonly Reading[], terms: Terms): Judgement {
  const theirs = readings.flatMap((reading) => reading.theirs ?? []);
  const ours = readings.flatMap(({ before, after }) => [before ?? [], after ?? []].flat());
  if (theirs.length === 0 || ours.length === 0) return judgeAlone(theirs, ours, terms);
  return terms.growth ? judgeGrowth(readings, theirs, ours, terms) : judgeValues(readings, theirs, ours, terms);
}

/** One side has no sample. */
function judgeAlone(theirs: readonly number[], ours: readonly number[], { growth, absentIsZero }: Terms): Judgement {
  const values = [...theirs, ...ours];
  const isNothing = values.every((value) => value === (growth ? values[0] : 0));
  const shown = growth ? `+${format(values.at(-1)! - values[0]!)}` : format(values.at(-1)!);
  if (absentIsZero && isNothing)
    return { agreement: "equal", ...(ours.length === 0 ? { theirs: shown } : { ours: shown }) };
  return ours.length === 0 ? { agreement: "missing-here", theirs: shown } : { agreement: "missing-there", ours: shown };
}

function judgeValues(
  readings: readonly Reading[],
  theirs: readonly number[],
  ours: readonly number[],
  { tolerance }: Terms,
): Judgement {
  const shown = { theirs: format(theirs.at(-1)!), ours: format(ours.at(-1)!) };
  const isEqual = readings.every((reading) => {
    const around = [reading.before ?? reading.after, reading.after ?? reading.before];
    if (reading.theirs === undefined && around[0] === undefined) return true;
    return reading.theirs !== undefined && around[0] !== undefined && isBetween(reading.theirs, around as number[], 0);
  });
  if (isEqual) return { agreement: "equal", ...shown };
  // A value that moves, and is asked for at other times: it is enough that both were in the same range.
  const isNear = isBetween(Math.max(...theirs), ours, tolerance) || isBetween(Math.max(...ours), theirs, tolerance);
  return { agreement: isNear ? "within" : "different", ...shown };
}

function judgeGrowth(
  readings: readonly Reading[],
  theirs: readonly number[],
  ours: readonly number[],
  { tolerance }: Terms,
): Judgement {
  const growth = theirs.at(-1)! - theirs[0]!;
  const most = ours.at(-1)! - ours[0]!;
  const shown = { theirs: `+${format(growth)}`, ours: `+${format(most)}` };
  if (fall(theirs) !== undefined) return { agreement: "different", ...shown, theirs: fall(theirs)! };
  if (fall(ours) !== undefined) return { agreement: "different", ...shown, ours: fall(ours)! };
  // What ours has counted for certain between their first and their last reading.
  const least = (readings.at(-1)!.before ?? ours[0]!) - (readings[0]!.after ?? ours.at(-1)!);
  const bounds = [Math.max(0, least), most];
  if (isBetween(growth, bounds, 0)) return { agreement: "equal", ...shown };
  return { agreement: isBetween(growth, bounds, tolerance) ? "within" : "different", ...shown };
}

/** Where a counter went down, which none does but one that begins anew. */
function fall(values: readonly number[]): string | undefined {
  const at = values.findIndex((value, index) => index > 0 && value < values[index - 1]!);
  return at < 0 ? undefined : `fell from ${format(values[at - 1]!)} to ${format(values[at]!)}`;
}

/** Whether `value` is in the range that `values` span, or no more than the share `tolerance` off it. */
function isBetween(value: number, values: readonly number[], tolerance: number): boolean {
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (Number.isNaN(value) || Number.isNaN(low)) return Number.isNaN(value) && Number.isNaN(low);
  if (value >= low && value <= high) return true;
  const bound = value < low ? low : high;
  return Math.abs(value - bound) <= Math.max(tolerance, ROUNDING) * Math.max(Math.abs(value), Math.abs(bound));
}

/** Without the digits that a factor makes. */
function format(value: number): string {
  return String(Number.isSafeInteger(value) ? value : Number(value.toPrecision(15)));
}
