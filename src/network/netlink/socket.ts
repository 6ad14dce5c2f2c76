import { type Addon, ENOBUFS } from '../addon.ts';
import { LITTLE_ENDIAN } from '../host-order.ts';

/** Sockets of netlink(7), for rtnetlink. */

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
/** The kernel puts at most 32 KiB into a datagram of a dump. */
export const NETLINK_DATAGRAM = 1 << 16;
const SENDER = new Uint8Array(12);

/** A descriptor, or -errno. */
export function openNetlink(addon: Addon, groups: number): number {
  const fd = addon.socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (fd < 0) return fd;
  // struct sockaddr_nl: family, padding, port (0: the kernel chooses), groups.
  const address = new DataView(new ArrayBuffer(12));
  address.setUint16(0, AF_NETLINK, LITTLE_ENDIAN);
  address.setUint32(8, groups, LITTLE_ENDIAN);
  const bound = addon.bind(fd, new Uint8Array(address.buffer));
  if (bound >= 0) return fd;
  addon.close(fd);
  return bound;
}

/** The length of what is in the buffer, 0 when another process than the kernel sent it, or -errno (ENOBUFS: it did not fit). */
export function receiveFromKernel(addon: Addon, fd: number, buffer: Uint8Array): number {
  const length = addon.receive(fd, buffer, SENDER);
  if (length > buffer.length) return ENOBUFS;
  const fromKernel = new DataView(SENDER.buffer).getUint32(4, LITTLE_ENDIAN) === 0;
  return length < 0 || fromKernel ? length : 0;
}
