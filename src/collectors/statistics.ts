// Sum, lowest value and median, for several collectors.

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Undefined without values. */
export function lowest(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[0];
}

/** Of an even number of values, the mean of the middle two; undefined without values. */
export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const low = sorted[(sorted.length - 1) >> 1];
  const high = sorted[sorted.length >> 1];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}
