import type { IpAddress } from '../base/ip-address.ts';
import { type Addon, EINVAL, ENODEV, ENOPROTOOPT, kernelError } from './addon.ts';
import { LITTLE_ENDIAN } from './host-order.ts';
import type { NetworkError, PeerSocketOptions } from './ports.ts';
import { encodeSocketAddress } from './socket-address.ts';

/**
 * The options of a socket, as tcp(7), ip(7), ipv6(7) and linux/tcp.h name them. Each function returns 0 or -errno.
 */
const SOL_SOCKET = 1;
const SO_LINGER = 13;
const SO_BINDTODEVICE = 25;
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IP_TTL = 2;
const IP_MINTTL = 21;
const IP_BIND_ADDRESS_NO_PORT = 24;
const IPPROTO_IPV6 = 41;
const IPV6_UNICAST_HOPS = 16;
const IPV6_V6ONLY = 26;
const IPV6_TCLASS = 67;
const IPV6_MINHOPCOUNT = 73;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_INFO = 11;
const TCP_MD5SIG = 14;

/** DSCP CS6, the class of routing protocols (RFC 4594 §3.1), shifted past the two bits of ECN. */
const TRAFFIC_CLASS = 0xc0;

/** struct tcp_md5sig: sockaddr_storage, flags, prefix length, key length, interface index, key. */
const MD5SIG = 216;
const [MD5_KEY_LENGTH, MD5_KEY] = [130, 136];
const MOST_KEY_OCTETS = 80;

type Family = IpAddress['family'];

/** What the kernel says of a socket with these options. */
export function socketError(result: number, doing: string): NetworkError {
  const error = kernelError(result, doing);
  return result === ENOPROTOOPT
    ? { ...error, message: `${error.message}; this kernel was built without TCP-MD5 (CONFIG_TCP_MD5SIG)` }
    : error;
}

/** The first of `steps` that fails ends them. */
export function inOrder(...steps: readonly (() => number)[]): number {
  for (const step of steps) {
    const result = step();
    if (result < 0) return result;
  }
  return 0;
}

export function setDevice(addon: Addon, fd: number, device: string | undefined): number {
  if (device === undefined) return 0;
  // The kernel would cut a long name off.
  if (addon.interfaceIndex(device) < 0) return ENODEV;
  return addon.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, Buffer.from(`${device}\0`));
}

/** What holds for all we send; the mark is a wish. */
export function setHopLimit(addon: Addon, fd: number, family: Family, hopLimit: number): number {
  if (hopLimit < 1 || hopLimit > 255) return EINVAL;
  if (family === 'ipv4') {
    addon.setsockopt(fd, IPPROTO_IP, IP_TOS, TRAFFIC_CLASS);
    return addon.setsockopt(fd, IPPROTO_IP, IP_TTL, hopLimit);
  }
  addon.setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, TRAFFIC_CLASS);
  return addon.setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hopLimit);
}

/** For TCP only: UDP does not look at it. */
export function setMinimumHopLimit(addon: Addon, fd: number, family: Family, minimum = 0): number {
  if (minimum < 0 || minimum > 255) return EINVAL;
  return family === 'ipv4'
    ? addon.setsockopt(fd, IPPROTO_IP, IP_MINTTL, minimum)
    : addon.setsockopt(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, minimum);
}

/** An IPv6 socket takes no IPv4. */
export const setOneFamily = (addon: Addon, fd: number, family: Family): number =>
  family === 'ipv6' ? addon.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) : 0;

export const setNoDelay = (addon: Addon, fd: number): number => addon.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, 1);

/** `bind` with port 0 takes no port; `connect` chooses one that is free towards that remote. */
export const setPortAtConnect = (addon: Addon, fd: number): number =>
  addon.setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);

/** `close` sends RST and forgets what was not sent. */
export function setResetAtClose(addon: Addon, fd: number): number {
  // struct linger: on, seconds.
  return addon.setsockopt(fd, SOL_SOCKET, SO_LINGER, new Uint8Array(Int32Array.of(1, 0).buffer));
}

/** Repetitions of the oldest segment, or SYN, that was not acknowledged. */
export function retransmissionsOf(addon: Addon, fd: number): number {
  // struct tcp_info begins with state, congestion state, retransmissions, each an octet.
  const start = new Uint8Array(8);
  return addon.getsockopt(fd, IPPROTO_TCP, TCP_INFO, start) < 3 ? 0 : start[2]!;
}

/** Sets, replaces, or with undefined removes the key for that peer. */
export function setSigningKey(addon: Addon, fd: number, peer: IpAddress, password: string | undefined): number {
  const key = Buffer.from(password ?? '', 'utf8');
  // The kernel does not read the scope here, and takes a port for nothing.
  const address = encodeSocketAddress(addon, { address: peer, port: 0 });
  if (!address.ok) return address.error;
  if (key.length > MOST_KEY_OCTETS) return EINVAL;
  const option = new Uint8Array(MD5SIG);
  option.set(address.value);
  new DataView(option.buffer).setUint16(MD5_KEY_LENGTH, key.length, LITTLE_ENDIAN);
  option.set(key, MD5_KEY);
  const result = addon.setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, option);
  // There was none to remove.
  return password === undefined ? 0 : result;
}

/** 0, or EINVAL: what no kernel takes. */
export function checkPeerOptions({ passwords, hopLimit, minimumHopLimit = 1 }: PeerSocketOptions): number {
  const fits =
    passwords.length <= 2 &&
    passwords.every((password) => password !== '' && Buffer.byteLength(password) <= MOST_KEY_OCTETS) &&
    hopLimit >= 1 &&
    hopLimit <= 255 &&
    minimumHopLimit >= 1 &&
    minimumHopLimit <= 255;
  return fits ? 0 : EINVAL;
}
