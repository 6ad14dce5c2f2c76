import { afterThisTurn } from '../base/clock.ts';
import { type Decoded, decoded, malformed } from '../base/decoded.ts';
import { formatIpAddress, type IpFamily, ipAddressFromBytes, isLinkLocalIpv6 } from '../base/ip-address.ts';
import type { Random } from '../base/random.ts';
import { type Addon, EADDRINUSE, EAGAIN, ECONNREFUSED, EINVAL, kernelError, loadAddon, type Poller } from './addon.ts';
import { LITTLE_ENDIAN } from './host-order.ts';
import { encodeProgram } from './packet-filter.ts';
import { inOrder, setDevice, setHopLimit, setOneFamily } from './peer-options.ts';
import type {
  HopDatagramNetwork,
  HopReceiver,
  HopReceiverHandlers,
  HopReceiverOptions,
  HopSender,
  HopSenderOptions,
  NetworkError,
  SocketEndpoint,
} from './ports.ts';
import { enlargeReceiveBuffer } from './receive-buffer.ts';
import { decodeSocketAddress, domainOf, encodeSocketAddress, endpointName, SOCKADDR_IN6 } from './socket-address.ts';

/**
 * UDP with hop limits, many datagrams with one call of the kernel (native/hops.c). One receiver serves all sessions of a port;
 * each session has a socket of its own to send, connected, so that the kernel looks the way up once.
 * Privilege: none, but CAP_NET_RAW for a `device` before Linux 5.7.
 */

const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_MEMINFO = 55;
/** Of SO_MEMINFO's numbers the one that counts drops. */
const MEMINFO_DROPS = 8;
const IPPROTO_IP = 0;
const IP_PKTINFO = 8;
const IP_RECVTTL = 12;
const IPPROTO_IPV6 = 41;
const IPV6_RECVPKTINFO = 49;
const IPV6_RECVHOPLIMIT = 51;

/** Room for all sessions to be heard several times over while the thread does something else. */
const RECEIVE_BUFFER = 4 << 20;
const BATCH = 64;
const SLOT = 512;
/** struct record of native/hops.c. */
const RECORD = 48;
const BATCHES_PER_TURN = 4;
/** Then timers have their turn anyway. */
const MOST_BATCHES = 64;

/** RFC 5881 §4. */
const FIRST_PORT = 49_152;
const LAST_PORT = 65_535;
const PORTS = LAST_PORT - FIRST_PORT + 1;

const DROP_ALL = encodeProgram([{ code: 0x06, jt: 0, jf: 0, k: 0 }]);

/** The addon is missing: an error in words for the user. */
export function linuxHopDatagrams(random: Random): Decoded<HopDatagramNetwork, NetworkError> {
  const addon = loadAddon();
  return addon.ok ? decoded(new LinuxHopDatagrams(addon.value, random)) : addon;
}

class LinuxHopDatagrams implements HopDatagramNetwork {
  readonly #addon: Addon;
  readonly #receivers = new Set<LinuxHopReceiver>();
  #nextPort: number;

  constructor(addon: Addon, random: Random) {
    this.#addon = addon;
    this.#nextPort = FIRST_PORT + Math.floor(random.fraction() * PORTS);
  }

  openHopReceiver(options: HopReceiverOptions, handlers: HopReceiverHandlers): Decoded<HopReceiver, NetworkError> {
    const receiver = LinuxHopReceiver.open(this.#addon, options, handlers, (closed) => this.#receivers.delete(closed));
    if (receiver.ok) this.#receivers.add(receiver.value);
    return receiver;
  }

  openHopSender({ remote, source, device, hopLimit }: HopSenderOptions): Decoded<HopSender, NetworkError> {
    const addon = this.#addon;
    const { family } = remote.address;
    const doing = `send UDP to ${endpointName(remote)}`;
    const refuse = (result: number): Decoded<HopSender, NetworkError> => malformed(kernelError(result, doing));
    if (isLinkLocalIpv6(remote.address) && remote.zone === undefined) return refuse(EINVAL);
    const to = encodeSocketAddress(addon, remote);
    if (!to.ok) return refuse(to.error);
    const fd = addon.socket(domainOf(family), SOCK_DGRAM, 0);
    if (fd < 0) return refuse(fd);
    const result = inOrder(
      // It receives nothing, also when somebody sends to its port.
      () => addon.attachFilter(fd, DROP_ALL),
      () => addon.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, 0),
      () => setHopLimit(addon, fd, family, hopLimit),
      () => setOneFamily(addon, fd, family),
      () => setDevice(addon, fd, device),
      () => this.#bindSomewhere(fd, { address: source ?? { family, value: 0n }, port: 0, zone: remote.zone }),
      () => addon.connect(fd, to.value),
    );
    if (result >= 0) return decoded(new LinuxHopSender(addon, fd, doing));
    addon.closeNow(fd);
    return refuse(result);
  }

  whenDrained(run: () => void): void {
    const receivers = [...this.#receivers];
    // From within a handler: what was read with the same call of the kernel comes first.
    if (receivers.some(({ reading }) => reading)) {
      afterThisTurn(() => this.whenDrained(run));
      return;
    }
    for (const receiver of receivers) receiver.read(MOST_BATCHES);
    run();
  }

  /** To the next port that nobody has on this address. */
  #bindSomewhere(fd: number, local: SocketEndpoint): number {
    for (let tries = 1; ; tries++) {
      const port = this.#nextPort;
      this.#nextPort = port === LAST_PORT ? FIRST_PORT : port + 1;
      const address = encodeSocketAddress(this.#addon, { ...local, port });
      if (!address.ok) return address.error;
      const bound = this.#addon.bind(fd, address.value);
      if (bound !== EADDRINUSE || tries === PORTS) return bound;
    }
  }
}

class LinuxHopSender implements HopSender {
  readonly local: SocketEndpoint;
  readonly #addon: Addon;
  readonly #fd: number;
  readonly #doing: string;
  #closed = false;

  constructor(addon: Addon, fd: number, doing: string) {
    this.#addon = addon;
    this.#fd = fd;
    this.#doing = doing;
    const bytes = new Uint8Array(SOCKADDR_IN6);
    addon.localAddress(fd, bytes);
    this.local = decodeSocketAddress(addon, bytes);
  }

  send(bytes: Uint8Array): NetworkError | undefined {
    if (this.#closed) return { code: 'EBADF', message: `cannot ${this.#doing}: it is closed (EBADF)` };
    let sent = this.#addon.send(this.#fd, bytes);
    // That is what came back to the one before, and this one was not sent for it.
    if (sent === ECONNREFUSED) sent = this.#addon.send(this.#fd, bytes);
    return sent < 0 ? kernelError(sent, this.#doing) : undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#addon.closeNow(this.#fd);
  }
}

class LinuxHopReceiver implements HopReceiver {
  readonly port: number;
  readonly #addon: Addon;
  readonly #fd: number;
  readonly #doing: string;
  readonly #addressOctets: number;
  readonly #handlers: HopReceiverHandlers;
  readonly #closed: (receiver: LinuxHopReceiver) => void;
  readonly #octets = new Uint8Array(BATCH * SLOT);
  readonly #records = new Uint8Array(BATCH * RECORD);
  readonly #view = new DataView(this.#records.buffer);
  #poller: Poller | undefined;
  #reading = false;
  #dropped = 0;

  private constructor(
    addon: Addon,
    fd: number,
    family: IpFamily,
    doing: string,
    handlers: HopReceiverHandlers,
    closed: (receiver: LinuxHopReceiver) => void,
  ) {
    this.#addon = addon;
    this.#fd = fd;
    this.#addressOctets = family === 'ipv4' ? 4 : 16;
    this.#doing = doing;
    this.#handlers = handlers;
    this.#closed = closed;
    const bytes = new Uint8Array(SOCKADDR_IN6);
    addon.localAddress(fd, bytes);
    this.port = decodeSocketAddress(addon, bytes).port;
  }

  /** `closed` is told once, when the owner closes it. */
  static open(
    addon: Addon,
    { family, port, device }: HopReceiverOptions,
    handlers: HopReceiverHandlers,
    closed: (receiver: LinuxHopReceiver) => void,
  ): Decoded<LinuxHopReceiver, NetworkError> {
    const local: SocketEndpoint = { address: { family, value: 0n }, port };
    const doing = `receive UDP at ${formatIpAddress(local.address)} port ${port}${device === undefined ? '' : ` on ${device}`}`;
    const address = encodeSocketAddress(addon, local);
    if (!address.ok) return malformed(kernelError(address.error, doing));
    const fd = addon.socket(domainOf(family), SOCK_DGRAM, 0);
    if (fd < 0) return malformed(kernelError(fd, doing));
    enlargeReceiveBuffer(addon, fd, RECEIVE_BUFFER);
    const result = inOrder(
      () => setOneFamily(addon, fd, family),
      () => tellOrigins(addon, fd, family),
      () => setDevice(addon, fd, device),
      () => addon.bind(fd, address.value),
    );
    const receiver = new LinuxHopReceiver(addon, fd, family, doing, handlers, closed);
    const poller = result < 0 ? result : addon.startPolling(fd, (error) => receiver.#ready(error));
    if (typeof poller === 'number') {
      addon.closeNow(fd);
      return malformed(kernelError(poller, doing));
    }
    receiver.#poller = poller;
    return decoded(receiver);
  }

  takeDropped(): number {
    const numbers = new Uint32Array(16);
    if (this.#poller === undefined) return 0;
    if (this.#addon.getsockopt(this.#fd, SOL_SOCKET, SO_MEMINFO, new Uint8Array(numbers.buffer)) < 0) return 0;
    const before = this.#dropped;
    this.#dropped = numbers[MEMINFO_DROPS]!;
    return (this.#dropped - before) >>> 0;
  }

  close(): void {
    if (this.#poller === undefined) return;
    this.#addon.stopPolling(this.#poller);
    this.#poller = undefined;
    this.#addon.closeNow(this.#fd);
    this.#closed(this);
  }

  #ready(error: number): void {
    if (error < 0) this.#handlers.error(kernelError(error, this.#doing));
    this.read(BATCHES_PER_TURN);
  }

  /** Handing over what was read. */
  get reading(): boolean {
    return this.#reading;
  }

  /** A handler may close us at any time. */
  read(batches: number): void {
    this.#reading = true;
    try {
      for (let batch = 0; batch < batches && this.#poller !== undefined; batch++) {
        const count = this.#addon.receiveHops(this.#fd, this.#octets, this.#records);
        if (count < 0 && count !== EAGAIN) this.#handlers.error(kernelError(count, this.#doing));
        for (let i = 0; i < count && this.#poller !== undefined; i++) this.#handOver(i);
        if (count < BATCH) return;
      }
    } finally {
      this.#reading = false;
    }
  }

  #handOver(i: number): void {
    const at = i * RECORD;
    const address = (from: number) => ipAddressFromBytes(this.#records.subarray(from, from + this.#addressOctets));
    const length = this.#view.getUint32(at, LITTLE_ENDIAN);
    this.#handlers.datagram(this.#octets.subarray(i * SLOT, i * SLOT + length), {
      interfaceIndex: this.#view.getInt32(at + 4, LITTLE_ENDIAN),
      hopLimit: this.#view.getInt32(at + 8, LITTLE_ENDIAN),
      fromPort: this.#view.getUint32(at + 12, LITTLE_ENDIAN),
      from: address(at + 16),
      to: address(at + 32),
    });
  }
}

const tellOrigins = (addon: Addon, fd: number, family: IpFamily): number =>
  family === 'ipv4'
    ? inOrder(
        () => addon.setsockopt(fd, IPPROTO_IP, IP_RECVTTL, 1),
        () => addon.setsockopt(fd, IPPROTO_IP, IP_PKTINFO, 1),
      )
    : inOrder(
        () => addon.setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1),
        () => addon.setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1),
      );
