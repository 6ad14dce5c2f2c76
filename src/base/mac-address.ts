import { type Decoded, decoded, malformed } from './decoded.ts';

/** A 48-bit hardware address, always written "02:00:00:00:00:01" (lower case), so that equal addresses are equal strings. */
export type MacAddress = string & { readonly __format: 'mac' };

const TEXT = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff' as MacAddress;

export function parseMacAddress(text: string): Decoded<MacAddress, string> {
  const lower = text.toLowerCase();
  return TEXT.test(lower)
    ? decoded(lower as MacAddress)
    : malformed(`"${text}" is not a MAC address (02:00:00:00:00:01)`);
}

/** Of the six bytes at `offset`; the caller has checked the length. */
export function macAddressFromBytes(bytes: Uint8Array, offset = 0): MacAddress {
  let text = HEX[bytes[offset]!]!;
  for (let i = 1; i < 6; i++) text += `:${HEX[bytes[offset + i]!]}`;
  return text as MacAddress;
}

export function macAddressToBytes(mac: MacAddress): Uint8Array {
  const bytes = new Uint8Array(6);
  for (let i = 0; i < 6; i++) bytes[i] = Number.parseInt(mac.slice(3 * i, 3 * i + 2), 16);
  return bytes;
}
