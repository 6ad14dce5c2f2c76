import { type IpAddress, isLinkLocalIpv6, sameIpAddress } from '../base/ip-address.ts';
import { prefixCovers, prefixOf } from '../base/prefix.ts';
import type { LocalAddresses } from './route.ts';

interface Link {
  readonly name: string;
  readonly addresses: readonly { readonly address: IpAddress; readonly prefixLength: number }[];
}

/** Our end of a connection. */
export interface LocalEnd extends LocalAddresses {
  /** Undefined: no interface has the address any more. */
  readonly interface: string | undefined;
  /** The router is on the link of that interface. */
  readonly sharedLink: boolean;
}

/**
 * The interface of a connection and what it is called by others. `zone`: of a connection between link-local addresses. Only who is on
 * the same link may be told our link-local address (RFC 2545 §3), so never one whose address no subnet of ours covers.
 */
export function localEnd(
  links: readonly Link[],
  local: IpAddress,
  remote: IpAddress,
  zone: string | undefined,
): LocalEnd {
  const link =
    zone === undefined
      ? links.find(({ addresses }) => addresses.some(({ address }) => sameIpAddress(address, local)))
      : links.find(({ name }) => name === zone);
  const addresses = link?.addresses ?? [];
  const shared = addresses.some(({ address, prefixLength }) => prefixCovers(prefixOf(address, prefixLength), remote));
  const find = (test: (address: IpAddress) => boolean): IpAddress | undefined =>
    addresses.find(({ address }) => test(address))?.address;
  return {
    interface: link?.name,
    sharedLink: shared,
    transport: local,
    ipv4: find(({ family }) => family === 'ipv4'),
    ipv6: find((address) => address.family === 'ipv6' && !isLinkLocalIpv6(address)),
    linkLocal: shared ? find(isLinkLocalIpv6) : undefined,
  };
}
