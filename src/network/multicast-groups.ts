import { formatIpAddress, type IpAddress, ipAddressToBytes } from '../base/ip-address.ts';
import { type Addon, EADDRINUSE, EAFNOSUPPORT, ENOBUFS, ENOMEM, kernelError } from './addon.ts';
import { LITTLE_ENDIAN } from './host-order.ts';
import type { NetworkError } from './ports.ts';

/**
 * Memberships in IPv6 multicast groups, by UDP sockets that are bound to nothing and receive nothing: joining there makes the
 * kernel programme the network card and send MLD reports (RFC 3810), which a membership of a packet socket does not.
 * Every join counts, since the VIPs that end in the same 24 bits share their solicited-node group (RFC 4291 §2.7.1).
 * A socket holds a few hundred memberships (net.core.optmem_max); when it is full, another one is opened.
 */

const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const IPPROTO_IPV6 = 41;
const IPV6_JOIN_GROUP = 20;
const IPV6_LEAVE_GROUP = 21;

interface Holder {
  readonly fd: number;
  memberships: number;
}
interface Membership {
  readonly holder: Holder;
  /** struct ipv6_mreq: the group, and the interface as it was when it was joined. */
  readonly request: Uint8Array;
  readonly index: number;
  count: number;
}

export class MulticastGroups {
  readonly #addon: Addon;
  readonly #memberships = new Map<string, Membership>();
  /** The newest last: it is the one with room. */
  #holders: Holder[] = [];

  constructor(addon: Addon) {
    this.#addon = addon;
  }

  join(interfaceName: string, group: IpAddress): NetworkError | undefined {
    const doing = `join ${formatIpAddress(group)} on ${interfaceName}`;
    const index = this.#addon.interfaceIndex(interfaceName);
    if (index < 0) return kernelError(index, doing);
    if (group.family !== 'ipv6') return kernelError(EAFNOSUPPORT, doing);
    const key = keyOf(interfaceName, group);
    const known = this.#memberships.get(key);
    if (known?.index === index) {
      known.count++;
      return undefined;
    }
    // The interface of that name was deleted and made again: the memberships went with the old one.
    if (known !== undefined) this.#drop(key, known);
    const request = requestOf(group, index);
    const holder = this.#joinSomewhere(request);
    if (typeof holder === 'number') return kernelError(holder, doing);
    this.#memberships.set(key, { holder, request, index, count: 1 });
    return undefined;
  }

  leave(interfaceName: string, group: IpAddress): void {
    const key = keyOf(interfaceName, group);
    const known = this.#memberships.get(key);
    if (known !== undefined && --known.count === 0) this.#drop(key, known);
  }

  #joinSomewhere(request: Uint8Array): Holder | number {
    const tried = (holder: Holder): number => {
      const joined = this.#addon.setsockopt(holder.fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, request);
      if (joined === 0) holder.memberships++;
      return joined;
    };
    for (const holder of this.#holders.toReversed()) {
      const joined = tried(holder);
      if (joined === 0) return holder;
      // In use: this socket is in that group already, by the name that the interface had before it was renamed.
      if (joined !== ENOMEM && joined !== ENOBUFS && joined !== EADDRINUSE) return joined;
    }
    const fd = this.#addon.socket(AF_INET6, SOCK_DGRAM, 0);
    if (fd < 0) return fd;
    const holder: Holder = { fd, memberships: 0 };
    this.#holders.push(holder);
    const joined = tried(holder);
    if (joined === 0) return holder;
    this.#closeIfEmpty(holder);
    return joined;
  }

  #drop(key: string, { holder, request }: Membership): void {
    this.#memberships.delete(key);
    this.#addon.setsockopt(holder.fd, IPPROTO_IPV6, IPV6_LEAVE_GROUP, request);
    holder.memberships--;
    this.#closeIfEmpty(holder);
  }

  #closeIfEmpty(holder: Holder): void {
    if (holder.memberships > 0) return;
    this.#addon.close(holder.fd);
    this.#holders = this.#holders.filter((other) => other !== holder);
  }
}

const keyOf = (interfaceName: string, group: IpAddress): string => `${interfaceName} ${formatIpAddress(group)}`;

function requestOf(group: IpAddress, index: number): Uint8Array {
  const request = new Uint8Array(20);
  request.set(ipAddressToBytes(group));
  new DataView(request.buffer).setInt32(16, index, LITTLE_ENDIAN);
  return request;
}
