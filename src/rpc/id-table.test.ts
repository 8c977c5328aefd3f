// The table against a model.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { IdTable } from "./id-table.ts";

test("an id is in use from add to remove, and free ids are used before new ones", () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat({ max: 20 }))), (steps) => {
      const table = new IdTable<{ id: number }>();
      const model = new Map<number, { id: number }>();
      let mostAtOnce = 0;
      for (const removed of steps) {
        if (removed === null) {
          const entry = table.add((id) => ({ id }));
          expect(model.has(entry.id)).toBe(false);
          model.set(entry.id, entry);
          mostAtOnce = Math.max(mostAtOnce, model.size);
        } else {
          table.remove(removed);
          model.delete(removed);
        }
        expect(table.size).toBe(model.size);
        for (let id = 0; id <= 20; id++) expect(table.get(id)).toBe(model.get(id));
        for (const id of model.keys()) expect(id).toBeLessThan(mostAtOnce);
      }
      expect(table.clear()).toEqual([...model.values()].sort((a, b) => a.id - b.id));
      expect(table.size).toBe(0);
      expect(table.add((id) => ({ id })).id).toBe(0);
    }),
  );
});

test.each([-1, 0, 1, 2 ** 32 - 1])("an id that was never used, %p, is unknown and can be removed", (id) => {
  const table = new IdTable<object>();
  table.remove(id);
  expect(table.get(id)).toBeUndefined();
  expect(table.size).toBe(0);
});
