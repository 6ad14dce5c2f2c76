import { type Decoded, decoded, malformed } from '../base/decoded.ts';
import {
  formatIpAddress,
  type IpFamily,
  ipAddressFromBytes,
  ipAddressToBytes,
  isLinkLocalIpv6,
} from '../base/ip-address.ts';
import type { Addon } from './addon.ts';
import { LITTLE_ENDIAN } from './host-order.ts';
import type { SocketEndpoint } from './ports.ts';

/** struct sockaddr_in and sockaddr_in6 (ip(7), ipv6(7)): family in the machine's byte order, port and address in the network's. */

const AF_INET = 2;
export const AF_INET6 = 10;
export const domainOf = (family: IpFamily): number => (family === 'ipv4' ? AF_INET : AF_INET6);

const SOCKADDR_IN = 16;
export const SOCKADDR_IN6 = 28;
const [PORT, IPV4_ADDRESS, IPV6_ADDRESS, SCOPE] = [2, 4, 8, 24];

/** -errno (ENODEV) when there is no interface of the zone's name. */
export function encodeSocketAddress(
  addon: Addon,
  { address, port, zone }: SocketEndpoint,
): Decoded<Uint8Array, number> {
  const scope = zone !== undefined && isLinkLocalIpv6(address) ? addon.interfaceIndex(zone) : 0;
  if (scope < 0) return malformed(scope);
  const ipv4 = address.family === 'ipv4';
  const view = new DataView(new ArrayBuffer(ipv4 ? SOCKADDR_IN : SOCKADDR_IN6));
  const bytes = new Uint8Array(view.buffer);
  view.setUint16(0, domainOf(address.family), LITTLE_ENDIAN);
  view.setUint16(PORT, port);
  bytes.set(ipAddressToBytes(address), ipv4 ? IPV4_ADDRESS : IPV6_ADDRESS);
  if (!ipv4) view.setUint32(SCOPE, scope, LITTLE_ENDIAN);
  return decoded(bytes);
}

/** Of what the kernel wrote, so it is whole. */
export function decodeSocketAddress(addon: Addon, bytes: Uint8Array): SocketEndpoint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ipv4 = view.getUint16(0, LITTLE_ENDIAN) === AF_INET;
  const address = ipAddressFromBytes(ipv4 ? bytes.subarray(IPV4_ADDRESS, 8) : bytes.subarray(IPV6_ADDRESS, SCOPE));
  const scope = ipv4 ? 0 : view.getUint32(SCOPE, LITTLE_ENDIAN);
  return { address, port: view.getUint16(PORT), zone: scope === 0 ? undefined : addon.interfaceName(scope) };
}

/** "192.0.2.1 port 179", "fe80::1%eth0 port 179". */
export const endpointName = ({ address, port, zone }: SocketEndpoint): string =>
  `${formatIpAddress(address)}${zone === undefined ? '' : `%${zone}`} port ${port}`;
