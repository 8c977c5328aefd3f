// The capability table of a payload: the capabilities that its interface pointers refer to by index.
// Source: CapDescriptor and Payload of rpc.capnp.

import { type Client, type Pointer, Server, utils } from "capnp-es";
import { type CapDescriptor, CapDescriptor_Which, type Payload } from "capnp-es/capnp/rpc";
import { ProtocolError } from "../wire/protocol-error.ts";
import { ImportedCapability } from "./capability.ts";
import { RpcError } from "./errors.ts";
import type { Vat } from "./vat.ts";

/** Descriptors in one payload. The node sends two; a table of millions would only cost memory. */
const MAX_DESCRIPTORS = 1024;
/** Pointer slot of Payload.capTable. */
const CAP_TABLE = 1;

/** The clients that a message's interface pointers refer to. Generated setters add to them. */
export function capabilitiesOf(pointer: Pointer): (Client | null)[] {
  return pointer.segment.message._capnp.capTable ?? [];
}

/** Lets generated getters find the clients of a received message. */
export function setCapabilities(pointer: Pointer, clients: (Client | null)[]): void {
  pointer.segment.message._capnp.capTable = clients;
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
  if (client instanceof ImportedCapability && client.isOpen && vat.owns(client)) return client;
  throw new RpcError("failed", "a capability to send is neither hosted here nor open on this connection");
}

/** How descriptors become clients; the connection knows its tables. */
export interface DescriptorReader {
  receiveImport(importId: number): ImportedCapability;
  hostedExport(exportId: number): Client;
  hostedAnswer(descriptor: CapDescriptor): Client;
}

/** The clients of a payload's table, in order. `null` stands for a descriptor that names nothing. */
export function readCapTable(payload: Payload, reader: DescriptorReader): (Client | null)[] {
  checkListLength(utils.getPointer(CAP_TABLE, payload), MAX_DESCRIPTORS, "capability table");
  const table = payload.capTable;
  return Array.from({ length: table.length }, (_, index) => readDescriptor(table.get(index), reader));
}

/**
 * Checks the length of a list that the peer wrote, before it is read: its elements may take no bytes, and capnp-es would
 * make room for all of them at their full size.
 * @throws ProtocolError when it has more than `limit` elements.
 */
export function checkListLength(list: Pointer, limit: number, name: string): void {
  if (utils.isNull(list)) return;
  const length = utils.getTargetListLength(list);
  if (length > limit) throw new ProtocolError(`${name} of ${length} entries is over the limit of ${limit} entries`);
}

export function importsAmong(clients: readonly (Client | null)[]): ImportedCapability[] {
  return clients.filter((client) => client instanceof ImportedCapability);
}

export function readDescriptor(descriptor: CapDescriptor, reader: DescriptorReader): Client | null {
  switch (descriptor.which()) {
    case CapDescriptor_Which.NONE:
      return null;
    case CapDescriptor_Which.SENDER_HOSTED:
      return reader.receiveImport(descriptor.senderHosted);
    case CapDescriptor_Which.SENDER_PROMISE:
      return reader.receiveImport(descriptor.senderPromise);
    case CapDescriptor_Which.RECEIVER_HOSTED:
      return reader.hostedExport(descriptor.receiverHosted);
    case CapDescriptor_Which.RECEIVER_ANSWER:
      return reader.hostedAnswer(descriptor);
    case CapDescriptor_Which.THIRD_PARTY_HOSTED:
      // rpc.capnp: who does not speak level 3 uses the vine, an ordinary capability of the sender.
      return reader.receiveImport(descriptor.thirdPartyHosted.vineId);
    default:
      throw new ProtocolError(`capability descriptor of unknown kind ${descriptor.which()}`);
  }
}
