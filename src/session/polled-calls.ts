// The polled calls of one session: each family is served by the first of its sources that the node supports, and families with
// the same request share one call. Made once per session, because the next node may support other sources.

import type { PolledFamily, RpcSource, Source } from "../collectors/collector.ts";
import { Slices } from "../node/slices.ts";

/** A call, by its source, with the families that its answers fill. */
export class PolledCall<S extends Source = Source> {
  readonly source: S;
  /** Whether a new tip changes the answer. */
  followsTip = false;
  /** When an answer was shown, by performance.now; undefined without samples. */
  #shownAt: number | undefined;
  readonly #families: { readonly source: S; readonly target: PolledFamily["target"] }[] = [];

  constructor(source: S) {
    this.source = source;
  }

  add(source: S, { target, followsTip = false }: PolledFamily): void {
    this.followsTip ||= followsTip;
    this.#families.push({ source, target });
  }

  /**
   * Sets each family to the value that `read` returns for its source.
   * @throws Error with all faults of the answer in one line. Families that a fault concerns have no sample, others are set.
   */
  show(read: (source: S) => unknown): void {
    for (const _ of this.#showEach(read));
  }

  /**
   * The same in slices, for answers that take long. Ends early when the samples are removed, or another answer is shown
   * meanwhile.
   */
  async showInSlices(read: (source: S) => unknown): Promise<void> {
    const slices = new Slices();
    for (const _ of this.#showEach(read)) if (slices.isOver) await slices.next();
  }

  *#showEach(read: (source: S) => unknown): Generator<void> {
    const shownAt = performance.now();
    this.#shownAt = shownAt;
    const faults = new Set<string>();
    for (const { source, target } of this.#families) {
      try {
        target.set(read(source));
      } catch (error) {
        target.clear();
        faults.add((error as Error).message);
      }
      yield;
      if (this.#shownAt !== shownAt) return;
    }
    if (faults.size > 0) throw new Error(`${this.source.method}: ${[...faults].join("; ")}`);
  }

  /** Removes the samples of its families. */
  clear(): void {
    this.#shownAt = undefined;
    for (const { target } of this.#families) target.clear();
  }

  /** Removes the samples if they were shown before `time`, by performance.now. */
  clearBefore(time: number): void {
    if (this.#shownAt !== undefined && this.#shownAt < time) this.clear();
  }
}

export type SourceKind = Source["kind"];

/** The calls by the kind of their sources, in the order of the families. */
export type PolledCalls = { readonly [Kind in SourceKind]: readonly PolledCall<Extract<Source, { kind: Kind }>>[] };

/** Chooses the source of each family among the kinds that the node supports. A family without one has no call. */
export function choosePolledCalls(families: readonly PolledFamily[], supported: ReadonlySet<SourceKind>): PolledCalls {
  const byKey = new Map<unknown, PolledCall>();
  for (const family of families) {
    const source = family.sources.find(({ kind }) => supported.has(kind));
    if (source === undefined) continue;
    const key = keyOf(source);
    const call = byKey.get(key) ?? new PolledCall(source);
    byKey.set(key, call);
    call.add(source, family);
  }
  const calls = [...byKey.values()];
  const ofKind = <Kind extends SourceKind>(kind: Kind) =>
    calls.filter((call): call is PolledCall<Extract<Source, { kind: Kind }>> => call.source.kind === kind);
  return { node: ofKind("node"), mining: ofKind("mining"), jsonRpc: ofKind("jsonRpc"), block: ofKind("block") };
}

/** The same for sources that one call answers. */
function keyOf(source: Source): unknown {
  if (source.kind === "jsonRpc") return requestKey(source);
  return source.kind === "block" ? source.readBlock : source;
}

function requestKey({ method, params = [], every = 1 }: RpcSource<unknown>): string {
  return JSON.stringify([method, params, every]);
}
