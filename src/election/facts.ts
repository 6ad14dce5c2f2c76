import type { Milliseconds } from '../base/clock.ts';
import type { IpAddress, IpFamily } from '../base/ip-address.ts';
import { isLinkLocalIpv6, lastValueOf } from '../base/ip-address.ts';
import { rangeOfPrefix } from '../base/ip-range.ts';
import type { MacAddress } from '../base/mac-address.ts';
import { prefixOf } from '../base/prefix.ts';

/** What only the node itself knows. Sent to every member when it changes, and to each new member. */
export interface Facts {
  /** Those fit for layer 2. */
  readonly interfaces: readonly FactInterface[];
  /** Takes no address any more (it stops, or only watches). */
  readonly draining: boolean;
  /** 0: the view of the API is live. Else how old it was when this was said; it grows with time. */
  readonly apiViewAge: Milliseconds;
  /** Of Clarion, for people. */
  readonly version: string;
}

export interface FactInterface {
  readonly name: string;
  /** By it a member is told from a stranger that answers for one of our addresses. */
  readonly mac: MacAddress;
  /** Administratively up and with carrier. */
  readonly up: boolean;
  /** False: up, but it reaches nobody (see interface-liveness). */
  readonly alive: boolean;
  /** May be guessed where no subnet covers an address. */
  readonly physical: boolean;
  readonly addresses: readonly { readonly address: IpAddress; readonly prefixLength: number }[];
}

export const NO_FACTS: Facts = { interfaces: [], draining: false, apiViewAge: 0 as Milliseconds, version: '' };

/** What a node can do for an address: the best of its interfaces decides. */
export type Fitness =
  /** A named interface, or one whose subnet covers the address. */
  | 'covers'
  /** The same, but it reaches nobody. */
  | 'cut'
  /** Only a physical interface to guess by, good as long as nobody has a covering one. */
  | 'guess'
  | 'none';

interface Reach {
  readonly name: string;
  readonly alive: boolean;
  readonly physical: boolean;
  readonly ipv6: boolean;
  readonly ranges: Readonly<Record<IpFamily, readonly { readonly first: bigint; readonly last: bigint }[]>>;
}

/** The interfaces of one member, prepared for many questions. */
export class Reachable {
  readonly #interfaces: readonly Reach[];

  /** Down now. An address of their subnets belongs there, so nothing is guessed for it. */
  readonly #down: readonly Reach[];

  constructor(interfaces: readonly FactInterface[]) {
    this.#interfaces = interfaces.filter(({ up }) => up).map(reachOf);
    this.#down = interfaces.filter(({ up }) => !up).map(reachOf);
  }

  /** `named`: by the configuration, for this node; empty: by subnet. */
  fitness(address: IpAddress, named: readonly string[]): Fitness {
    const best = this.#best(address, named);
    return best === 'guess' && this.#down.some((link) => covers(link, address, named)) ? 'none' : best;
  }

  #best(address: IpAddress, named: readonly string[]): Fitness {
    let best: Fitness = 'none';
    for (const link of this.#interfaces) {
      const fitness = fitnessOf(link, address, named);
      if (fitness === 'covers') return fitness;
      if (fitness === 'cut' || best === 'none') best = fitness;
    }
    return best;
  }

  /** Names of the interfaces with the best fitness. */
  serving(address: IpAddress, named: readonly string[]): readonly string[] {
    const best = this.fitness(address, named);
    if (best === 'none') return [];
    return this.#interfaces.filter((link) => fitnessOf(link, address, named) === best).map(({ name }) => name);
  }
}

const covers = ({ name, ranges }: Reach, { family, value }: IpAddress, named: readonly string[]): boolean =>
  named.length > 0 ? named.includes(name) : ranges[family].some(({ first, last }) => first <= value && value <= last);

function fitnessOf(link: Reach, address: IpAddress, named: readonly string[]): Fitness {
  const { alive, physical, ipv6 } = link;
  if (covers(link, address, named)) return alive ? 'covers' : 'cut';
  return named.length === 0 && physical && alive && (address.family === 'ipv4' || ipv6) ? 'guess' : 'none';
}

/** Host routes cover nothing but themselves, and every interface has fe80::/64: neither says where an address belongs. */
function reachOf({ name, alive, physical, addresses }: FactInterface): Reach {
  const ranges = addresses
    .filter(({ address }) => !isLinkLocalIpv6(address))
    .map(({ address, prefixLength }) => rangeOfPrefix(prefixOf(address, prefixLength)))
    .filter(({ family, first, last }) => first !== last && last - first !== lastValueOf(family));
  return {
    name,
    alive,
    physical,
    ipv6: addresses.some(({ address }) => address.family === 'ipv6'),
    ranges: {
      ipv4: ranges.filter(({ family }) => family === 'ipv4'),
      ipv6: ranges.filter(({ family }) => family === 'ipv6'),
    },
  };
}
