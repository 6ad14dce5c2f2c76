import { type Decoded, decoded, malformed } from '../base/decoded.ts';
import type { IpAddress } from '../base/ip-address.ts';
import { type Addon, EPERM, kernelError, loadAddon } from './addon.ts';
import { LinuxFrameSocket, tryPacketSocket } from './frame-socket.ts';
import { InterfaceMonitor } from './interface-monitor.ts';
import { MulticastGroups } from './multicast-groups.ts';
import type { FrameHandlers, FrameSocket, FrameSocketOptions, InterfaceWatch, Network, NetworkError } from './ports.ts';

/**
 * The network of this machine, or of the network namespace that the process is in. Packet sockets carry ARP and NDP
 * (frame-socket.ts), netlink tells of interfaces (interface-monitor.ts), UDP sockets hold group memberships
 * (multicast-groups.ts). All system calls go through the native addon (native/addon.c).
 * Privilege: CAP_NET_RAW, for the packet sockets; nothing else here needs any.
 */

/** The addon is missing, or the privilege: an error in words for the user. */
export function linuxNetwork(): Decoded<Network, NetworkError> {
  const addon = loadAddon();
  if (!addon.ok) return addon;
  const attempt = tryPacketSocket(addon.value);
  if (attempt === EPERM)
    return malformed({
      code: 'EPERM',
      message:
        'the speaker needs CAP_NET_RAW to send and answer ARP; run it as root, ' +
        `or: sudo setcap cap_net_raw+ep ${process.execPath}`,
    });
  if (attempt < 0) return malformed(kernelError(attempt, 'open a packet socket'));
  return decoded(new LinuxNetwork(addon.value));
}

class LinuxNetwork implements Network {
  readonly #addon: Addon;
  readonly #groups: MulticastGroups;
  readonly #sockets = new Set<LinuxFrameSocket>();
  readonly #watches = new Set<() => void>();
  /** Open while there is a watch or a frame socket, which learns from it that its interface is gone. */
  #monitor: InterfaceMonitor | undefined;

  constructor(addon: Addon) {
    this.#addon = addon;
    this.#groups = new MulticastGroups(addon);
  }

  openFrameSocket(options: FrameSocketOptions, handlers: FrameHandlers): Decoded<FrameSocket, NetworkError> {
    const monitor = this.#openMonitor();
    if (!monitor.ok) return monitor;
    const socket = LinuxFrameSocket.open(this.#addon, options, handlers, (closed) => {
      this.#sockets.delete(closed);
      this.#closeIdleMonitor();
    });
    if (socket.ok) this.#sockets.add(socket.value);
    else this.#closeIdleMonitor();
    return socket;
  }

  watchInterfaces(changed: () => void): Decoded<InterfaceWatch, NetworkError> {
    const monitor = this.#openMonitor();
    if (!monitor.ok) return monitor;
    // An own function each time: the same one may watch twice.
    const watch = (): void => changed();
    this.#watches.add(watch);
    return decoded({
      list: () => monitor.value.list(),
      close: () => {
        this.#watches.delete(watch);
        this.#closeIdleMonitor();
      },
    });
  }

  joinGroup(interfaceName: string, group: IpAddress): NetworkError | undefined {
    return this.#groups.join(interfaceName, group);
  }

  leaveGroup(interfaceName: string, group: IpAddress): void {
    this.#groups.leave(interfaceName, group);
  }

  #openMonitor(): Decoded<InterfaceMonitor, NetworkError> {
    if (this.#monitor !== undefined) return decoded(this.#monitor);
    const monitor = InterfaceMonitor.open(this.#addon, {
      removed: (index) => {
        for (const socket of [...this.#sockets]) if (socket.interfaceIndex === index) socket.interfaceGone();
      },
      changed: () => {
        for (const changed of [...this.#watches]) changed();
      },
    });
    if (monitor.ok) this.#monitor = monitor.value;
    return monitor;
  }

  #closeIdleMonitor(): void {
    if (this.#sockets.size > 0 || this.#watches.size > 0) return;
    this.#monitor?.close();
    this.#monitor = undefined;
  }
}
