import { type IpAddress, ipAddress } from '../base/ip-address.ts';
import { type MacAddress, macAddressToBytes } from '../base/mac-address.ts';
import type { Addon } from './addon.ts';
import { LITTLE_ENDIAN } from './host-order.ts';
import { inOrder } from './peer-options.ts';
import { AF_INET6, encodeSocketAddress } from './socket-address.ts';

/**
 * The two messages by which routers on a link become known to each other, RFC 4861 §4.1 and §4.2, sent through a raw socket:
 * the kernel adds the checksum and takes the interface's link-local address as source. Privilege: CAP_NET_RAW.
 */

const SOCK_RAW = 3;
const IPPROTO_IPV6 = 41;
const IPV6_MULTICAST_IF = 17;
const IPV6_MULTICAST_HOPS = 18;
const IPPROTO_ICMPV6 = 58;
const ICMP6_FILTER = 1;

/** ff02::2 and ff02::1 (RFC 4291 §2.7.1). */
const ALL_ROUTERS = ipAddress('ipv6', (0xff02n << 112n) | 2n);
const ALL_NODES = ipAddress('ipv6', (0xff02n << 112n) | 1n);

const ROUTER_SOLICITATION = 133;
const ROUTER_ADVERTISEMENT = 134;
const SOURCE_LINK_LAYER_ADDRESS = 1;
/** Anything less shows a packet that came from further away, and is ignored (§6.1). */
const HOP_LIMIT = 255;

/** 0 or -errno. */
export const sendSolicitation = (addon: Addon, interfaceName: string, mac: MacAddress | undefined): number =>
  // Type, code, checksum, reserved.
  sendIcmp(addon, interfaceName, ALL_ROUTERS, [ROUTER_SOLICITATION, 0, 0, 0, 0, 0, 0, 0], mac);

/** All that it says is that we are there: no hop limit, no flags, router lifetime 0, no times. 0 or -errno. */
export const sendAdvertisement = (addon: Addon, interfaceName: string, mac: MacAddress | undefined): number =>
  sendIcmp(addon, interfaceName, ALL_NODES, [ROUTER_ADVERTISEMENT, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], mac);

function sendIcmp(
  addon: Addon,
  interfaceName: string,
  to: IpAddress,
  message: readonly number[],
  mac: MacAddress | undefined,
): number {
  // Without it the receiver would have to ask for our MAC before it makes an entry for us.
  const option = mac === undefined ? [] : [SOURCE_LINK_LAYER_ADDRESS, 1, ...macAddressToBytes(mac)];
  const address = encodeSocketAddress(addon, { address: to, port: 0 });
  const index = addon.interfaceIndex(interfaceName);
  if (!address.ok) return address.error;
  if (index < 0) return index;
  const fd = addon.socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
  if (fd < 0) return fd;
  new DataView(address.value.buffer).setUint32(24, index, LITTLE_ENDIAN);
  const sent = inOrder(
    // Nothing is to be received: a set bit blocks a type.
    () => addon.setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, new Uint8Array(32).fill(0xff)),
    () => addon.setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index),
    () => addon.setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, HOP_LIMIT),
    () => addon.send(fd, Uint8Array.from([...message, ...option]), address.value),
  );
  addon.closeNow(fd);
  return sent;
}
