import { formatIpAddress } from '../base/ip-address.ts';
import type { BgpPeer } from './peer.ts';

interface Failure {
  /** The kernel's name. */
  readonly code: string;
  readonly message: string;
}

/** How people write where the router is: "192.0.2.1", "fe80::1%eth0", "eth0" while nobody was found there. */
export function remoteName(peer: BgpPeer, found?: { readonly address: Parameters<typeof formatIpAddress>[0] }): string {
  const { remote } = peer.transport;
  if (remote.kind === 'address') return formatIpAddress(remote.address);
  return found === undefined ? remote.interface : `${formatIpAddress(found.address)}%${remote.interface}`;
}

/** Why there is no connection, what is likely behind it, and what to look at. */
export function connectFailure(peer: BgpPeer, where: string, { code, message }: Failure): string {
  const { port, source, device, passwords, reach } = peer.transport;
  const at = `${where} port ${port}`;
  switch (code) {
    case 'ECONNREFUSED':
      return `${at} refuses connections: BGP does not run there, or it does not know us as a neighbour`;
    case 'ETIMEDOUT': {
      const causes = [
        'it is down',
        'a filter is between',
        ...(passwords.length > 0 ? ['its TCP-MD5 password is another one (or none)'] : ['it wants a TCP-MD5 password']),
        ...(reach.kind === 'gtsm' ? [`it is more than ${reach.hops} hop${reach.hops === 1 ? '' : 's'} away`] : []),
        ...(reach.kind === 'direct' ? ['it is not on our link (ebgpMultiHop)'] : []),
      ];
      return `${at} does not answer: ${causes.join(', or ')}`;
    }
    case 'EHOSTUNREACH':
      return `${at} cannot be reached: nobody answers for its address on the link, ${
        reach.kind === 'direct'
          ? 'or it is behind another router (ebgpMultiHop)'
          : 'or the network says it is unreachable'
      }`;
    case 'ENETUNREACH':
      return `${at} cannot be reached: this node has no route there`;
    case 'EADDRNOTAVAIL':
      return source === undefined
        ? `${at}: this node has no address to connect from`
        : `${at}: this node does not have the sourceAddress ${formatIpAddress(source)}`;
    case 'ENODEV':
      return `${at}: this node has no interface or VRF ${device ?? ''}`.trimEnd();
    case 'EPERM':
    case 'EACCES':
      return `${at}: not permitted (${message}): a VRF or interface to bind to needs the capability NET_RAW on kernels before 5.7`;
    default:
      return `${at}: ${message}`;
  }
}

/** Why nobody can connect to us. It is the trouble of passive peers alone. */
export function listenFailure(port: number, { code, message }: Failure): string {
  if (code === 'EADDRINUSE')
    return `another process listens at port ${port}: a routing daemon on this node? Stop it, or give the peer without "passive"`;
  if (code === 'EACCES' || code === 'EPERM')
    return `listening at port ${port} is not permitted: the speaker needs the capability NET_BIND_SERVICE for passive peers`;
  return `listening at port ${port} is not possible: ${message}`;
}

/** How a connection came to its end. */
export function connectionLost(where: string, failure: Failure | undefined): string {
  if (failure === undefined) return `${where} closed the connection without a NOTIFICATION`;
  if (failure.code === 'ECONNRESET' || failure.code === 'EPIPE')
    return `${where} reset the connection without a NOTIFICATION`;
  if (failure.code === 'ETIMEDOUT') return `${where} does not acknowledge what we send any more`;
  return `the connection to ${where} broke: ${failure.message}`;
}
