// The error for a peer that breaks the wire format or the RPC protocol. The connection then stops reading, sends Abort and ends,
// because further messages of the peer cannot be trusted.

/** `message` is one lower-case line that may be sent to the peer. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}
