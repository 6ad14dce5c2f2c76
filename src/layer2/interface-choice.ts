import { type IpAddress, isLinkLocalIpv6, lastValueOf } from '../base/ip-address.ts';
import { type IpRange, rangeContains, rangeOfPrefix } from '../base/ip-range.ts';
import type { MacAddress } from '../base/mac-address.ts';
import { prefixOf } from '../base/prefix.ts';
import type { NetworkInterface } from '../network/ports.ts';

/**
 * On which interfaces an address is announced: those that the configuration names; else those in whose subnet it lies; else
 * every physical one, with a warning. Names that do not exist here are left out, and never replaced by others: who names
 * interfaces means only them.
 */
export interface InterfaceChoice {
  /** Names, in order of index. */
  readonly interfaces: readonly string[];
  /** No subnet covers the address and nothing was named, so all physical interfaces were taken. */
  readonly guessed: boolean;
}

export type UsableInterface = NetworkInterface & { readonly mac: MacAddress };

/** MetalLB's announcedInterfacesToExclude: links of container networks, where no router of the site is. */
const NOT_PHYSICAL = /^(docker|cbr|dummy|virbr|lxcbr|veth|cali|tunl|flannel|kube-ipvs|cni|nodelocaldns|lxc)|^lo$/;

/** Whether MetalLB's list of interfaces to leave out would let it pass. */
export const isPhysical = (name: string): boolean => !NOT_PHYSICAL.test(name);

/**
 * Up, able to broadcast, with a MAC, and not the port of a bridge or bond. `only` (the command line's --interface) is the
 * widest set that may ever be used; undefined: no restriction.
 */
export const usableInterfaces = (
  interfaces: readonly NetworkInterface[],
  only: readonly string[] | undefined,
): readonly UsableInterface[] => fittingInterfaces(interfaces, only).filter(({ up }) => up);

/** The same, those that are down included. */
export function fittingInterfaces(
  interfaces: readonly NetworkInterface[],
  only: readonly string[] | undefined,
): readonly UsableInterface[] {
  return interfaces.filter(
    (link): link is UsableInterface =>
      link.broadcast &&
      !link.loopback &&
      link.master === undefined &&
      link.mac !== undefined &&
      (only === undefined || only.includes(link.name)),
  );
}

/** Made once for each state of the interfaces, asked once for each address. */
export function interfaceChooser(
  usable: readonly UsableInterface[],
  only: readonly string[] | undefined,
): (address: IpAddress, named: readonly string[]) => InterfaceChoice {
  const subnets = usable.flatMap((link) => subnetsOf(link).map((range) => ({ range, name: link.name })));
  // Whoever names interfaces on the command line has judged for himself which are physical.
  const physical = usable.filter(({ name }) => only !== undefined || isPhysical(name));
  const guessed = {
    ipv4: { interfaces: physical.map(({ name }) => name), guessed: true },
    // Without any IPv6 address, IPv6 is switched off on the interface.
    ipv6: { interfaces: physical.filter(hasIpv6).map(({ name }) => name), guessed: true },
  };
  return (address, named) => {
    if (named.length > 0)
      return { interfaces: usable.filter(({ name }) => named.includes(name)).map(({ name }) => name), guessed: false };
    const covering = new Set<string>();
    for (const { range, name } of subnets) if (rangeContains(range, address)) covering.add(name);
    return covering.size > 0 ? { interfaces: [...covering], guessed: false } : guessed[address.family];
  };
}

/**
 * All that a choice can depend on, as text to compare: on a node where Pods come and go, most changes of the interfaces
 * concern links that no address would ever be announced on.
 */
export function choiceFacts(
  usable: readonly UsableInterface[],
  only: readonly string[] | undefined,
  named: ReadonlySet<string>,
): string {
  const eligible = usable.filter(
    (link) => only !== undefined || named.has(link.name) || isPhysical(link.name) || subnetsOf(link).length > 0,
  );
  return eligible
    .map((link) => {
      const subnets = subnetsOf(link).map(({ first, last }) => `${first}-${last}`);
      return [link.index, link.name, hasIpv6(link), ...subnets].join(' ');
    })
    .join('\n');
}

const hasIpv6 = ({ addresses }: NetworkInterface): boolean =>
  addresses.some(({ address }) => address.family === 'ipv6');

/** Host routes cover nothing but themselves, and every interface has fe80::/64: neither says where an address belongs. */
function subnetsOf({ addresses }: NetworkInterface): readonly IpRange[] {
  return addresses
    .filter(({ address }) => !isLinkLocalIpv6(address))
    .map(({ address, prefixLength }) => rangeOfPrefix(prefixOf(address, prefixLength)))
    .filter(({ family, first, last }) => first !== last && last - first !== lastValueOf(family));
}
