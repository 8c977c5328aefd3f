// Limits of lists from the peer, checked before they are read.

import { type Pointer, utils } from "capnp-es";
import { ProtocolError } from "../wire/protocol-error.ts";

/**
 * Checks the length of a list. Elements may have no size, so a few bytes can claim 2^29 of them, and capnp-es would
 * allocate each at its full size.
 * @throws ProtocolError when the list has more than `limit` elements.
 */
export function checkListLength(list: Pointer, limit: number, name: string): void {
  if (utils.isNull(list)) return;
  const length = utils.getTargetListLength(list);
  if (length > limit) throw new ProtocolError(`${name} of ${length} entries is over the limit of ${limit} entries`);
}
