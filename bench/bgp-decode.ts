/*
 * What it costs to read BGP: stream -> whole messages -> values, prefixes counted, on one core. `npx tsx bench/bgp-decode.ts`
 * prints medians and spread and exits 1 when a target is missed. Hostile input is compared with honest small UPDATEs of as
 * many octets in the same run: what a router can make us do, it can also do by announcing routes.
 */
import { systemClock } from '../src/base/clock.ts';
import { decodeMessage } from '../src/bgp/wire/codec.ts';
import { Framer } from '../src/bgp/wire/framer.ts';
import type { WireContext } from '../src/bgp/wire/message.ts';
import { countPrefixes } from '../src/bgp/wire/nlri.ts';
import {
  AS_PATH,
  attribute,
  bytesOf,
  MANDATORY,
  MP_REACH_6,
  message,
  NEXT_HOP,
  ORIGIN,
  ROUTE_REFRESH,
  update,
} from '../test/bgp/wire/octets.ts';

const RUNS = 7;
const OCTETS = 8 * 1024 * 1024;
/** What a socket gives at once. */
const CHUNK = 65_536;
const PROMISED = 200_000;

interface Stream {
  readonly name: string;
  readonly message: Uint8Array;
  readonly context?: Partial<WireContext>;
}

const hex = (count: number, octets: string): string => octets.repeat(count);
/** As many octets of attributes as fit, of an UPDATE of the agreed size. */
const LARGE: Partial<WireContext> = { extendedMessage: true };
const filled = (octets: string, limit = 65_535): string =>
  hex(Math.floor((limit - 100) / bytesOf(octets).length), octets);

const HONEST: readonly Stream[] = [
  { name: 'UPDATE, one IPv4 prefix (47 octets)', message: update(MANDATORY, '18 cb0071') },
  { name: 'UPDATE, one IPv6 prefix', message: update(MP_REACH_6 + ORIGIN + AS_PATH, '') },
  {
    name: 'UPDATE, MED, three communities, five AS numbers',
    message: update(
      ORIGIN +
        attribute(0x40, 2, `02 05 ${hex(5, '0000fde8')}`) +
        NEXT_HOP +
        attribute(0x80, 4, '00000064') +
        attribute(0xc0, 8, hex(3, 'fde80001')),
    ),
  },
  { name: 'UPDATE, withdraws one prefix', message: update('', '', '18 cb0071') },
];

const HOSTILE: readonly Stream[] = [
  { name: 'one attribute 16,000 times', message: update(MANDATORY + filled('80040164')), context: LARGE },
  {
    name: 'every attribute that nobody knows, again and again',
    message: update(MANDATORY + unknowns()),
    context: LARGE,
  },
  {
    name: 'segments of one AS number',
    message: update(ORIGIN + attribute(0x50, 2, filled('0201 0000fde8')) + NEXT_HOP),
    context: LARGE,
  },
  {
    name: 'an AS_PATH that ends in AS 0',
    message: update(ORIGIN + attribute(0x50, 2, `${filled('0201 0000fde8')} 0201 00000000`) + NEXT_HOP),
    context: LARGE,
  },
  { name: '65,000 prefixes of no bits', message: update(MANDATORY, filled('00')), context: LARGE },
  { name: '65,000 such prefixes, to be withdrawn', message: update(ORIGIN + AS_PATH, filled('00')), context: LARGE },
  {
    name: 'a prefix that goes beyond the end, behind 13,000',
    message: update('', '', `${filled('20 cb007101')} 20`),
    context: LARGE,
  },
  { name: '16,000 communities', message: update(MANDATORY + attribute(0xd0, 8, filled('fde80001'))), context: LARGE },
  {
    name: '8,000 extended communities',
    message: update(MANDATORY + attribute(0xd0, 16, filled('0002fde800000001'))),
    context: LARGE,
  },
  {
    name: 'a cluster list of 16,000',
    message: update(MANDATORY + attribute(0x90, 10, filled('0a000001'))),
    context: { ...LARGE, peerType: 'internal' },
  },
  {
    name: 'AS4_PATH and AS_PATH of 10,000 segments, to be merged',
    message: update(
      ORIGIN +
        attribute(0x50, 2, filled('0101 5ba0', 24_000)) +
        NEXT_HOP +
        attribute(0xd0, 17, filled('0101 000186a0', 36_000)),
    ),
    context: { ...LARGE, as4: false },
  },
  {
    name: 'UPDATE with an ORIGIN that is not defined (47 octets)',
    message: update(attribute(0x40, 1, '05') + AS_PATH + NEXT_HOP, '18 cb0071'),
  },
  {
    name: 'UPDATE with a LOCAL_PREF that is none of its business',
    message: update(MANDATORY + attribute(0x40, 5, '00000064'), '18 cb0071'),
  },
  { name: 'ROUTE-REFRESH that is ignored', message: message(ROUTE_REFRESH, '0001 09 01') },
];

function unknowns(): string {
  let octets = '';
  for (let type = 41; type < 128; type++) octets += attribute(0xc0, type, '');
  return filled(octets);
}

/** Seconds for all of the octets. */
function timeOf({ message: bytes, context }: Stream): { readonly elapsed: number; readonly messages: number } {
  const agreed: WireContext = {
    as4: true,
    addPath: { ipv4: false, ipv6: false },
    extendedMessage: false,
    extendedNextHop: false,
    peerType: 'external',
    ...context,
  };
  const messages = Math.floor(OCTETS / bytes.length);
  const stream = new Uint8Array(messages * bytes.length);
  for (let at = 0; at < stream.length; at += bytes.length) stream.set(bytes, at);
  const framer = new Framer();
  let read = 0;
  let prefixes = 0;
  const start = systemClock.now();
  for (let at = 0; at < stream.length; at += CHUNK) {
    framer.add(stream.subarray(at, at + CHUNK));
    for (let framed = framer.next(agreed); framed !== undefined; framed = framer.next(agreed)) {
      if (framed.kind === 'error') throw new Error(framed.error.message);
      const decoded = decodeMessage(framed.bytes, agreed);
      read++;
      if (!decoded.ok || decoded.message.kind !== 'update') continue;
      const { withdrawn, announced, attributes } = decoded.message;
      prefixes += countPrefixes(withdrawn) + countPrefixes(announced);
      if (attributes.mpReach !== undefined) prefixes += countPrefixes(attributes.mpReach.nlri);
    }
  }
  const elapsed = (systemClock.now() - start) / 1000;
  if (read !== messages) throw new Error(`${read} of ${messages} messages were read`);
  return { elapsed, messages: prefixes < 0 ? 0 : messages };
}

interface Figure {
  readonly name: string;
  readonly perSecond: readonly number[];
  /** Megabytes a second. */
  readonly speed: readonly number[];
}

function measured(streams: readonly Stream[]): readonly Figure[] {
  const figures = streams.map(({ name }) => ({ name, perSecond: [] as number[], speed: [] as number[] }));
  for (let run = 0; run < RUNS; run++)
    for (const [i, stream] of streams.entries()) {
      const { elapsed, messages } = timeOf(stream);
      figures[i]!.perSecond.push(messages / elapsed);
      figures[i]!.speed.push(OCTETS / elapsed / 1e6);
    }
  return figures;
}

const sorted = (values: readonly number[]): readonly number[] => values.toSorted((a, b) => a - b);
const median = (values: readonly number[]): number => sorted(values)[values.length >> 1]!;
const write = (text: string): void => void process.stdout.write(`${text}\n`);

const figures = measured([...HONEST, ...HOSTILE]);
const honest = figures.slice(0, HONEST.length);
const hostile = figures.slice(HONEST.length);
let missed = 0;
write(
  `${'messages a second, one core'.padEnd(58)}${'median'.padStart(12)}${'slowest'.padStart(12)}${'fastest'.padStart(12)}`,
);
for (const { name, perSecond } of honest) {
  const kept = median(perSecond) >= PROMISED;
  if (!kept) missed++;
  const values = [median(perSecond), sorted(perSecond)[0]!, sorted(perSecond).at(-1)!];
  const shown = values.map((value) => Math.round(value).toLocaleString('en').padStart(12)).join('');
  write(`${name.padEnd(58)}${shown}   >= ${PROMISED.toLocaleString('en')} ${kept ? 'kept' : 'MISSED'}`);
}
/** The honest one that costs most for an octet is not chosen: the plainest UPDATE is. */
const plain = honest[0]!;
write(
  `\n${`cost of an octet; 1 = ${plain.name}`.padEnd(58)}${'median'.padStart(12)}${'least'.padStart(12)}${'most'.padStart(12)}`,
);
for (const { name, speed } of hostile) {
  const ratios = sorted(speed.map((value, run) => plain.speed[run]! / value));
  const kept = median(ratios) <= 1;
  if (!kept) missed++;
  const values = [median(ratios), ratios[0]!, ratios.at(-1)!]
    .map((value) => `${value.toFixed(2)}x`.padStart(12))
    .join('');
  write(`${name.padEnd(58)}${values}   <= 1.00x ${kept ? 'kept' : 'MISSED'}`);
}
process.exitCode = missed > 0 ? 1 : 0;
