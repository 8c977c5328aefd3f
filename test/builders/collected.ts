// A collector under test: each test has a new one, with a registry of its own.

import { beforeEach } from "bun:test";
import type { Collector } from "../../src/collectors/collector.ts";
import { Registry } from "../../src/metrics/registry.ts";
import { answerRpc } from "./polled-calls.ts";
import { samplesOf } from "./samples.ts";

export interface Collected<C> {
  readonly collector: C;
  /** The samples on the page by series, values as text. */
  samples(): Record<string, string>;
  /** Shows `answer`, JSON text or what it is made of, as the answer to `method`. Returns the samples. */
  read(method: string, answer: string | object): Record<string, string>;
}

export function collected<C extends Pick<Collector, "polled">>(make: (registry: Registry) => C): Collected<C> {
  let registry: Registry;
  let collector: C;
  beforeEach(() => {
    registry = new Registry();
    collector = make(registry);
  });
  return {
    get collector() {
      return collector;
    },
    samples: () => samplesOf(registry),
    read(method, answer) {
      answerRpc(collector, method, typeof answer === "string" ? answer : JSON.stringify(answer));
      return samplesOf(registry);
    },
  };
}
