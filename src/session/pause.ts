// A wait that another part of the session can end early.

export class Pause {
  #end = () => {};

  /** Resolves after `durationMs`, or when `end` is called. One wait at a time. */
  async wait(durationMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#end = resolve;
    const timer = setTimeout(resolve, durationMs);
    await promise;
    clearTimeout(timer);
  }

  /** Ends the wait under way, if there is one. */
  end(): void {
    this.#end();
  }
}
