import { ByteReader } from '../../base/byte-reader.ts';
import { ByteWriter } from '../../base/byte-writer.ts';
import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import { unreachable } from '../../base/errors.ts';
import { type IpFamily, ipAddressFromBytes, ipAddressToBytes } from '../../base/ip-address.ts';
import {
  type Instance,
  instanceFromBytes,
  instanceToBytes,
  type MemberStatus,
  type TransportAddress,
} from '../member.ts';
import {
  FamilyCode,
  FLAG_CONFIRMED,
  FLAG_DEAF,
  FLAG_REPLY,
  GREETING_NONCE,
  INSTANCE,
  MAX_ADDRESSES,
  MESSAGE_HEADER,
  MessageKind,
  PAYLOAD_DIGEST,
  StatusCode,
} from './constants.ts';
import type { MemberUpdate, Message, ProbeState, SelfRecord } from './message.ts';

/**
 * The messages of one datagram as octets: one after the other, each as kind, length and body; so are the entries of a list.
 * A reader takes from a body what it knows and skips the rest of it, and skips kinds that it does not know: that is how a
 * newer speaker may say more without the older ones noticing.
 */
export function encodeMessages(messages: readonly Message[]): Uint8Array {
  const writer = new ByteWriter(256);
  for (const message of messages) {
    writer.uint8(MessageKind[message.kind]);
    measured(writer, () => writeBody(writer, message));
  }
  return writer.finish();
}

/** Unknown kinds are left out. One message that cannot be read makes the datagram unreadable: nobody wrote that in earnest. */
export function decodeMessages(bytes: Uint8Array): Decoded<readonly Message[], string> {
  const reader = new ByteReader(bytes);
  const messages: Message[] = [];
  while (reader.remaining > 0) {
    const kind = KIND_NAMES.get(reader.uint8());
    const body = new ByteReader(reader.bytes(reader.uint16()));
    if (reader.failed) return malformed('a message is cut off');
    if (kind === undefined) continue;
    const message = readBody(body, kind);
    if (message === undefined || body.failed) return malformed(`a ${kind} cannot be read`);
    messages.push(message);
  }
  return decoded(messages);
}

/** Octets that an update takes in a datagram, to fill one without encoding it twice. */
export const lengthOfUpdate = (update: MemberUpdate): number => {
  const writer = new ByteWriter(64);
  measured(writer, () => writeUpdate(writer, update));
  return writer.length;
};

/** Before its first update. */
export const UPDATES_HEADER = MESSAGE_HEADER + 2;

const KIND_NAMES = new Map(
  Object.entries(MessageKind).map(([name, code]) => [code as number, name as Message['kind']]),
);
const STATUS_NAMES = new Map(Object.entries(StatusCode).map(([name, code]) => [code as number, name as MemberStatus]));
const FAMILY_NAMES = new Map(Object.entries(FamilyCode).map(([name, code]) => [code as number, name as IpFamily]));

function writeBody(writer: ByteWriter, message: Message): void {
  switch (message.kind) {
    case 'hello':
      writer.bytes(message.nonce);
      writeSelf(writer, message.self);
      return;
    case 'challenge':
      writer.bytes(message.echoed).bytes(message.nonce);
      writeSelf(writer, message.self);
      return;
    case 'echo':
      writer.bytes(message.echoed);
      writeSelf(writer, message.self);
      return;
    case 'ping':
    case 'ack':
      writer.uint32(message.sequence);
      writeState(writer, message.state);
      return;
    case 'ping-req':
      writer.uint32(message.sequence).bytes(instanceToBytes(message.instance));
      return;
    case 'relayed-ack':
    case 'nack':
    case 'payload-ack':
      writer.uint32(message.sequence);
      return;
    case 'updates':
      writeUpdates(writer, message.updates);
      return;
    case 'sync':
      writer.uint8(message.reply ? FLAG_REPLY : 0);
      writeUpdates(writer, message.updates);
      return;
    case 'payload':
      writer.uint32(message.sequence).bytes(message.payload);
      return;
    case 'duplicate':
      writeAddresses(writer, message.addresses);
      return;
    default:
      unreachable(message);
  }
}

function readBody(reader: ByteReader, kind: Message['kind']): Message | undefined {
  switch (kind) {
    case 'hello': {
      const nonce = reader.bytes(GREETING_NONCE);
      const self = readSelf(reader);
      return self && { kind, self, nonce };
    }
    case 'challenge': {
      const echoed = reader.bytes(GREETING_NONCE);
      const nonce = reader.bytes(GREETING_NONCE);
      const self = readSelf(reader);
      return self && { kind, self, echoed, nonce };
    }
    case 'echo': {
      const echoed = reader.bytes(GREETING_NONCE);
      const self = readSelf(reader);
      return self && { kind, self, echoed };
    }
    case 'ping':
    case 'ack':
      return { kind, sequence: reader.uint32(), state: readState(reader) };
    case 'ping-req': {
      const sequence = reader.uint32();
      const instance = readInstance(reader);
      return instance && { kind, sequence, instance };
    }
    case 'relayed-ack':
    case 'nack':
    case 'payload-ack':
      return { kind, sequence: reader.uint32() };
    case 'updates': {
      const updates = readUpdates(reader);
      return updates && { kind, updates };
    }
    case 'sync': {
      const reply = (reader.uint8() & FLAG_REPLY) !== 0;
      const updates = readUpdates(reader);
      return updates && { kind, reply, updates };
    }
    case 'payload':
      return { kind, sequence: reader.uint32(), payload: reader.rest() };
    case 'duplicate': {
      const addresses = readAddresses(reader);
      return addresses && { kind, addresses };
    }
    default:
      return unreachable(kind);
  }
}

function writeSelf(writer: ByteWriter, self: SelfRecord): void {
  writer.uint32(self.incarnation);
  writeName(writer, self.node);
  writeAddresses(writer, self.addresses);
}

function readSelf(reader: ByteReader): SelfRecord | undefined {
  const incarnation = reader.uint32();
  const node = readName(reader);
  const addresses = readAddresses(reader);
  return node === undefined || addresses === undefined ? undefined : { node, incarnation, addresses };
}

function writeState(writer: ByteWriter, state: ProbeState): void {
  writer.uint32(state.incarnation).uint8(state.deaf ? FLAG_DEAF : 0);
  writer.bytes(state.payloadDigest).uint32(state.memberDigest);
}

const readState = (reader: ByteReader): ProbeState => ({
  incarnation: reader.uint32(),
  deaf: (reader.uint8() & FLAG_DEAF) !== 0,
  payloadDigest: reader.bytes(PAYLOAD_DIGEST),
  memberDigest: reader.uint32(),
});

function writeUpdates(writer: ByteWriter, updates: readonly MemberUpdate[]): void {
  writer.uint16(updates.length);
  for (const update of updates) measured(writer, () => writeUpdate(writer, update));
}

function readUpdates(reader: ByteReader): readonly MemberUpdate[] | undefined {
  const updates: MemberUpdate[] = [];
  for (let left = reader.uint16(); left > 0 && !reader.failed; left--) {
    const entry = new ByteReader(reader.bytes(reader.uint16()));
    const update = readUpdate(entry);
    if (update === undefined || entry.failed) return undefined;
    updates.push(update);
  }
  return updates;
}

function writeUpdate(writer: ByteWriter, update: MemberUpdate): void {
  writer.uint8(StatusCode[update.status]).uint8(update.confirmed ? FLAG_CONFIRMED : 0);
  writer.uint32(update.incarnation).bytes(instanceToBytes(update.instance));
  writeName(writer, update.node);
  writeAddresses(writer, update.addresses);
}

function readUpdate(reader: ByteReader): MemberUpdate | undefined {
  const status = STATUS_NAMES.get(reader.uint8());
  const confirmed = (reader.uint8() & FLAG_CONFIRMED) !== 0;
  const incarnation = reader.uint32();
  const instance = readInstance(reader);
  const node = readName(reader);
  const addresses = readAddresses(reader);
  if (status === undefined || instance === undefined || node === undefined || addresses === undefined) return undefined;
  return { node, instance, incarnation, addresses, status, confirmed };
}

function readInstance(reader: ByteReader): Instance | undefined {
  const bytes = reader.bytes(INSTANCE);
  return bytes.length === INSTANCE ? instanceFromBytes(bytes) : undefined;
}

function writeName(writer: ByteWriter, name: string): void {
  const bytes = new TextEncoder().encode(name);
  writer.uint8(bytes.length).bytes(bytes);
}

function readName(reader: ByteReader): string | undefined {
  const bytes = reader.bytes(reader.uint8());
  return bytes.length === 0 ? undefined : new TextDecoder().decode(bytes);
}

/** Each with its length, so that a family that does not exist yet can be skipped. */
function writeAddresses(writer: ByteWriter, addresses: readonly TransportAddress[]): void {
  const told = addresses.slice(0, MAX_ADDRESSES);
  writer.uint8(told.length);
  for (const { address, port } of told) {
    const bytes = ipAddressToBytes(address);
    writer
      .uint8(FamilyCode[address.family])
      .uint8(bytes.length + 2)
      .bytes(bytes)
      .uint16(port);
  }
}

function readAddresses(reader: ByteReader): readonly TransportAddress[] | undefined {
  const addresses: TransportAddress[] = [];
  for (let left = reader.uint8(); left > 0 && !reader.failed; left--) {
    const family = FAMILY_NAMES.get(reader.uint8());
    const entry = new ByteReader(reader.bytes(reader.uint8()));
    if (family === undefined) continue;
    const bytes = entry.bytes(family === 'ipv4' ? 4 : 16);
    const port = entry.uint16();
    if (entry.failed) return undefined;
    addresses.push({ address: ipAddressFromBytes(bytes), port });
  }
  return addresses;
}

/** A length of two octets, then what `write` writes. */
function measured(writer: ByteWriter, write: () => void): void {
  const at = writer.length;
  writer.uint16(0);
  write();
  writer.patchUint16(at, writer.length - at - 2);
}
