import { Scalar } from 'yaml';
import { isFields } from '../base/fields.ts';
import { parseIpAddress } from '../base/ip-address.ts';
import { didYouMean } from './closest.ts';
import type { Element, ListSection } from './element.ts';
import { type Fault, type Located, type Place, placeAt, plainObject, type ReadScalar } from './tree.ts';

/**
 * MetalLB's dialect up to v0.12 (ConfigMap "config", key `config`): its elements are rewritten in our words, so that one set of rules
 * judges both. What differs is done here: names in kebab-case, Go's zero values ("" and 0 mean "not given"), YAML as yaml.v2
 * reads it, and pools that carry their own advertisements.
 *
 * Standards: MetalLB v0.12.1 internal/config/config.go. Fields of its native and its FRR mode are both accepted.
 */
interface Shape {
  readonly [legacy: string]: readonly [ours: string, inner?: Shape | 'texts'];
}
const SELECTOR: Shape = {
  'match-labels': ['matchLabels'],
  'match-expressions': ['matchExpressions', { key: ['key'], operator: ['operator'], values: ['values', 'texts'] }],
};
const PEER: Shape = {
  'my-asn': ['myASN'],
  'peer-asn': ['peerASN'],
  'peer-address': ['peerAddress'],
  'source-address': ['sourceAddress'],
  'peer-port': ['peerPort'],
  'hold-time': ['holdTime'],
  'keepalive-time': ['keepaliveTime'],
  'router-id': ['routerID'],
  'node-selectors': ['nodeSelectors', SELECTOR],
  password: ['password'],
  'bfd-profile': ['bfdProfile'],
  'ebgp-multihop': ['ebgpMultiHop'],
};
const ADVERTISEMENT: Shape = {
  'aggregation-length': ['aggregationLength'],
  'aggregation-length-v6': ['aggregationLengthV6'],
  localpref: ['localPref'],
  communities: ['communities', 'texts'],
};
const POOL: Shape = {
  name: ['name'],
  protocol: ['protocol'],
  addresses: ['addresses', 'texts'],
  'avoid-buggy-ips': ['avoidBuggyIPs'],
  'auto-assign': ['autoAssign'],
  'bgp-advertisements': ['bgpAdvertisements', ADVERTISEMENT],
};
const BFD_PROFILE: Shape = {
  name: ['name'],
  'receive-interval': ['receiveInterval'],
  'transmit-interval': ['transmitInterval'],
  'detect-multiplier': ['detectMultiplier'],
  'echo-interval': ['echoInterval'],
  'echo-mode': ['echoMode'],
  'passive-mode': ['passiveMode'],
  'minimum-ttl': ['minimumTtl'],
};

/** Keys by which the dialect is told; `peers` belongs to both. */
export const LEGACY_KEYS = ['address-pools', 'bgp-communities', 'bfd-profiles'] as const;
export const LEGACY_PEER_KEYS: readonly string[] = Object.keys(PEER).filter((key) => key.includes('-'));

const NUMBERS = new Set([
  'my-asn',
  'peer-asn',
  'peer-port',
  'aggregation-length',
  'aggregation-length-v6',
  'localpref',
  ...Object.keys(BFD_PROFILE).slice(1, 5),
  'minimum-ttl',
]);
const BOOLEANS = new Set(['ebgp-multihop', 'avoid-buggy-ips', 'auto-assign', 'echo-mode', 'passive-mode']);

/** yaml.v2 into Go fields: a text field takes any scalar as it is written, a bool also YAML 1.1's words. */
export const readLegacyScalar: ReadScalar = (scalar, key = '') => {
  if (scalar.value === null) return undefined;
  if (scalar.type !== Scalar.PLAIN || NUMBERS.has(key)) return scalar.value;
  const text = scalar.source ?? '';
  if (!BOOLEANS.has(key)) return text;
  if (/^(y|Y|yes|Yes|YES|on|On|ON)$/.test(text)) return true;
  if (/^(n|N|no|No|NO|off|Off|OFF)$/.test(text)) return false;
  return scalar.value;
};

const NAMES = new Map<string, string>();
for (const shape of [PEER, POOL, ADVERTISEMENT, BFD_PROFILE, SELECTOR])
  for (const [legacy, [ours]] of Object.entries(shape)) NAMES.set(ours, legacy);
const writtenAs = (field: string): string => NAMES.get(field) ?? field;

export const legacyPeer = (located: Located, index: number): Element => {
  const { value, place, faults } = rewrite(located, PEER, 'a peer');
  const name = `peer${index + 1}`;
  const peer = withoutZeros(value);
  if (!isFields(peer)) return element('peers', name, peer, place, faults, index);
  const { routerID, ...rest } = peer;
  const read = parseIpAddress(textOf(routerID));
  if (!read.ok || read.value.family === 'ipv4') return element('peers', name, { ...peer, name }, place, faults, index);
  // MetalLB 0.12 takes any address; only an IPv4 one can be sent.
  const message = `"router-id" ${textOf(routerID)} has no effect: a router ID is an IPv4 address (RFC 4271 §4.2)`;
  const ignored: Fault = { code: 'no-effect', at: placeAt(place, ['routerID']).at, message };
  return element('peers', name, { ...rest, name }, place, [...faults, ignored], index);
};

export const legacyBfdProfile = (located: Located, index: number): Element => {
  const { value, place, faults } = rewrite(located, BFD_PROFILE, 'a BFD profile');
  return element('bfdProfiles', nameIn(value), withoutZeros(value, ['name']), place, faults, index);
};

/** The pool, and what its protocol says about announcing it. */
export function legacyPool(located: Located, index: number): readonly Element[] {
  const { value, place, faults } = rewrite(located, POOL, 'a pool');
  if (!isFields(value)) return [element('pools', undefined, value, place, faults, index)];
  const { protocol, bgpAdvertisements, ...rest } = value;
  const name = nameIn(value);
  const pool = (more: readonly Fault[]) =>
    element('pools', name, withoutZeros(rest, ['name']), place, [...faults, ...more], index);
  const refused = (code: Fault['code'], path: readonly string[], message: string) => [
    pool([{ code, at: placeAt(place, path).at, message }]),
  ];
  const called = name === undefined ? 'the pool' : `pool "${name}"`;
  if (protocol === undefined || protocol === '')
    return refused('missing-field', [], `${called} has no "protocol"; write layer2 or bgp`);
  if (protocol !== 'layer2' && protocol !== 'bgp')
    return refused(
      'bad-value',
      ['protocol'],
      `"protocol" of ${called} is not layer2 or bgp.${didYouMean(textOf(protocol), ['layer2', 'bgp'])}`,
    );
  const given = bgpAdvertisements ?? [];
  if (!Array.isArray(given))
    return refused('wrong-type', ['bgpAdvertisements'], `"bgp-advertisements" of ${called} is not a list`);
  if (protocol === 'layer2' && given.length > 0)
    return refused(
      'conflicting-fields',
      ['bgpAdvertisements'],
      `${called} has protocol layer2, so it cannot have "bgp-advertisements"`,
    );
  if (name === undefined) return [pool([])];
  const nothing: Located = { value: {}, place, faults: [] };
  if (protocol === 'layer2') return [pool([]), advertisement('l2Advertisements', name, name, nothing, index)];
  const listed = given.map(
    (item: unknown, i): Located => ({ value: item, place: placeAt(place, ['bgpAdvertisements', i]), faults: [] }),
  );
  const all = listed.length === 0 ? [nothing] : listed;
  return [
    pool([]),
    ...all.map((item, i) =>
      advertisement('bgpAdvertisements', all.length === 1 ? name : `${name}-${i + 1}`, name, item, i),
    ),
  ];
}

function advertisement(
  section: ListSection,
  name: string,
  pool: string,
  { value, place }: Located,
  index: number,
): Element {
  return element(section, name, isFields(value) ? { ...value, name, ipAddressPools: [pool] } : value, place, [], index);
}

function element(
  section: ListSection,
  name: string | undefined,
  value: unknown,
  place: Place,
  faults: readonly Fault[],
  index: number,
): Element {
  return { section, name, position: index + 1, value, place, faults, writtenAs };
}

function rewrite(located: Located, shape: Shape, kind: string): Located {
  const faults = [...located.faults];
  const { value, place } = renamed(located.value ?? {}, located.place, shape, kind, faults);
  return { value, place, faults };
}

/** The same value and places under our names. An empty item of a list of mappings is an empty mapping, as in Go. */
function renamed(
  value: unknown,
  place: Place,
  shape: Shape,
  kind: string,
  faults: Fault[],
): { value: unknown; place: Place } {
  if (!isFields(value)) return { value, place };
  const values: [string, unknown][] = [];
  const parts = new Map<string | number, { keyAt: number; place: Place }>();
  for (const [key, inner] of Object.entries(value)) {
    const part = place.parts.get(key) ?? { keyAt: place.at, place };
    const known = Object.hasOwn(shape, key) ? shape[key] : undefined;
    if (known === undefined) {
      faults.push({
        code: 'unknown-key',
        at: part.keyAt,
        message: `"${key}" is not a field of ${kind} in MetalLB's legacy dialect.${didYouMean(key, Object.keys(shape))}`,
      });
      continue;
    }
    const [ours, next] = known;
    const converted =
      next === undefined
        ? { value: textsOf(ours, inner), place: part.place }
        : renamedList(inner, part.place, next, ours, faults);
    values.push([ours, converted.value]);
    parts.set(ours, { keyAt: part.keyAt, place: converted.place });
  }
  return { value: plainObject(values), place: { at: place.at, parts } };
}

const textsOf = (field: string, value: unknown): unknown =>
  field === 'matchLabels' && isFields(value) ? plainObject(Object.entries(value).map(([k, v]) => [k, v ?? ''])) : value;

function renamedList(
  value: unknown,
  place: Place,
  inner: Shape | 'texts',
  field: string,
  faults: Fault[],
): { value: unknown; place: Place } {
  if (!Array.isArray(value)) return { value, place };
  if (inner === 'texts') return { value: value.map((item: unknown) => item ?? ''), place };
  const parts = new Map<string | number, { keyAt: number; place: Place }>();
  const items = value.map((item: unknown, i) => {
    const converted = renamed(item ?? {}, placeAt(place, [i]), inner, `"${writtenAs(field)}"`, faults);
    parts.set(i, { keyAt: converted.place.at, place: converted.place });
    return converted.value;
  });
  // MetalLB 0.12 takes the same selector twice.
  const unique =
    field === 'nodeSelectors'
      ? items.filter((item, i) => items.findIndex((o) => JSON.stringify(o) === JSON.stringify(item)) === i)
      : items;
  return { value: unique, place: { at: place.at, parts } };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function withoutZeros(value: unknown, fields?: readonly string[]): unknown {
  if (!isFields(value)) return value;
  const zero = (key: string, part: unknown) =>
    part === '' || (part === 0 && fields === undefined) ? (fields?.includes(key) ?? true) : false;
  return plainObject(Object.entries(value).filter(([key, part]) => !zero(key, part)));
}

function nameIn(value: unknown): string | undefined {
  const name = isFields(value) ? value['name'] : undefined;
  return typeof name === 'string' && name !== '' ? name : undefined;
}
