// A table whose ids we pick: questions and exports. A freed id is used again before a new one, so ids stay small, which suits
// peers that keep their tables in arrays.

export class IdTable<T> {
  readonly #entries: (T | undefined)[] = [];
  readonly #free: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Makes an entry with a free id and returns it. */
  add<E extends T>(make: (id: number) => E): E {
    const id = this.#free.pop() ?? this.#entries.length;
    const entry = make(id);
    this.#entries[id] = entry;
    this.#size++;
    return entry;
  }

  get(id: number): T | undefined {
    return this.#entries[id];
  }

  /** Frees `id` for the next `add`. Does nothing if it is not in use. */
  remove(id: number): void {
    if (this.#entries[id] === undefined) return;
    this.#entries[id] = undefined;
    this.#free.push(id);
    this.#size--;
  }

  get entries(): T[] {
    return this.#entries.filter((entry) => entry !== undefined);
  }

  /** Empties the table and returns its entries. */
  clear(): T[] {
    const { entries } = this;
    this.#entries.length = this.#free.length = this.#size = 0;
    return entries;
  }
}
