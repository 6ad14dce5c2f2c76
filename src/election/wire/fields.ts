import type { ByteReader } from '../../base/byte-reader.ts';
import type { ByteWriter } from '../../base/byte-writer.ts';
import { type IpAddress, ipAddressFromBytes, ipAddressToBytes } from '../../base/ip-address.ts';
import type { Instance } from '../../membership/member.ts';
import { CLAIM_CAUSES, type Claim, MAX_TERM } from '../claim.ts';
import { IPV6, VACATED, WEAK } from './constants.ts';

/** Parts that messages have in common. A reader returns undefined for an impossible value; the end is the reader's `failed`. */
export type OwnClaim = Omit<Claim, 'node' | 'instance'>;

export interface AddressTerm {
  readonly address: IpAddress;
  readonly term: number;
}

/** `weak`: as the claim that it would end, and so will be the one that follows. */
export interface Offer extends AddressTerm {
  readonly weak: boolean;
}

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Names of nodes and interfaces, at most 255 octets; what is longer is cut. */
export function writeText(writer: ByteWriter, text: string): void {
  const bytes = utf8.encode(text).subarray(0, 255);
  writer.uint8(bytes.length).bytes(bytes);
}

export function readText(reader: ByteReader): string | undefined {
  const bytes = reader.bytes(reader.uint8());
  try {
    return fromUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

export function writeInstance(writer: ByteWriter, instance: Instance): void {
  for (let i = 0; i < 32; i += 2) writer.uint8(Number.parseInt(instance.slice(i, i + 2), 16));
}

export function readInstance(reader: ByteReader): Instance {
  let text = '';
  for (const byte of reader.bytes(16)) text += byte.toString(16).padStart(2, '0');
  return text as Instance;
}

export function writeAddress(writer: ByteWriter, address: IpAddress): void {
  writer.bytes(ipAddressToBytes(address));
}

/** `flags` has IPV6. */
export function readAddress(reader: ByteReader, flags: number): IpAddress {
  const length = (flags & IPV6) !== 0 ? 16 : 4;
  const bytes = reader.bytes(length);
  return ipAddressFromBytes(bytes.length === length ? bytes : new Uint8Array(length));
}

export const familyFlag = ({ family }: IpAddress): number => (family === 'ipv6' ? IPV6 : 0);

export function writeOwnClaim(writer: ByteWriter, claim: OwnClaim): void {
  const { address, term, phase, weak, cause } = claim;
  writer.uint8(familyFlag(address) | (phase === 'vacated' ? VACATED : 0) | (weak ? WEAK : 0));
  writer.uint8(CLAIM_CAUSES.indexOf(cause)).uint32(term);
  writeAddress(writer, address);
}

export function readOwnClaim(reader: ByteReader): OwnClaim | undefined {
  const flags = reader.uint8();
  // A newer speaker may have causes that we do not know; the rest of the claim is as good.
  const cause = CLAIM_CAUSES[reader.uint8()] ?? 'vacancy';
  const term = reader.uint32();
  const phase = (flags & VACATED) !== 0 ? 'vacated' : 'held';
  const address = readAddress(reader, flags);
  return term > MAX_TERM ? undefined : { address, term, phase, weak: (flags & WEAK) !== 0, cause };
}

export function writeAddressTerm(writer: ByteWriter, { address, term }: AddressTerm): void {
  writer.uint8(familyFlag(address)).uint32(term);
  writeAddress(writer, address);
}

export function readAddressTerm(reader: ByteReader): AddressTerm | undefined {
  const flags = reader.uint8();
  const term = reader.uint32();
  const address = readAddress(reader, flags);
  return term > MAX_TERM ? undefined : { address, term };
}

export function writeOffer(writer: ByteWriter, { address, term, weak }: Offer): void {
  writer.uint8(familyFlag(address) | (weak ? WEAK : 0)).uint32(term);
  writeAddress(writer, address);
}

export function readOffer(reader: ByteReader): Offer | undefined {
  const flags = reader.uint8();
  const term = reader.uint32();
  const address = readAddress(reader, flags);
  return term > MAX_TERM ? undefined : { address, term, weak: (flags & WEAK) !== 0 };
}

export function writeList<T>(
  writer: ByteWriter,
  items: readonly T[],
  write: (writer: ByteWriter, item: T) => void,
): void {
  writer.uint16(items.length);
  for (const item of items) write(writer, item);
}

/** Stops where the bytes end, so that a count that lies costs nothing. */
export function readList<T>(reader: ByteReader, read: (reader: ByteReader) => T | undefined): readonly T[] | undefined {
  const items: T[] = [];
  for (let left = reader.uint16(); left > 0 && !reader.failed; left--) {
    const item = read(reader);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
}
