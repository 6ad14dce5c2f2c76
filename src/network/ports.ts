import type { Decoded } from '../base/decoded.ts';
import type { IpAddress, IpFamily } from '../base/ip-address.ts';
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

/** One end of a TCP connection or of a UDP session. */
export interface SocketEndpoint extends DatagramEndpoint {
  /** The interface that a link-local address belongs to (RFC 4007 zone), by name; undefined for all others. */
  readonly zone?: string | undefined;
}

/**
 * What holds for the packets to and from one peer, on the side that connects and on the side that listens.
 *
 * TCP-MD5 (RFC 2385), and what Linux allows: a socket has one key for a peer's address, and no segment tells which key it was
 * signed with. A segment with a wrong signature, without one, or with one where there is no key, is dropped in silence and
 * counted by the kernel; so a wrong password looks like a peer that is not there. Keys may be set, replaced and removed at
 * any time, of a listener too, and a connection lives on when both ends change within the time that TCP goes on repeating and
 * the hold timer allows.
 * Hence the rotation in two steps: give both passwords, `[in force, next]`; change the router at any time; then give the new one
 * alone. While there are two, one is in force. The other is tried in its turn where the kernel counts signatures
 * that do not fit and the connection does not get on: every two seconds for one that is established or
 * an attempt that is under way, and for the peers of a listener that have no connection there. A new connection starts with
 * the one that fitted last, or where an attempt was given up for want of an answer with the other one. At most 80 octets of
 * UTF-8 each.
 */
export interface PeerSocketOptions {
  /** None: no signatures, and signed segments are dropped. One, or two while they are changed. */
  readonly passwords: readonly string[];
  /** TTL or hop limit of what we send, 1 to 255. */
  readonly hopLimit: number;
  /** GTSM (RFC 5082): the kernel drops what arrives with less, from the first SYN on. Undefined: anything. */
  readonly minimumHopLimit?: number | undefined;
}

export interface ConnectOptions extends PeerSocketOptions {
  readonly remote: SocketEndpoint;
  /** Undefined: the kernel chooses. */
  readonly source?: IpAddress | undefined;
  /** SO_BINDTODEVICE: a VRF or an interface. */
  readonly device?: string | undefined;
}

/**
 * A TCP connection: no delay, and marked CS6 (RFC 4594 §3.1) as routing is. It is closed once by the owner (`close` or `reset`),
 * also after `failed`; no handler is called after that.
 */
export interface Stream {
  /** Port 0 until connected. */
  readonly local: SocketEndpoint;
  readonly remote: SocketEndpoint;
  /**
   * Hands the parts over, in order, by reference: they may not be changed until `drained`. What the kernel does not take
   * at once is kept here. Returns the octets so kept: 0, go on; else `drained` follows, and until then who wants bounded memory
   * writes no more. Also before `connected`. After `failed` it keeps nothing and returns 0.
   */
  write(parts: readonly Uint8Array[]): number;
  /** Octets that the peer's TCP has not acknowledged: kept here, and those with the kernel. For a send hold timer (RFC 9687). */
  unacknowledged(): number;
  /** No `data` until `resume`; the peer is slowed down by its window. An error is noticed all the same. */
  pause(): void;
  resume(): void;
  /** From now on, as PeerSocketOptions says. */
  setPasswords(passwords: readonly string[]): NetworkError | undefined;
  /**
   * Sends what is kept, then FIN; what the peer still sends is thrown away, so that the kernel does not turn the FIN into a RST.
   * Done in the background, and at most for five seconds (then RST). While connecting it is `reset`.
   */
  close(): void;
  /** RST; what is kept is dropped. Ends an attempt to connect. */
  reset(): void;
}

export interface StreamHandlers {
  /** Once, before any `data`; never of an accepted stream, which is connected. */
  connected(): void;
  /** The bytes are valid only during the call. */
  data(bytes: Uint8Array): void;
  /** All that was kept by `write` is with the kernel. */
  drained(): void;
  /** The peer sends no more (FIN), and all it sent was handed over. We still may write. */
  ended(): void;
  /**
   * The attempt failed, or the connection broke (ECONNREFUSED, EHOSTUNREACH, ETIMEDOUT, ECONNRESET, ...), after all data
   * that had arrived (but for a paused stream, which has lost it). Nothing comes after it.
   */
  failed(error: NetworkError): void;
}

/** A peer that may connect to a listener. */
export interface ListenerPeer extends PeerSocketOptions {
  readonly address: IpAddress;
  /** Of a link-local address: the interface, by name. */
  readonly zone?: string | undefined;
}

export interface ListenOptions {
  /** The unspecified address (0.0.0.0, ::) stands for all of its family; an IPv6 listener takes no IPv4. Port 0: a free one. */
  readonly local: SocketEndpoint;
  readonly device?: string | undefined;
  readonly peers: readonly ListenerPeer[];
}

export interface ListenHandlers {
  /** From one of `peers`; keep the stream or close it. It reads nothing until the handlers are returned. */
  accepted(stream: Stream, peer: ListenerPeer): StreamHandlers;
  /** Somebody who is none of `peers` connected, and was reset. */
  refused(remote: SocketEndpoint): void;
  /** The kernel accepts no more for now (EMFILE, ENOBUFS): it is tried again. */
  error(error: NetworkError): void;
}

export interface StreamListener {
  readonly local: SocketEndpoint;
  /**
   * The whole list each time; connections that exist keep their own options. What cannot be done for one peer concerns that
   * peer alone: two link-local peers with one address on two interfaces and different passwords need listeners with a `device`.
   */
  setPeers(peers: readonly ListenerPeer[]): readonly PeerProblem[];
  /** Accepted streams live on. */
  close(): void;
}
export interface PeerProblem {
  readonly peer: ListenerPeer;
  readonly error: NetworkError;
}

/** TCP as a routing protocol needs it. How long an attempt may take is for the caller to say, by `reset`; the kernel gives up after two minutes. */
export interface StreamNetwork {
  /** Never calls a handler before it has returned. */
  connect(options: ConnectOptions, handlers: StreamHandlers): Decoded<Stream, NetworkError>;
  /** EADDRINUSE: another process has the port; EACCES: below 1024 it needs CAP_NET_BIND_SERVICE. What `setPeers` says of a peer comes to `error`. */
  listen(options: ListenOptions, handlers: ListenHandlers): Decoded<StreamListener, NetworkError>;
}

/** Where a datagram came from, where it went, and how far. */
export interface HopDatagramOrigin {
  readonly from: IpAddress;
  readonly fromPort: number;
  /** The address that it was sent to. */
  readonly to: IpAddress;
  /** The interface that it arrived at. */
  readonly interfaceIndex: number;
  /** TTL or hop limit as received. */
  readonly hopLimit: number;
}

export interface HopReceiverOptions {
  readonly family: IpFamily;
  readonly port: number;
  /** SO_BINDTODEVICE; undefined: all interfaces, except those of a VRF. */
  readonly device?: string | undefined;
}

export interface HopReceiver {
  /** With the port that was given where 0 was asked for. */
  readonly port: number;
  /** Datagrams that the kernel dropped because we did not read in time, since the last call. */
  takeDropped(): number;
  close(): void;
}

export interface HopReceiverHandlers {
  /** The bytes are valid only during the call; of one longer than 512 octets only those. Many calls for one waking. */
  datagram(bytes: Uint8Array, origin: HopDatagramOrigin): void;
  error(error: NetworkError): void;
}

export interface HopSenderOptions {
  readonly remote: SocketEndpoint;
  /** Undefined: the kernel chooses, now and for the life of the sender. */
  readonly source?: IpAddress | undefined;
  readonly device?: string | undefined;
  /** TTL or hop limit, 255 for BFD (RFC 5881 §5). */
  readonly hopLimit: number;
}

/** Sends the datagrams of one session: a port of its own from 49152 to 65535, that no other session has (RFC 5881 §4). Receives nothing. */
export interface HopSender {
  readonly local: SocketEndpoint;
  /** Undefined: sent. That nobody listens at the other end is no error; ENETUNREACH, ENETDOWN, EINVAL (our address is gone) are. */
  send(bytes: Uint8Array): NetworkError | undefined;
  close(): void;
}

/** UDP that knows how many hops a datagram came (RFC 5082): for BFD. */
export interface HopDatagramNetwork {
  openHopReceiver(options: HopReceiverOptions, handlers: HopReceiverHandlers): Decoded<HopReceiver, NetworkError>;
  openHopSender(options: HopSenderOptions): Decoded<HopSender, NetworkError>;
  /**
   * Runs it once all datagrams that had arrived were handed over, on every receiver, or when so many arrive that there is no end
   * to it; perhaps before this returns. A timer that looks at what was received waits for this.
   */
  whenDrained(run: () => void): void;
}

/** An entry of the kernel's neighbour table (IPv6 only). */
export interface Neighbour {
  readonly address: IpAddress;
  readonly mac: MacAddress | undefined;
  /** It said so itself: a router advertisement, or the flag of a neighbour advertisement (RFC 4861 §4.4). */
  readonly router: boolean;
  /** Nothing is known against it: not being resolved, not failed. */
  readonly usable: boolean;
}

export interface NeighbourWatch {
  /** As of now, sorted by address; the same array until something changes. The kernel forgets unused ones after a minute or so. */
  list(): readonly Neighbour[];
  /**
   * Asks for routers (router solicitation, RFC 4861 §4.1), which answer within half a second with an advertisement that makes them
   * known to the kernel as routers, whatever `accept_ra` and `forwarding` say.
   */
  solicit(): NetworkError | undefined;
  /**
   * Makes us known in the same way to a router that finds its unnumbered peers by router advertisements (FRR): one with
   * router lifetime 0, so that no host takes us for its default router (RFC 4861 §6.2.3).
   */
  advertise(): NetworkError | undefined;
  close(): void;
}

export interface NeighbourNetwork {
  /**
   * Netlink events, not polling. `changed` is called after each change, with `list()` already new. The interface is the one that has
   * the name now: when it is deleted the list becomes empty for ever. ENODEV: there is none.
   */
  watchNeighbours(interfaceName: string, changed: () => void): Decoded<NeighbourWatch, NetworkError>;
}
