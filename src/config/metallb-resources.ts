import { type Fields, isFields } from '../base/fields.ts';
import { didYouMean } from './closest.ts';
import { parseDuration } from './duration.ts';
import type { Element, ListSection } from './element.ts';
import type { FoundObject } from './metallb-objects.ts';
import { selectorFaults } from './metallb-selectors.ts';
import { type Fault, type Place, placeAt, plainObject } from './tree.ts';

/**
 * MetalLB's custom resources (v0.13 to v0.16, group metallb.io) as elements in our words, so that one set of rules judges both.
 * What MetalLB refuses and our rules would not see becomes a fault of the element; Go's zero values mean "not given".
 *
 * Standards: MetalLB's api/v1alpha1, v1beta1, v1beta2, its CRDs' schemas and internal/config. What only one of its BGP modes
 * refuses (native, FRR) is accepted.
 */
interface Kind {
  readonly section: ListSection;
  readonly versions: readonly string[];
  readonly fields: readonly string[];
}
const ADVERTISED = ['ipAddressPools', 'ipAddressPoolSelectors', 'nodeSelectors', 'serviceSelectors'];
const LEGACY_ADVERTISEMENT = ['aggregationLength', 'aggregationLengthV6', 'localPref', 'communities'];
const PEER_V1BETA1 =
  'myASN peerASN peerAddress sourceAddress peerPort holdTime keepaliveTime routerID nodeSelectors password bfdProfile ebgpMultiHop'.split(
    ' ',
  );
const PEER_V1BETA2 = [
  ...PEER_V1BETA1,
  ...'dynamicASN localASN interface connectTime passwordSecret enableGracefulRestart vrf disableMP dualStackAddressFamily'.split(
    ' ',
  ),
];

export const KINDS: Readonly<Record<string, Kind>> = {
  IPAddressPool: {
    section: 'pools',
    versions: ['v1beta1'],
    fields: ['addresses', 'autoAssign', 'avoidBuggyIPs', 'serviceAllocation'],
  },
  AddressPool: {
    section: 'pools',
    versions: ['v1alpha1', 'v1beta1'],
    fields: ['protocol', 'addresses', 'autoAssign', 'bgpAdvertisements'],
  },
  L2Advertisement: {
    section: 'l2Advertisements',
    versions: ['v1beta1'],
    fields: [...ADVERTISED, 'interfaces', 'preferredNodeSelectors'],
  },
  BGPAdvertisement: {
    section: 'bgpAdvertisements',
    versions: ['v1beta1'],
    fields: [...ADVERTISED, ...LEGACY_ADVERTISEMENT, 'peers', 'asPathPrepend'],
  },
  BGPPeer: { section: 'peers', versions: ['v1beta1', 'v1beta2'], fields: PEER_V1BETA2 },
  BFDProfile: {
    section: 'bfdProfiles',
    versions: ['v1beta1'],
    fields: 'receiveInterval transmitInterval detectMultiplier echoInterval echoMode passiveMode minimumTtl'.split(' '),
  },
};

/** MetalLB's CRD: ports above are refused. */
const HIGHEST_PORT = 16_384;

/** One object is one element; a deprecated AddressPool carries its advertisements in itself. */
export function elementsOf(object: FoundObject, kind: Kind): readonly Element[] {
  const { value, place, faults: read } = object.read();
  const metadata = isFields(value) ? value['metadata'] : undefined;
  const spec = isFields(value) ? (value['spec'] ?? {}) : {};
  const inSpec = specPlace(place);
  const faults = read.filter(({ at }) => liesInSpec(place, at));
  const fields = object.kind === 'BGPPeer' && object.version === 'v1beta1' ? PEER_V1BETA1 : kind.fields;
  if (!isFields(spec)) {
    faults.push({ code: 'wrong-type', at: inSpec.at, message: `"spec" of ${object.text.object} is not a mapping` });
    return [elementOf(object, kind.section, object.name, {}, inSpec, faults)];
  }
  faults.push(...unknownKeys(spec, inSpec, fields, `a ${object.kind}`), ...selectorFaults(spec, inSpec));
  if (object.kind === 'AddressPool') return addressPool(object, spec, inSpec, faults);
  const converted = object.kind === 'BGPPeer' ? peerOf(object, spec, inSpec, faults) : withoutZeroPref(spec);
  if (object.kind === 'IPAddressPool') faults.push(...addressFaults(spec, inSpec));
  if (object.kind === 'BGPAdvertisement') faults.push(...prependFaults(spec, inSpec));
  const labels = isFields(metadata) && object.kind === 'IPAddressPool' ? metadata['labels'] : undefined;
  const known = Object.entries(converted).filter(([key]) => fields.includes(key));
  const entries = isFields(labels) ? [['labels', labels] as const, ...known] : known;
  return [elementOf(object, kind.section, object.name, plainObject(entries), inSpec, faults)];
}

/** The parts of the spec; what concerns it as a whole is shown at the object. */
const specPlace = ({ at, parts }: Place): Place => ({ at, parts: parts.get('spec')?.place.parts ?? new Map() });

/** Repeated keys in a status or in annotations are nobody's concern. */
function liesInSpec({ parts }: Place, at: number): boolean {
  let owner: string | number | undefined;
  let start = -1;
  for (const [key, { keyAt }] of parts) if (keyAt <= at && keyAt > start) [owner, start] = [key, keyAt];
  return owner === 'spec';
}

function elementOf(
  { text }: FoundObject,
  section: ListSection,
  name: string | undefined,
  value: unknown,
  place: Place,
  faults: readonly Fault[],
): Element {
  const named = isFields(value) && name !== undefined ? plainObject([['name', name], ...Object.entries(value)]) : value;
  return { section, name, position: 1, value: named, place, faults, writtenAs: (field) => field, text };
}

function unknownKeys(value: Fields, place: Place, fields: readonly string[], noun: string): Fault[] {
  return Object.keys(value)
    .filter((key) => !fields.includes(key))
    .map((key) => {
      const at = place.parts.get(key)?.keyAt ?? place.at;
      return { code: 'unknown-key', at, message: `"${key}" is not a field of ${noun}.${didYouMean(key, fields)}` };
    });
}

/** Go's net.ParseCIDR takes no blanks; ranges may have some around their hyphen. */
function addressFaults(spec: Fields, place: Place): Fault[] {
  const addresses = spec['addresses'];
  if (!Array.isArray(addresses)) return [];
  return addresses.flatMap((text: unknown, i): Fault[] =>
    typeof text === 'string' && !text.includes('-') && text !== text.trim()
      ? [{ code: 'bad-address', at: placeAt(place, ['addresses', i]).at, message: `"${text}" has blanks around it` }]
      : [],
  );
}

/** The limits of the CRD of 0.16. What it stands for has no equivalent (migration-fit.ts), so no rule of ours looks at it. */
function prependFaults({ asPathPrepend: value }: Fields, place: Place): Fault[] {
  if (value === undefined) return [];
  const { at } = placeAt(place, ['asPathPrepend']);
  if (typeof value !== 'number') return [{ code: 'wrong-type', at, message: '"asPathPrepend" is not a number' }];
  const fits = Number.isInteger(value) && value >= 0 && value <= 10;
  return fits ? [] : [{ code: 'out-of-range', at, message: 'MetalLB takes an "asPathPrepend" of 1 to 10' }];
}

/** 0 is Go's way to say that no LOCAL_PREF was given. */
const withoutZeroPref = (spec: Fields): Fields =>
  spec['localPref'] === 0 ? plainObject(Object.entries(spec).filter(([key]) => key !== 'localPref')) : spec;

/** MetalLB 0.13: pool and advertisements in one; every advertisement is of this pool alone. */
function addressPool(object: FoundObject, spec: Fields, place: Place, faults: Fault[]): readonly Element[] {
  const { protocol, bgpAdvertisements = [], ...rest } = spec;
  const name = object.name;
  const refuse = (code: Fault['code'], field: string, message: string) =>
    faults.push({ code, at: placeAt(place, [field]).at, message: `${message} (${object.text.object})` });
  if (protocol === undefined || protocol === '') refuse('missing-field', 'protocol', 'there is no "protocol"');
  else if (protocol !== 'layer2' && protocol !== 'bgp')
    refuse('bad-value', 'protocol', '"protocol" is neither layer2 nor bgp');
  if (!Array.isArray(bgpAdvertisements)) refuse('wrong-type', 'bgpAdvertisements', '"bgpAdvertisements" is not a list');
  else if (protocol === 'layer2' && bgpAdvertisements.length > 0)
    refuse('conflicting-fields', 'bgpAdvertisements', 'a layer2 pool has no "bgpAdvertisements"');
  faults.push(...addressFaults(spec, place));
  const pool = elementOf(object, 'pools', name, rest, place, faults);
  if (name === undefined || faults.length > 0 || !Array.isArray(bgpAdvertisements)) return [pool];
  if (protocol === 'layer2')
    return [
      pool,
      elementOf(object, 'l2Advertisements', name, { ipAddressPools: [name] }, { ...place, parts: new Map() }, []),
    ];
  const given: readonly unknown[] = bgpAdvertisements.length === 0 ? [{}] : bgpAdvertisements;
  const advertisements = given.map((item, i) => {
    const at = placeAt(place, ['bgpAdvertisements', i]);
    const wrong = isFields(item)
      ? unknownKeys(item, at, LEGACY_ADVERTISEMENT, 'an entry of bgpAdvertisements')
      : [{ code: 'wrong-type', at: at.at, message: 'an entry of "bgpAdvertisements" is not a mapping' } as const];
    const value = isFields(item) ? { ipAddressPools: [name], ...withoutZeroPref(item) } : item;
    return elementOf(object, 'bgpAdvertisements', given.length === 1 ? name : `${name}-${i + 1}`, value, at, wrong);
  });
  return [pool, ...advertisements];
}

/** Go's zero values; and the limits of the CRD where ours are wider. */
function peerOf({ version }: FoundObject, spec: Fields, place: Place, faults: Fault[]): Fields {
  const zeroNumbers = version === 'v1beta1' ? ['myASN', 'peerASN', 'peerPort'] : ['myASN', 'peerASN'];
  const isZero = (key: string, value: unknown): boolean =>
    (value === '' && !TIMERS.includes(key) && key !== 'dynamicASN') || (value === 0 && zeroNumbers.includes(key));
  // v1beta1 cannot tell 0s from nothing.
  const isUnset = (key: string, value: unknown): boolean =>
    version === 'v1beta1' && TIMERS.includes(key) && typeof value === 'string' && isZeroDuration(value);
  const given = Object.entries(spec).filter(([key, value]) => !isZero(key, value) && !isUnset(key, value));
  for (const [key, value] of given) {
    const { at } = placeAt(place, [key]);
    if (key === 'peerPort' && typeof value === 'number' && value > HIGHEST_PORT && value <= 0xffff)
      faults.push({ code: 'out-of-range', at, message: `MetalLB takes no "peerPort" above ${HIGHEST_PORT}` });
    if (TIMERS.includes(key) && typeof value === 'number')
      faults.push({ code: 'wrong-type', at, message: `"${key}" is a number; write a duration such as "90s"` });
    if (key === 'connectTime' && typeof value === 'string' && !isWholeSeconds(value))
      faults.push({ code: 'bad-duration', at, message: `"connectTime" ${value} is no whole number of seconds` });
  }
  return plainObject(given.flatMap(([key, value]) => secretNamed(key, value)));
}

const TIMERS: readonly string[] = ['holdTime', 'keepaliveTime', 'connectTime'];

function isZeroDuration(text: string): boolean {
  const read = parseDuration(text);
  return read.ok && read.value === 0;
}

function isWholeSeconds(text: string): boolean {
  const read = parseDuration(text);
  return !read.ok || read.value % 1000 === 0;
}

/** A reference without a name is none; MetalLB looks in its own namespace whatever is written, and so do we. */
function secretNamed(key: string, value: unknown): readonly (readonly [string, unknown])[] {
  if (key !== 'passwordSecret' || !isFields(value)) return [[key, value]];
  const { name, namespace: _namespace, ...others } = value;
  if (name === undefined || name === '') return Object.keys(others).length === 0 ? [] : [[key, others]];
  return [[key, { name, ...others }]];
}
