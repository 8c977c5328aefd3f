// The error of a peer that breaks the wire format or the RPC protocol. Whoever catches it stops reading, sends Abort and
// ends the connection: after it nothing that the peer says can be trusted.

/** The peer broke the protocol; `message` says how, in one lower-case line that may be sent to the peer. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}
