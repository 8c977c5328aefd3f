// Outgoing bytes against a model: an array that grows at its end and shrinks at its start.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { FrameWriter } from "./frame-writer.ts";

const anyStep = fc.oneof(
  { weight: 2, arbitrary: fc.record({ how: fc.constant("append" as const), sizeBytes: fc.nat({ max: 300 }) }) },
  { weight: 2, arbitrary: fc.record({ how: fc.constant("reserve" as const), sizeBytes: fc.nat({ max: 300 }) }) },
  { weight: 1, arbitrary: fc.record({ how: fc.constant("append" as const), sizeBytes: fc.nat({ max: 9000 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ how: fc.constant("sent" as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  { weight: 1, arbitrary: fc.constant({ how: "sent" as const, share: 1 }) },
);

/** Bytes that differ from their neighbours and from those of other seeds. */
function content(sizeBytes: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, index) => seed * 31 + index * 7);
}

test("the unsent bytes are those written less those sent, in order", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 80 }), (steps) => {
      const writer = new FrameWriter();
      let model = Buffer.alloc(0);
      steps.forEach((step, index) => {
        if (step.how === "sent") {
          const count = Math.floor(step.share * model.length);
          writer.sent(count);
          model = model.subarray(count);
        } else {
          const written = content(step.sizeBytes, index);
          if (step.how === "append") writer.append(written);
          else {
            const at = writer.reserve(step.sizeBytes);
            writer.bytes.set(written, at);
          }
          model = Buffer.concat([model, written]);
        }
        expect(Buffer.from(writer.unsent)).toEqual(model);
        expect(writer.isEmpty).toBe(model.length === 0);
      });
    }),
  );
});

test("a stream that accepts only a part of each write does not make the buffer grow", () => {
  const writer = new FrameWriter();
  writer.append(content(1000, 0));
  const firstBytes = writer.bytes.length;
  for (let round = 1; round <= 1000; round++) {
    writer.append(content(500, round));
    writer.sent(500);
    expect(writer.unsent.length).toBe(1000);
  }
  expect(writer.bytes.length).toBe(firstBytes);
});

test("the buffer that grew for many bytes is replaced when they are sent", () => {
  const writer = new FrameWriter();
  writer.append(content(1_000_000, 1));
  expect(writer.bytes.length).toBeGreaterThanOrEqual(1_000_000);
  writer.sent(999_999);
  expect([...writer.unsent]).toEqual([...content(1_000_000, 1).subarray(999_999)]);
  writer.sent(1);
  expect(writer.bytes.length).toBeLessThan(10_000);
});
