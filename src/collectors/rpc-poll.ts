// Polls by JSON-RPC, put together from parts: a part is what one family takes from a method's result. So one field that is
// not as known costs its own family, and two collectors that need the same method cost the node one call.

import type { Gauge } from "../metrics/cells.ts";
import type { RpcMethod } from "../node/calls.ts";
import type { JsonValue } from "../node/json.ts";
import { type PollValue, type RpcPoll, setOrClear } from "./collector.ts";

export interface Part {
  /** Whether Chain and Node give the family too. */
  readonly isSeed?: boolean;
  /** Sets the family from the method's result, or throws. */
  set(result: JsonValue): void;
  clear(): void;
}

/** A gauge that is one value of a result. */
export function value(gauge: Gauge, read: (result: JsonValue) => PollValue): Part {
  return {
    set: (result) => setOrClear(gauge, read(result)),
    clear: () => gauge.clear(),
  };
}

/** The same for a gauge that Chain and Node give too. */
export function seed(gauge: Gauge, read: (result: JsonValue) => PollValue): Part {
  return { ...value(gauge, read), isSeed: true };
}

export function rpcPoll(
  method: RpcMethod,
  parts: readonly Part[],
  options: Pick<RpcPoll, "params" | "every"> = {},
): RpcPoll {
  const wanted = (seeds: boolean) => parts.filter((part) => seeds || part.isSeed !== true);
  return {
    method,
    ...options,
    isSeedsOnly: wanted(false).length === 0,
    read(result, seeds) {
      const faults = new Set<string>();
      for (const part of wanted(seeds)) {
        try {
          part.set(result);
        } catch (error) {
          part.clear();
          faults.add((error as Error).message);
        }
      }
      if (faults.size > 0) throw new Error(`${method}: ${[...faults].join("; ")}`);
    },
    clear(seeds) {
      for (const part of wanted(seeds)) part.clear();
    },
  };
}

/** Makes one poll of those that ask the same, so that the node is asked once. */
export function mergeRpcPolls(polls: readonly RpcPoll[]): readonly RpcPoll[] {
  const groups = Map.groupBy(polls, ({ method, params = [], every = 1 }) => JSON.stringify([method, params, every]));
  return [...groups.values()].map((group) => (group.length === 1 ? group[0]! : merged(group)));
}

function merged(polls: readonly RpcPoll[]): RpcPoll {
  return {
    ...polls[0]!,
    isSeedsOnly: polls.every((poll) => poll.isSeedsOnly),
    read(result, seeds) {
      const faults: string[] = [];
      for (const poll of polls) {
        try {
          poll.read(result, seeds);
        } catch (error) {
          faults.push((error as Error).message);
        }
      }
      if (faults.length > 0) throw new Error(faults.join("; "));
    },
    clear(seeds) {
      for (const poll of polls) poll.clear(seeds);
    },
  };
}
