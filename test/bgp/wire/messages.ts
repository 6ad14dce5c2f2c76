import fc from 'fast-check';
import { type IpFamily, ipAddress } from '../../../src/base/ip-address.ts';
import { type Prefix, prefixOf } from '../../../src/base/prefix.ts';
import type {
  Capability,
  Family,
  Message,
  Nlri,
  PathAttributes,
  PathSegment,
  WireContext,
} from '../../../src/bgp/wire/message.ts';
import { unicastOf, writePrefix } from '../../../src/bgp/wire/nlri.ts';

/** Every message that a speaker may send, within what a session agreed on. */
export const anyContext: fc.Arbitrary<WireContext> = fc.record({
  as4: fc.boolean(),
  addPath: fc.record({ ipv4: fc.boolean(), ipv6: fc.boolean() }),
  extendedMessage: fc.boolean(),
  extendedNextHop: fc.boolean(),
  peerType: fc.constantFrom('internal', 'external', 'confederation'),
});

const uint8 = fc.integer({ min: 0, max: 0xff });
const uint16 = fc.integer({ min: 0, max: 0xffff });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const octets = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
/** `extendedLength` is set by what is written, so the generated flags have it only where they may. */
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });

export const anyPrefix = (family: IpFamily): fc.Arbitrary<Prefix> =>
  family === 'ipv4'
    ? fc
        .tuple(uint32, fc.integer({ min: 0, max: 32 }))
        .map(([bits, length]) => prefixOf(ipAddress('ipv4', BigInt(bits)), length))
    : fc
        .tuple(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), fc.integer({ min: 0, max: 128 }))
        .map(([value, length]) => prefixOf(ipAddress('ipv6', value), length));

const family: fc.Arbitrary<Family> = fc.record({ afi: uint16, safi: uint8 });

function nlri(ip: IpFamily, addPath: boolean, minLength = 0): fc.Arbitrary<Nlri> {
  return fc.array(fc.tuple(anyPrefix(ip), uint32), { minLength, maxLength: 12 }).map((entries) => {
    const bytes = new Uint8Array(entries.length * 21);
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (const [prefix, pathId] of entries) {
      if (addPath) {
        view.setUint32(at, pathId);
        at += 4;
      }
      at = writePrefix(bytes, at, prefix);
    }
    return { family: unicastOf(ip), addPath, bytes: bytes.slice(0, at) };
  });
}

const unicast4 = fc.integer({ min: 0x0100_0000, max: 0x7eff_ffff }).map((bits) => ipAddress('ipv4', BigInt(bits)));
const any4 = uint32.map((bits) => ipAddress('ipv4', BigInt(bits)));
const unicast6 = fc.bigInt({ min: 2n, max: (0xffn << 120n) - 1n }).map((value) => ipAddress('ipv6', value));

const asn = fc.integer({ min: 1, max: 0xffff_ffff });
const segment = (...kinds: PathSegment['kind'][]): fc.Arbitrary<PathSegment> =>
  fc.record({ kind: fc.constantFrom(...kinds), asns: fc.array(asn, { minLength: 1, maxLength: 8 }) });

/**
 * What an old speaker has in between comes back whole where it is told in the AS4 attributes: not for confederations, which
 * know none. Two sequences side by side are one where AS_PATH and AS4_PATH meet, so there is one at most.
 */
function asPath({ as4, peerType }: WireContext): fc.Arbitrary<readonly PathSegment[]> {
  const open = fc.array(segment('sequence', 'set'), { maxLength: 4 });
  if (!as4 && peerType !== 'external')
    return peerType === 'internal' ? open : fc.constant([{ kind: 'confed-sequence', asns: [65_001] } as const]);
  const inside = fc.array(segment('sequence', 'set', 'confed-sequence', 'confed-set'), { maxLength: 4 });
  if (peerType === 'external') return open;
  if (peerType === 'internal') return inside;
  return fc.tuple(segment('confed-sequence'), inside).map(([first, rest]) => [first, ...rest]);
}

const unknown = fc.record({
  type: fc.integer({ min: 200, max: 254 }),
  flags: fc.constantFrom(0x80, 0xc0, 0xe0),
  value: octets(60),
});

const list = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<readonly T[] | undefined> =>
  optional(fc.array(value, { minLength: 1, maxLength: 70 }));

function attributes(context: WireContext): fc.Arbitrary<PathAttributes> {
  const { peerType, extendedNextHop, addPath } = context;
  const never = fc.constant(undefined);
  const onlyTo = <T>(isSo: boolean, value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => (isSo ? value : never);
  const reach6 = fc.record({
    nextHops: fc.array(unicast6, { minLength: 1, maxLength: 2 }),
    nlri: nlri('ipv6', addPath.ipv6),
  });
  const reach4 = fc.record({
    nextHops: extendedNextHop ? fc.array(unicast6, { minLength: 1, maxLength: 2 }) : fc.tuple(unicast4),
    nlri: nlri('ipv4', addPath.ipv4),
  });
  return fc.record({
    origin: fc.constantFrom('igp' as const, 'egp' as const, 'incomplete' as const),
    asPath: asPath(context),
    nextHop: unicast4,
    med: optional(uint32),
    localPref: onlyTo(peerType !== 'external', optional(uint32)),
    atomicAggregate: optional(fc.constant(true as const)),
    aggregator: optional(fc.record({ asn, address: any4 })),
    communities: list(uint32),
    originatorId: onlyTo(peerType !== 'external', optional(uint32)),
    clusterList: onlyTo(peerType !== 'external', list(uint32)),
    mpReach: optional(fc.oneof(reach6, reach4)),
    mpUnreach: optional(fc.oneof(nlri('ipv6', addPath.ipv6), nlri('ipv4', addPath.ipv4))),
    extendedCommunities: list(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
    largeCommunities: list(fc.record({ global: uint32, local1: uint32, local2: uint32 })),
    unknown: optional(fc.uniqueArray(unknown, { selector: ({ type }) => type, minLength: 1, maxLength: 5 })),
  });
}

const capability: fc.Arbitrary<Capability> = fc.oneof(
  fc.record({ kind: fc.constant('multiprotocol' as const), family }),
  fc.constantFrom<Capability>(
    { kind: 'route-refresh' },
    { kind: 'extended-message' },
    { kind: 'enhanced-route-refresh' },
  ),
  fc.record({ kind: fc.constant('role' as const), role: uint8 }),
  fc.record({
    kind: fc.constant('extended-next-hop' as const),
    families: fc.array(fc.record({ family: fc.record({ afi: uint16, safi: uint16 }), nextHopAfi: uint16 }), {
      maxLength: 4,
    }),
  }),
  fc.record({
    kind: fc.constant('graceful-restart' as const),
    restarting: fc.boolean(),
    notification: fc.boolean(),
    restartTime: fc.integer({ min: 0, max: 4095 }),
    families: fc.array(fc.record({ family, forwarding: fc.boolean() }), { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('as4' as const), asn }),
  fc.record({
    kind: fc.constant('add-path' as const),
    families: fc.array(
      fc.record({ family, receive: fc.boolean(), send: fc.boolean() }).filter(({ receive, send }) => receive || send),
      { maxLength: 4 },
    ),
  }),
  fc.record({
    kind: fc.constant('fqdn' as const),
    hostName: fc.string({ maxLength: 40 }),
    domainName: fc.string({ maxLength: 40 }),
  }),
  fc.record({ kind: fc.constant('unknown' as const), code: fc.integer({ min: 128, max: 254 }), value: octets(255) }),
);

export const anyMessage = (context: WireContext): fc.Arbitrary<Message> =>
  fc.oneof(
    fc.constant<Message>({ kind: 'keepalive' }),
    fc.record({
      kind: fc.constant('open' as const),
      as2: fc.integer({ min: 1, max: 0xffff }),
      holdTime: fc.oneof(fc.constant(0), fc.integer({ min: 3, max: 0xffff })),
      routerId: fc.integer({ min: 1, max: 0xffff_ffff }),
      capabilities: fc.array(capability, { maxLength: 12 }),
    }),
    fc.record({ kind: fc.constant('notification' as const), code: uint8, subcode: uint8, data: octets(300) }),
    fc.record({
      kind: fc.constant('route-refresh' as const),
      family,
      subtype: fc.constant(0),
      orf: optional(fc.uint8Array({ minLength: 1, maxLength: 40 })),
    }),
    fc.record({ kind: fc.constant('route-refresh' as const), family, subtype: fc.constantFrom(1, 2) }),
    fc.record({
      kind: fc.constant('update' as const),
      withdrawn: nlri('ipv4', context.addPath.ipv4),
      attributes: attributes(context),
      announced: nlri('ipv4', context.addPath.ipv4),
    }),
  );
