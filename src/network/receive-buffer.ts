import type { Addon } from './addon.ts';

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;

/** A wish: only CAP_NET_ADMIN of the host goes above net.core.rmem_max, and the socket works with any size. */
export function enlargeReceiveBuffer(addon: Addon, fd: number, octets: number): void {
  if (addon.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, octets) < 0) addon.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, octets);
}
