import { type Decoded, decoded, malformed } from '../base/decoded.ts';
import { type Addon, EAGAIN, ENODEV, kernelError, type Poller } from './addon.ts';
import { LITTLE_ENDIAN } from './host-order.ts';
import { encodeFilter } from './packet-filter.ts';
import type { BpfInstruction, FrameHandlers, FrameSocket, FrameSocketOptions, NetworkError } from './ports.ts';
import { enlargeReceiveBuffer } from './receive-buffer.ts';

/**
 * A packet socket (packet(7)) of one interface and one EtherType.
 * The order of opening matters: with protocol 0 nothing arrives, then the filter is attached, then `bind` names interface
 * and protocol at once. Any other order lets frames in that the filter would have refused.
 * Bound to one EtherType it never sees our own frames: the kernel shows those only to sockets of all protocols.
 */

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOL_PACKET = 263;
const PACKET_STATISTICS = 6;

/** Room for a burst that arrives while the thread does something else: about 5,000 ARP requests as the kernel counts memory. */
const RECEIVE_BUFFER = 4 << 20;
/** Then the others have their turn; what is left wakes us again at once. */
const FRAMES_PER_TURN = 64;
/** Longer than any frame: jumbo frames have 9,000 octets, and the kernel coalesces neither ARP nor ICMPv6. */
const FRAME_BUFFER = 1 << 14;

export class LinuxFrameSocket implements FrameSocket {
  readonly interfaceIndex: number;
  readonly #addon: Addon;
  readonly #name: string;
  readonly #handlers: FrameHandlers;
  readonly #closed: (socket: LinuxFrameSocket) => void;
  readonly #buffer = new Uint8Array(FRAME_BUFFER);
  /** What the last frame filled of it: the next one is likely to be as long. */
  #frame = this.#buffer.subarray(0, 0);
  /** -1 once closed: the number may soon be another socket's. */
  #fd: number;
  #poller: Poller | undefined;

  private constructor(
    addon: Addon,
    fd: number,
    index: number,
    name: string,
    handlers: FrameHandlers,
    closed: (socket: LinuxFrameSocket) => void,
  ) {
    this.#addon = addon;
    this.#fd = fd;
    this.interfaceIndex = index;
    this.#name = name;
    this.#handlers = handlers;
    this.#closed = closed;
  }

  /** `closed` is told once, when the owner closes the socket. */
  static open(
    addon: Addon,
    { interfaceName, etherType, filter }: FrameSocketOptions,
    handlers: FrameHandlers,
    closed: (socket: LinuxFrameSocket) => void,
  ): Decoded<LinuxFrameSocket, NetworkError> {
    const index = addon.interfaceIndex(interfaceName);
    if (index < 0) return malformed(kernelError(index, `open a packet socket on ${interfaceName}`));
    const fd = addon.socket(AF_PACKET, SOCK_RAW, 0);
    if (fd < 0) return malformed(kernelError(fd, 'open a packet socket'));
    const refuse = (result: number, doing: string): Decoded<LinuxFrameSocket, NetworkError> => {
      addon.close(fd);
      return malformed(kernelError(result, doing));
    };
    const attached = addon.attachFilter(fd, encodeFilter(filter));
    if (attached < 0) return refuse(attached, `attach the filter for ${interfaceName}`);
    enlargeReceiveBuffer(addon, fd, RECEIVE_BUFFER);
    const bound = addon.bind(fd, linkLayerAddress(index, etherType));
    if (bound < 0) return refuse(bound, `bind a packet socket to ${interfaceName}`);
    const socket = new LinuxFrameSocket(addon, fd, index, interfaceName, handlers, closed);
    const poller = addon.startReceiving(fd, (error, length) => socket.#ready(error, length), socket.#buffer);
    if (typeof poller === 'number') return refuse(poller, `poll a packet socket on ${interfaceName}`);
    socket.#poller = poller;
    return decoded(socket);
  }

  send(frame: Uint8Array): NetworkError | undefined {
    const sent = this.#addon.send(this.#fd, frame);
    return sent < 0 ? kernelError(sent, `send on ${this.#name}`) : undefined;
  }

  setFilter(filter: readonly BpfInstruction[]): NetworkError | undefined {
    const attached = this.#addon.attachFilter(this.#fd, encodeFilter(filter));
    return attached < 0 ? kernelError(attached, `replace the filter on ${this.#name}`) : undefined;
  }

  takeDropped(): number {
    // struct tpacket_stats: received, dropped. Reading it resets it.
    const statistics = new Uint32Array(2);
    const length = this.#addon.getsockopt(this.#fd, SOL_PACKET, PACKET_STATISTICS, new Uint8Array(statistics.buffer));
    return length < 0 ? 0 : statistics[1]!;
  }

  close(): void {
    if (this.#fd < 0) return;
    this.#stopPolling();
    this.#addon.close(this.#fd);
    this.#fd = -1;
    this.#closed(this);
  }

  /** Netlink says that the interface is deleted, or moved to another namespace: the kernel never binds this socket again. */
  interfaceGone(): void {
    if (this.#poller === undefined) return;
    this.#stopPolling();
    this.#handlers.error(kernelError(ENODEV, `receive on ${this.#name}`));
  }

  #stopPolling(): void {
    if (this.#poller !== undefined) this.#addon.stopPolling(this.#poller);
    this.#poller = undefined;
  }

  #ready(error: number, first: number): void {
    if (error < 0) this.#handlers.error(kernelError(error, `receive on ${this.#name}`));
    let length = first;
    // A handler may close us at any time.
    for (let turn = 0; turn < FRAMES_PER_TURN && this.#poller !== undefined; turn++) {
      if (turn > 0) length = this.#addon.receive(this.#fd, this.#buffer);
      if (length === EAGAIN) return;
      if (length < 0) {
        this.#handlers.error(kernelError(length, `receive on ${this.#name}`));
        return;
      }
      if (length > FRAME_BUFFER) continue;
      if (length !== this.#frame.length) this.#frame = this.#buffer.subarray(0, length);
      this.#handlers.frame(this.#frame);
    }
  }
}

/** struct sockaddr_ll, of which `bind` reads family, protocol and interface. */
function linkLayerAddress(index: number, etherType: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint16(0, AF_PACKET, LITTLE_ENDIAN);
  view.setUint16(2, etherType);
  view.setInt32(4, index, LITTLE_ENDIAN);
  return new Uint8Array(view.buffer);
}

/** Whether this process may open packet sockets: 0, or -errno of the attempt. */
export function tryPacketSocket(addon: Addon): number {
  const fd = addon.socket(AF_PACKET, SOCK_RAW, 0);
  return fd < 0 ? fd : addon.close(fd);
}
