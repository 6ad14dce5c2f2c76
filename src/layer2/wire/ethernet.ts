import { type MacAddress, macAddressFromBytes } from '../../base/mac-address.ts';
import { ETHERNET_HEADER, EtherType, FIRST_ETHER_TYPE } from './constants.ts';

/**
 * Why a frame is not a message for us. `other`: well-formed as far as it was read, but something else than the protocol
 * asked for. `malformed`: it claims to be that protocol and breaks a rule of it.
 */
export type Refusal<Other extends string, Malformed extends string> =
  | { readonly kind: 'other'; readonly reason: Other }
  | { readonly kind: 'malformed'; readonly reason: Malformed };

export type EthernetOther = 'vlan-tagged' | 'length-field' | 'other-ether-type';
export type EthernetMalformed = 'truncated-ethernet';

export interface EthernetHeader {
  readonly source: MacAddress;
  readonly destination: MacAddress;
}

const etherTypeOf = (frame: Uint8Array): number => (frame[12]! << 8) | frame[13]!;

const TRUNCATED = { kind: 'malformed', reason: 'truncated-ethernet' } as const;
const TAGGED = { kind: 'other', reason: 'vlan-tagged' } as const;
const LENGTH_FIELD = { kind: 'other', reason: 'length-field' } as const;
const OTHER_TYPE = { kind: 'other', reason: 'other-ether-type' } as const;

/** Undefined: an untagged Ethernet II frame of that type. Allocates nothing, because it runs for every frame. */
export function refuseEthernet(
  frame: Uint8Array,
  etherType: number,
): Refusal<EthernetOther, EthernetMalformed> | undefined {
  if (frame.length < ETHERNET_HEADER) return TRUNCATED;
  const type = etherTypeOf(frame);
  if (type === etherType) return undefined;
  if (type === EtherType.vlan || type === EtherType.serviceVlan) return TAGGED;
  return type < FIRST_ETHER_TYPE ? LENGTH_FIELD : OTHER_TYPE;
}

/** Of a frame with at least a whole header. */
export const ethernetHeaderOf = (frame: Uint8Array): EthernetHeader => ({
  source: macAddressFromBytes(frame, 6),
  destination: macAddressFromBytes(frame, 0),
});

/** An address that can be one machine's: no group bit (IEEE 802 §8.2), and not all zeros. */
export function isUnicastMac(bytes: Uint8Array, at: number): boolean {
  if ((bytes[at]! & 1) !== 0) return false;
  return (bytes[at]! | bytes[at + 1]! | bytes[at + 2]! | bytes[at + 3]! | bytes[at + 4]! | bytes[at + 5]!) !== 0;
}

export function isBroadcastMac(bytes: Uint8Array, at: number): boolean {
  return (bytes[at]! & bytes[at + 1]! & bytes[at + 2]! & bytes[at + 3]! & bytes[at + 4]! & bytes[at + 5]!) === 0xff;
}

export function sameBytes(a: Uint8Array, at: number, b: Uint8Array, from: number, count: number): boolean {
  for (let i = 0; i < count; i++) if (a[at + i] !== b[from + i]) return false;
  return true;
}
