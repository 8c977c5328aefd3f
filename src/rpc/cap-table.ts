// The capability table of a payload: the capabilities that its interface pointers refer to by index.
// Source: CapDescriptor and Payload of rpc.capnp.

import { type Client, type Pointer, Server, utils } from "capnp-es";
import { type CapDescriptor, CapDescriptor_Which, type Payload } from "capnp-es/capnp/rpc";
import { ProtocolError } from "../wire/protocol-error.ts";
import { ImportedCapability } from "./capability.ts";
import { RpcError } from "./errors.ts";
import { checkListLength } from "./list-limit.ts";
import { promisedClient } from "./promised-answer.ts";
import type { Vat } from "./vat.ts";

/** Maximum number of descriptors in one payload. A node sends two at most. */
const MAX_DESCRIPTORS = 16;
/** Pointer slot of Payload.capTable. */
const CAP_TABLE = 1;

/** The clients that a message's interface pointers refer to. Generated setters add to them. */
export function capabilitiesOf(pointer: Pointer): (Client | null)[] {
  return pointer.segment.message._capnp.capTable ?? [];
}

/**
 * Writes a descriptor for each capability that the payload's message holds. Returns the export ids that were sent, each as
 * often as it was.
 * @throws RpcError, before anything is exported, when one is neither hosted by us nor open and hosted by this peer.
 */
export function writeCapTable(payload: Payload, clients: readonly (Client | null)[], vat: Vat): number[] {
  const sendable = clients.map((client) => checkSendable(client, vat));
  const sent: number[] = [];
  if (sendable.length === 0) return sent;
  const table = payload._initCapTable(sendable.length);
  sendable.forEach((client, index) => {
    const descriptor = table.get(index);
    if (client instanceof ImportedCapability) {
      descriptor.receiverHosted = client.importId;
    } else {
      const exportId = vat.exports.send(client);
      descriptor.senderHosted = exportId;
      sent.push(exportId);
    }
  });
  return sent;
}

function checkSendable(client: Client | null, vat: Vat): ImportedCapability | Server {
  if (client instanceof Server) return client;
  if (client instanceof ImportedCapability && vat.imports.holds(client)) return client;
  throw new RpcError("failed", "a capability to send is neither hosted here nor open on this connection");
}

/**
 * Reads the capability table of a received payload, so that generated getters find its clients. Returns the handles on the peer's
 * capabilities among them, which the caller closes.
 * @throws ProtocolError when the table is too long or names a capability that does not exist.
 */
export function receiveCapabilities(payload: Payload, vat: Vat): ImportedCapability[] {
  checkListLength(utils.getPointer(CAP_TABLE, payload), MAX_DESCRIPTORS, "capability table");
  const table = payload.capTable;
  const clients = Array.from({ length: table.length }, (_, index) => readDescriptor(table.get(index), vat));
  payload.segment.message._capnp.capTable = clients;
  return clients.filter((client) => client instanceof ImportedCapability);
}

/** The client of a received descriptor; null for a descriptor that names nothing. Throws as receiveCapabilities does. */
export function readDescriptor(descriptor: CapDescriptor, { imports, exports, answers }: Vat): Client | null {
  switch (descriptor.which()) {
    case CapDescriptor_Which.NONE:
      return null;
    case CapDescriptor_Which.SENDER_HOSTED:
      return imports.receive(descriptor.senderHosted);
    case CapDescriptor_Which.SENDER_PROMISE:
      return imports.receive(descriptor.senderPromise);
    case CapDescriptor_Which.RECEIVER_HOSTED: {
      const server = exports.server(descriptor.receiverHosted);
      if (server !== undefined) return server;
      throw new ProtocolError(`capability descriptor names unknown export ${descriptor.receiverHosted}`);
    }
    case CapDescriptor_Which.RECEIVER_ANSWER:
      return promisedClient(descriptor.receiverAnswer, answers);
    case CapDescriptor_Which.THIRD_PARTY_HOSTED:
      // rpc.capnp: a vat without level 3 uses the vine, an ordinary capability of the sender.
      return imports.receive(descriptor.thirdPartyHosted.vineId);
    default:
      throw new ProtocolError(`capability descriptor of unknown kind ${descriptor.which()}`);
  }
}
