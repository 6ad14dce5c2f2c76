import { LITTLE_ENDIAN } from '../host-order.ts';

/**
 * The frame of every netlink message and its attributes: netlink(7), linux/netlink.h. Numbers are in the machine's own byte
 * order. What the kernel writes is trusted no more than a peer's octets: a length that does not fit ends the reading.
 */

const HEADER = 16;
const ATTRIBUTE_HEADER = 4;
/** NLA_TYPE_MASK: the two bits above are NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const ATTRIBUTE_TYPE = 0x3fff;

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const aligned = (length: number): number => (length + 3) & ~3;

/** The messages of one datagram. The bodies are views into it. */
export function decodeMessages(datagram: Uint8Array): readonly NetlinkMessage[] {
  const view = viewOf(datagram);
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + HEADER <= datagram.length; ) {
    const length = view.getUint32(at, LITTLE_ENDIAN);
    if (length < HEADER || at + length > datagram.length) break;
    messages.push({
      type: view.getUint16(at + 4, LITTLE_ENDIAN),
      flags: view.getUint16(at + 6, LITTLE_ENDIAN),
      sequence: view.getUint32(at + 8, LITTLE_ENDIAN),
      body: datagram.subarray(at + HEADER, at + length),
    });
    at += aligned(length);
  }
  return messages;
}

/** One message as a datagram; port 0 is the kernel's and, as a sender's, filled in by it. */
export function encodeMessage({ type, flags, sequence, body }: NetlinkMessage): Uint8Array {
  const datagram = new Uint8Array(aligned(HEADER + body.length));
  const view = viewOf(datagram);
  view.setUint32(0, HEADER + body.length, LITTLE_ENDIAN);
  view.setUint16(4, type, LITTLE_ENDIAN);
  view.setUint16(6, flags, LITTLE_ENDIAN);
  view.setUint32(8, sequence, LITTLE_ENDIAN);
  datagram.set(body, HEADER);
  return datagram;
}

/** By type; of a repeated one the last counts. */
export function decodeAttributes(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const view = viewOf(bytes);
  const attributes = new Map<number, Uint8Array>();
  for (let at = 0; at + ATTRIBUTE_HEADER <= bytes.length; ) {
    const length = view.getUint16(at, LITTLE_ENDIAN);
    if (length < ATTRIBUTE_HEADER || at + length > bytes.length) break;
    attributes.set(
      view.getUint16(at + 2, LITTLE_ENDIAN) & ATTRIBUTE_TYPE,
      bytes.subarray(at + ATTRIBUTE_HEADER, at + length),
    );
    at += aligned(length);
  }
  return attributes;
}
