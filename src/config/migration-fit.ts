import { type Fields, isFields } from '../base/fields.ts';
import { parseIpAddress } from '../base/ip-address.ts';
import type { Element } from './element.ts';
import { placeAt, plainObject } from './tree.ts';

/**
 * What MetalLB accepts and Clarion would refuse, made to fit without changing what is announced: names that lead nowhere,
 * fields without effect. An element of which nothing would be left is left out. Doing it twice changes nothing.
 */
interface Around {
  readonly pools: ReadonlySet<string>;
  readonly peers: ReadonlySet<string>;
  /** Those of AddressPools announce themselves: an advertisement that names no pool is not about them. */
  readonly selfAdvertised: ReadonlySet<string>;
}
type Tell = (kind: 'differs' | 'no-equivalent', at: number, field: string, message: string) => void;

/** The element as it fits; undefined: it is left out. */
export function fit(element: Element, around: Around, tell: Tell): Element | undefined {
  const { value, section } = element;
  if (!isFields(value)) return element;
  const at = (field: string): number => element.place.parts.get(field)?.keyAt ?? element.place.at;
  const say = (kind: 'differs' | 'no-equivalent', field: string, message: string) =>
    tell(kind, at(field), field, message);
  if (section === 'peers') return { ...element, value: peer(value, say) };
  if (section !== 'l2Advertisements' && section !== 'bgpAdvertisements') return element;
  const known = { ipAddressPools: around.pools, peers: around.peers };
  const named = withPools(withoutPrepend(value, say), around);
  if (named === undefined) {
    tell(
      'no-equivalent',
      element.place.at,
      'ipAddressPools',
      'it selects no pool (an AddressPool announces itself) and is left out',
    );
    return undefined;
  }
  let fitted = named;
  for (const field of ['ipAddressPools', 'peers'] as const) {
    const names = fitted[field];
    if (!Array.isArray(names)) continue;
    const there = names.filter((name) => typeof name !== 'string' || known[field].has(name));
    if (there.length === names.length) continue;
    const gone = names.filter((name) => !there.includes(name)).map((name) => `"${String(name)}"`);
    const noun = field === 'peers' ? 'peer' : 'pool';
    const selectors = field === 'peers' ? [] : fitted['ipAddressPoolSelectors'];
    const stillSelects = there.length > 0 || (Array.isArray(selectors) && selectors.length > 0);
    const words = `there is no ${noun} ${gone.join(', ')}`;
    // An empty list would select all of them.
    if (!stillSelects) {
      tell(
        'no-equivalent',
        placeAt(element.place, [field]).at,
        field,
        `${words}: it announces nothing and is left out`,
      );
      return undefined;
    }
    say('differs', field, `${words}: the name is left out, as MetalLB passes over it`);
    fitted = plainObject(Object.entries({ ...fitted, [field]: there }));
  }
  return { ...element, value: fitted };
}

/** MetalLB 0.16, with frr-k8s; 0 is not given. */
function withoutPrepend(value: Fields, say: (kind: 'no-equivalent', field: string, message: string) => void): Fields {
  const { asPathPrepend, ...others } = value;
  if (asPathPrepend === undefined) return value;
  if (asPathPrepend !== 0)
    say(
      'no-equivalent',
      'asPathPrepend',
      'left out: the AS is named once. A router can prefer other paths by a community, and prepend by its own policy',
    );
  return plainObject(Object.entries(others));
}

/** Undefined: there is no pool that it could be about. */
function withPools(value: Fields, { pools, selfAdvertised }: Around): Fields | undefined {
  const selects = ['ipAddressPools', 'ipAddressPoolSelectors'].some((field) => {
    const list = value[field];
    return list !== undefined && (!Array.isArray(list) || list.length > 0);
  });
  if (selects || selfAdvertised.size === 0) return value;
  const others = [...pools].filter((name) => !selfAdvertised.has(name));
  return others.length === 0 ? undefined : plainObject(Object.entries({ ...value, ipAddressPools: others }));
}

function peer(value: Fields, say: (kind: 'differs', field: string, message: string) => void): Fields {
  const dropped = new Set<string>();
  const drop = (field: string, message?: string): void => {
    dropped.add(field);
    if (message !== undefined) say('differs', field, message);
  };
  for (const field of ['disableMP', 'dualStackAddressFamily'])
    if (typeof value[field] === 'boolean')
      drop(
        field,
        value[field] ? 'a session carries the families that the router agrees to; there is no such switch' : undefined,
      );
  if (value['dynamicASN'] === 'internal' && value['ebgpMultiHop'] === true)
    drop('ebgpMultiHop', 'left out: the session is internal, where it has no meaning');
  const familyOf = (field: string) => {
    const text = value[field];
    const read = typeof text === 'string' ? parseIpAddress(text) : undefined;
    return read?.ok === true ? read.value : undefined;
  };
  const [to, from, router] = [familyOf('peerAddress'), familyOf('sourceAddress'), familyOf('routerID')];
  if (to !== undefined && from !== undefined && to.family !== from.family)
    drop('sourceAddress', 'left out: it is not of the family of the peer, and no connection could come from it');
  if (router !== undefined && (router.family !== 'ipv4' || router.value === 0n))
    drop('routerID', 'left out: a router ID is an IPv4 address (RFC 4271 §4.2)');
  return dropped.size === 0 ? value : plainObject(Object.entries(value).filter(([field]) => !dropped.has(field)));
}
