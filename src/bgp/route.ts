import { type IpAddress, type IpFamily, isLinkLocalIpv6 } from '../base/ip-address.ts';
import type { Prefix } from '../base/prefix.ts';
import type { Community } from '../config/config.ts';

/** One prefix that a router is to hear of, and what is said about it. */
export interface Route {
  readonly prefix: Prefix;
  /** Best one object for all prefixes of which the same is said; equal ones are told in the same UPDATE in any case. */
  readonly attributes: RouteAttributes;
}

/** What is the same for every session; a session adds its own AS_PATH and next hop (path-attributes.ts). */
export interface RouteAttributes {
  /** Told to internal peers only, 100 where it is not given (RFC 4271 §5.1.5). */
  readonly localPref: number | undefined;
  /** Without repetitions, in ascending order. */
  readonly communities: readonly Community[];
  /** Of weighted ECMP: the share of the traffic that this node wants, in proportion to what other nodes want (RFC 10005). */
  readonly linkBandwidth: number | undefined;
}

/** The same for equal prefixes, different for different ones: a number for IPv4, a bigint for IPv6. */
export const prefixKey = ({ address: { family, value }, length }: Prefix): number | bigint =>
  family === 'ipv4' ? Number(value) * 64 + length : (value << 8n) | BigInt(length);

/** What a session's side of the link is called, as the driver sees it once the connection is there. */
export interface LocalAddresses {
  /** Of the connection itself. */
  readonly transport: IpAddress;
  /** IPv4 address of the interface that the connection uses; undefined: it has none. */
  readonly ipv4: IpAddress | undefined;
  /** Global IPv6 address of that interface. */
  readonly ipv6: IpAddress | undefined;
  /** Its link-local address; only where the router is on the same link (RFC 2545 §3), so never over several hops. */
  readonly linkLocal: IpAddress | undefined;
}

/** In network order as they are written: one address, or a global and a link-local one (RFC 2545 §3). */
export type NextHop = readonly IpAddress[];

/**
 * Where a router is to send what it has for prefixes of a family; undefined: we have no address that would do, and
 * announce nothing of that family.
 *
 * - IPv4 over IPv4: our end of the connection (RFC 4271 §5.1.3).
 * - IPv6 over IPv6: our end, with the link-local address behind it on a shared link (RFC 2545 §3).
 * - IPv4 over IPv6: where agreed, the IPv6 next hop (RFC 8950); else the IPv4 address of the same interface.
 * - IPv6 over IPv4: the IPv6 address of the same interface.
 *
 * An interface with nothing but a link-local address gives it in both places, as FRR does, whose way others have learnt to read.
 */
export function nextHopFor(family: IpFamily, local: LocalAddresses, extendedNextHop: boolean): NextHop | undefined {
  const { transport } = local;
  if (family === 'ipv4') {
    if (transport.family === 'ipv4') return [transport];
    if (!extendedNextHop) return local.ipv4 && [local.ipv4];
  }
  const global = transport.family === 'ipv6' && !isLinkLocalIpv6(transport) ? transport : local.ipv6;
  const linkLocal = isLinkLocalIpv6(transport) ? transport : local.linkLocal;
  if (linkLocal !== undefined) return [global ?? linkLocal, linkLocal];
  return global && [global];
}
