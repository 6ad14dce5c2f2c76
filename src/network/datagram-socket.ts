import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterThisTurn, type Clock, ms } from '../base/clock.ts';
import { type Decoded, decoded, malformed } from '../base/decoded.ts';
import { messageOf, systemCodeOf } from '../base/errors.ts';
import { formatIpAddress, type IpFamily, parseIpAddress } from '../base/ip-address.ts';
import type { DatagramEndpoint, DatagramHandlers, DatagramNetwork, DatagramSocket, NetworkError } from './ports.ts';

/**
 * UDP by node:dgram. An unconnected socket is never told that nobody listens at the other end (udp(7)), a connected one is:
 * so a knock goes from a socket of its own, that lives as long as an answer may take.
 */
export const nodeDatagrams = (clock: Clock): DatagramNetwork => new NodeDatagrams(clock);

/** Room for a burst while the thread does something else; the kernel may grant less. */
const RECEIVE_BUFFER = 1 << 20;
const KNOCK_LIFE = ms(100);
const MOST_KNOCKS = 16;
/** The event loop reads so few datagrams of a socket in one turn that it takes several to drain it. Then timers have their turn anyway. */
const MOST_TURNS = 64;

class NodeDatagrams implements DatagramNetwork {
  readonly #clock: Clock;
  #received = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async openDatagramSocket(
    local: DatagramEndpoint,
    handlers: DatagramHandlers,
  ): Promise<Decoded<DatagramSocket, NetworkError>> {
    const { family } = local.address;
    const socket = openSocket(family, RECEIVE_BUFFER);
    try {
      const listening = once(socket, 'listening');
      socket.bind({ port: local.port, address: formatIpAddress(local.address), exclusive: true });
      await listening;
    } catch (thrown) {
      socket.close();
      return malformed(networkError(thrown, `receive UDP at ${nameOf(local)}`));
    }
    socket.on('message', (bytes, { address, port }) => {
      this.#received++;
      const source = parseIpAddress(address);
      if (source.ok) handlers.datagram(bytes, { address: source.value, port });
    });
    socket.on('error', (thrown) => handlers.error(networkError(thrown, `receive UDP at ${nameOf(local)}`)));
    const bound = { address: local.address, port: socket.address().port };
    return decoded(new NodeDatagramSocket(this.#clock, socket, bound, handlers));
  }

  whenDrained(run: () => void): void {
    this.#drain(run, MOST_TURNS);
  }

  #drain(run: () => void, turns: number): void {
    const before = this.#received;
    afterThisTurn(() => {
      if (this.#received === before || turns === 0) run();
      else this.#drain(run, turns - 1);
    });
  }
}

class NodeDatagramSocket implements DatagramSocket {
  readonly local: DatagramEndpoint;
  readonly #clock: Clock;
  readonly #socket: Socket;
  readonly #handlers: DatagramHandlers;
  /** How to end each. */
  readonly #knocks = new Set<() => void>();
  #closed = false;

  constructor(clock: Clock, socket: Socket, local: DatagramEndpoint, handlers: DatagramHandlers) {
    this.#clock = clock;
    this.#socket = socket;
    this.local = local;
    this.#handlers = handlers;
  }

  send(bytes: Uint8Array, to: DatagramEndpoint): void {
    if (this.#closed) return;
    this.#socket.send(bytes, to.port, formatIpAddress(to.address), (thrown) => {
      if (thrown !== null && !this.#closed) this.#handlers.error(networkError(thrown, `send UDP to ${nameOf(to)}`));
    });
  }

  knock(to: DatagramEndpoint): void {
    if (this.#closed || this.#knocks.size >= MOST_KNOCKS) return;
    const socket = openSocket(to.address.family);
    const end = (): void => {
      if (!this.#knocks.delete(end)) return;
      limit.stop();
      socket.close();
    };
    const limit = this.#clock.startTimer('knock', KNOCK_LIFE, end);
    this.#knocks.add(end);
    socket.on('error', (thrown) => {
      end();
      // Any other code says something about the way there, and the way is what probes are for.
      if (systemCodeOf(thrown) === 'ECONNREFUSED' && !this.#closed) this.#handlers.refused(to);
    });
    socket.connect(to.port, formatIpAddress(to.address), () => {
      if (this.#knocks.has(end)) socket.send(new Uint8Array(0));
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const end of [...this.#knocks]) end();
    this.#socket.close();
  }
}

/** Addresses are numbers here: there is nothing to look up, and so nothing to wait for. */
const openSocket = (family: IpFamily, recvBufferSize?: number): Socket =>
  createSocket({
    type: family === 'ipv4' ? 'udp4' : 'udp6',
    ipv6Only: family === 'ipv6',
    lookup: (host, _options, found) => found(null, host, family === 'ipv4' ? 4 : 6),
    ...(recvBufferSize === undefined ? {} : { recvBufferSize }),
  });

const nameOf = ({ address, port }: DatagramEndpoint): string =>
  address.family === 'ipv4' ? `${formatIpAddress(address)}:${port}` : `[${formatIpAddress(address)}]:${port}`;

const networkError = (thrown: unknown, doing: string): NetworkError => ({
  code: systemCodeOf(thrown) ?? 'EIO',
  message: `cannot ${doing}: ${messageOf(thrown)}`,
});
