// What ends parity before it has compared anything: the command line or a page is not usable.

export class ParityError extends Error {
  override readonly name = "ParityError";
}
