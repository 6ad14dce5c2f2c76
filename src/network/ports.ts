import type { Decoded } from '../base/decoded.ts';
import type { IpAddress } from '../base/ip-address.ts';
import type { MacAddress } from '../base/mac-address.ts';

/**
 * What the protocol drivers see of the network. The real one (network/linux.ts) and the fake of the tests pass one contract suite.
 * Errors of the environment come back as values with the kernel's name for them; nothing here throws for a link that went away.
 */
export interface NetworkError {
  /** The kernel's name: ENETDOWN, ENXIO, EPERM, ... */
  readonly code: string;
  /** What was attempted, and on what. */
  readonly message: string;
}

export interface InterfaceAddress {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

export interface NetworkInterface {
  readonly index: number;
  readonly name: string;
  /** Undefined where the link has none (loopback, tunnels). */
  readonly mac: MacAddress | undefined;
  /** Administratively up and with carrier (IFF_UP and IFF_LOWER_UP). */
  readonly up: boolean;
  readonly loopback: boolean;
  /** Frames can be broadcast and ARP is on: IFF_BROADCAST and not IFF_NOARP. */
  readonly broadcast: boolean;
  /** Index of the bridge or bond that it belongs to: frames arrive there, not here. */
  readonly master: number | undefined;
  readonly mtu: number;
  readonly addresses: readonly InterfaceAddress[];
}

export interface InterfaceWatch {
  /** As of now; the same array until something changes. Sorted by index. */
  list(): readonly NetworkInterface[];
  close(): void;
}

/** One instruction of a classic BPF program (struct sock_filter). */
export interface BpfInstruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

export interface FrameSocketOptions {
  readonly interfaceName: string;
  /** 0x0806 for ARP, 0x86dd for IPv6. */
  readonly etherType: number;
  /**
   * In force before the first frame can arrive. At most 4,092 instructions (EINVAL), but where net.core.optmem_max is
   * 20,480, as on older kernels, the old one and the new one have room for some 1,200 together (ENOMEM, and the old one stays).
   */
  readonly filter: readonly BpfInstruction[];
}

/** A packet socket on one interface: whole Ethernet frames in and out. Our own sent frames are not received. */
export interface FrameSocket {
  /** Undefined: sent. */
  send(frame: Uint8Array): NetworkError | undefined;
  /** Replaces the filter in one step; frames already queued may still be ones that only the old filter wanted. */
  setFilter(filter: readonly BpfInstruction[]): NetworkError | undefined;
  /** Frames that the kernel dropped because we did not read in time, since the last call. */
  takeDropped(): number;
  close(): void;
}

export interface FrameHandlers {
  /** The bytes are valid only during the call. */
  frame(bytes: Uint8Array): void;
  /** The link went down (ENETDOWN: the socket lives on) or away (ENXIO, ENODEV: close it and open anew when it returns). */
  error(error: NetworkError): void;
}

export interface Network {
  openFrameSocket(options: FrameSocketOptions, handlers: FrameHandlers): Decoded<FrameSocket, NetworkError>;
  /** Netlink events, not polling. `changed` is called after each change, with `list()` already new. */
  watchInterfaces(changed: () => void): Decoded<InterfaceWatch, NetworkError>;
  /**
   * Receive this IPv6 multicast group on the interface (programs the NIC and sends MLD reports). Joins are counted: it is left
   * when left as often as joined. They end with the interface: when it returns, join again.
   */
  joinGroup(interfaceName: string, group: IpAddress): NetworkError | undefined;
  leaveGroup(interfaceName: string, group: IpAddress): void;
}

export interface DatagramEndpoint {
  readonly address: IpAddress;
  readonly port: number;
}

/** A UDP socket of one family. */
export interface DatagramSocket {
  /** With the port that was given where 0 was asked for. */
  readonly local: DatagramEndpoint;
  /** Whether it arrives nobody knows; what the kernel says against it comes to `error`. */
  send(bytes: Uint8Array, to: DatagramEndpoint): void;
  /** An empty datagram from another port of this host, to learn whether the kernel at `to` says that nobody listens. */
  knock(to: DatagramEndpoint): void;
  close(): void;
}

export interface DatagramHandlers {
  datagram(bytes: Uint8Array, from: DatagramEndpoint): void;
  /** ECONNREFUSED as answer to a knock. */
  refused(to: DatagramEndpoint): void;
  error(error: NetworkError): void;
}

export interface DatagramNetwork {
  /** Port 0: a free one. */
  openDatagramSocket(
    local: DatagramEndpoint,
    handlers: DatagramHandlers,
  ): Promise<Decoded<DatagramSocket, NetworkError>>;
  /**
   * Runs it once all datagrams that had arrived were handed over, on every socket, or as soon as so many arrive that there
   * is no end to it. Timers look at what was received, so they wait for this.
   */
  whenDrained(run: () => void): void;
}
