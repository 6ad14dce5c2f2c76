import { ByteReader } from '../../base/byte-reader.ts';
import { ByteWriter } from '../../base/byte-writer.ts';
import { ms } from '../../base/clock.ts';
import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import { unreachable } from '../../base/errors.ts';
import type { IpAddress } from '../../base/ip-address.ts';
import type { Instance } from '../../membership/member.ts';
import type { Claim, Digest } from '../claim.ts';
import type { Facts } from '../facts.ts';
import { KINDS, SETTLED, STANDINGS, STRONG, VERSION } from './constants.ts';
import { factsFlags, readFacts, writeFacts } from './facts.ts';
import {
  type AddressTerm,
  type Offer,
  type OwnClaim,
  readAddressTerm,
  readInstance,
  readList,
  readOffer,
  readOwnClaim,
  readText,
  writeAddressTerm,
  writeInstance,
  writeList,
  writeOffer,
  writeOwnClaim,
  writeText,
} from './fields.ts';

/**
 * What members say to each other, one message a payload: version, kind, fields. Membership carries it reliably, at least
 * once and in no order, so every message may come twice or late without harm.
 */
export type Message =
  /** `strong`: hears more than half of the members it agreed with. */
  | {
      readonly kind: 'facts';
      readonly sequence: number;
      readonly settled: boolean;
      readonly strong: boolean;
      readonly facts: Facts;
    }
  /** Wants the table: at the start, or (`asleep` > 0, in ms) after a pause, with the digest of its own claims. */
  | { readonly kind: 'ask'; readonly asleep: number; readonly digest: Digest }
  /** The answer, in parts. All claims that are known; none when `confirmed`. */
  | {
      readonly kind: 'table';
      readonly part: Part;
      readonly standing: (typeof STANDINGS)[number];
      readonly strong: boolean;
      readonly claims: readonly Claim[];
    }
  /** New claims of the sender. */
  | { readonly kind: 'claims'; readonly sequence: number; readonly claims: readonly OwnClaim[] }
  /** All that the sender holds, in parts: what it claimed before and is not there, it holds no more. */
  | { readonly kind: 'own'; readonly part: Part; readonly claims: readonly OwnClaim[] }
  /** Digest of what the sender holds; `mutual`: tell me yours. */
  | { readonly kind: 'check'; readonly digest: Digest; readonly mutual: boolean }
  | { readonly kind: 'ask-own' }
  /** Take these, within `expiry` ms. */
  | { readonly kind: 'offers'; readonly expiry: number; readonly offers: readonly Offer[] }
  | { readonly kind: 'declines'; readonly declines: readonly AddressTerm[] }
  /** Terms that were seen, to a holder that seems not to know them. */
  | { readonly kind: 'terms'; readonly terms: readonly AddressTerm[] }
  /** Hand these over to me: your view of the API is old, and by mine you may not hold them. */
  | { readonly kind: 'requests'; readonly requests: readonly AddressTerm[] };

/** `sequence` grows with all that a process says of itself and its claims, and names a list that comes in parts. */
export interface Part {
  readonly sequence: number;
  readonly index: number;
  readonly count: number;
}

export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter(256).uint8(VERSION).uint8(KINDS[message.kind]);
  switch (message.kind) {
    case 'facts':
      writer.uint32(message.sequence).uint8(factsFlags(message.facts, message.settled, message.strong));
      writeFacts(writer, message.facts);
      break;
    case 'ask':
      writer.uint32(message.asleep);
      writeDigest(writer, message.digest);
      break;
    case 'table':
      writePart(writer, message.part);
      writer.uint8(STANDINGS.indexOf(message.standing)).uint8(message.strong ? STRONG : 0);
      writeList(writer, groupByMaker(message.claims), writeGroup);
      break;
    case 'claims':
      writer.uint32(message.sequence);
      writeList(writer, message.claims, writeOwnClaim);
      break;
    case 'own':
      writePart(writer, message.part);
      writeList(writer, message.claims, writeOwnClaim);
      break;
    case 'check':
      writeDigest(writer, message.digest);
      writer.uint8(Number(message.mutual));
      break;
    case 'ask-own':
      break;
    case 'offers':
      writer.uint16(message.expiry);
      writeList(writer, message.offers, writeOffer);
      break;
    case 'declines':
      writeList(writer, message.declines, writeAddressTerm);
      break;
    case 'terms':
      writeList(writer, message.terms, writeAddressTerm);
      break;
    case 'requests':
      writeList(writer, message.requests, writeAddressTerm);
      break;
    default:
      unreachable(message);
  }
  return writer.finish();
}

/** `unknown`: from a newer speaker, to be skipped. */
export function decodeMessage(bytes: Uint8Array): Decoded<Message | 'unknown', string> {
  const reader = new ByteReader(bytes);
  if (reader.uint8() !== VERSION) return reader.failed ? malformed('empty') : decoded('unknown');
  const message = readMessage(reader);
  if (reader.failed) return malformed('shorter than its fields');
  return message === undefined ? malformed('a field has an impossible value') : decoded(message);
}

function readMessage(reader: ByteReader): Message | 'unknown' | undefined {
  switch (reader.uint8()) {
    case KINDS.facts: {
      const sequence = reader.uint32();
      const flags = reader.uint8();
      const facts = readFacts(reader, flags);
      const [settled, strong] = [(flags & SETTLED) !== 0, (flags & STRONG) !== 0];
      return facts && { kind: 'facts', sequence, settled, strong, facts };
    }
    case KINDS.ask:
      return { kind: 'ask', asleep: ms(reader.uint32()), digest: readDigest(reader) };
    case KINDS.table: {
      const part = readPart(reader);
      const standing = STANDINGS[reader.uint8()];
      const strong = (reader.uint8() & STRONG) !== 0;
      const groups = readList(reader, readGroup);
      if (part === undefined || standing === undefined || groups === undefined) return undefined;
      return { kind: 'table', part, standing, strong, claims: groups.flat() };
    }
    case KINDS.claims: {
      const sequence = reader.uint32();
      const claims = readList(reader, readOwnClaim);
      return claims && { kind: 'claims', sequence, claims };
    }
    case KINDS.own: {
      const part = readPart(reader);
      const claims = readList(reader, readOwnClaim);
      return part && claims && { kind: 'own', part, claims };
    }
    case KINDS.check:
      return { kind: 'check', digest: readDigest(reader), mutual: reader.uint8() !== 0 };
    case KINDS['ask-own']:
      return { kind: 'ask-own' };
    case KINDS.offers: {
      const expiry = reader.uint16();
      const offers = readList(reader, readOffer);
      return offers && { kind: 'offers', expiry, offers };
    }
    case KINDS.declines: {
      const declines = readList(reader, readAddressTerm);
      return declines && { kind: 'declines', declines };
    }
    case KINDS.terms: {
      const terms = readList(reader, readAddressTerm);
      return terms && { kind: 'terms', terms };
    }
    case KINDS.requests: {
      const requests = readList(reader, readAddressTerm);
      return requests && { kind: 'requests', requests };
    }
    default:
      return 'unknown';
  }
}

const writeDigest = (writer: ByteWriter, { high, low }: Digest): void => {
  writer.uint32(high).uint32(low);
};
const readDigest = (reader: ByteReader): Digest => ({ high: reader.uint32(), low: reader.uint32() });

const writePart = (writer: ByteWriter, { sequence, index, count }: Part): void => {
  writer.uint32(sequence).uint16(index).uint16(count);
};

function readPart(reader: ByteReader): Part | undefined {
  const part = { sequence: reader.uint32(), index: reader.uint16(), count: reader.uint16() };
  return part.index < part.count ? part : undefined;
}

interface Group {
  readonly node: string;
  readonly instance: Instance;
  readonly claims: readonly OwnClaim[];
}

/** Neighbours by the same maker share its name. */
function groupByMaker(claims: readonly Claim[]): readonly Group[] {
  const groups: { node: string; instance: Instance; claims: OwnClaim[] }[] = [];
  for (const claim of claims) {
    const last = groups.at(-1);
    if (last?.instance === claim.instance && last.node === claim.node) last.claims.push(claim);
    else groups.push({ node: claim.node, instance: claim.instance, claims: [claim] });
  }
  return groups;
}

function writeGroup(writer: ByteWriter, { node, instance, claims }: Group): void {
  writeText(writer, node);
  writeInstance(writer, instance);
  writeList(writer, claims, writeOwnClaim);
}

function readGroup(reader: ByteReader): readonly Claim[] | undefined {
  const node = readText(reader);
  const instance = readInstance(reader);
  const claims = readList(reader, readOwnClaim);
  return node === undefined ? undefined : claims?.map((claim) => ({ ...claim, node, instance }));
}

/** Octets that a claim takes where its maker is known. */
export const claimSize = ({ address }: { readonly address: IpAddress }): number =>
  address.family === 'ipv4' ? 10 : 22;
/** Octets that naming the maker takes. */
export const makerSize = ({ node }: { readonly node: string }): number => 1 + node.length + 16 + 2;
