import { type Decoded, decoded, malformed } from './decoded.ts';
import { bitsOf, formatIpAddress, type IpAddress, ipAddress, parseIpAddress } from './ip-address.ts';

/** A network: the address with all host bits zero, and the number of leading bits that count. */
export interface Prefix {
  readonly address: IpAddress;
  readonly length: number;
}

const hostMask = (prefixBits: number): bigint => (1n << BigInt(prefixBits)) - 1n;

/** The prefix of that length in which the address lies; host bits are cleared. */
export function prefixOf(address: IpAddress, length: number): Prefix {
  const mask = hostMask(bitsOf(address.family) - length);
  return { address: ipAddress(address.family, address.value & ~mask), length };
}

/** Reads "192.0.2.0/24". Host bits are accepted and cleared, as MetalLB does; a bare address is not a prefix. */
export function parsePrefix(text: string): Decoded<Prefix, string> {
  const slash = text.indexOf('/');
  if (slash < 0) return malformed(`"${text}" has no prefix length; for one address write /32 or /128`);
  const address = parseIpAddress(text.slice(0, slash));
  if (!address.ok) return address;
  const lengthText = text.slice(slash + 1);
  const limit = bitsOf(address.value.family);
  if (!/^(0|[1-9]\d{0,2})$/.test(lengthText) || Number(lengthText) > limit)
    return malformed(`"/${lengthText}" is not a prefix length: 0 to ${limit} is possible here`);
  return decoded(prefixOf(address.value, Number(lengthText)));
}

export const formatPrefix = ({ address, length }: Prefix): string => `${formatIpAddress(address)}/${length}`;

export function prefixCovers(prefix: Prefix, address: IpAddress): boolean {
  if (prefix.address.family !== address.family) return false;
  const shift = BigInt(bitsOf(address.family) - prefix.length);
  return prefix.address.value >> shift === address.value >> shift;
}
