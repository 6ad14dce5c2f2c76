import { type Clock, ms, type Timer } from '../../src/base/clock.ts';
import { type Decoded, decoded, malformed } from '../../src/base/decoded.ts';
import { formatIpAddress } from '../../src/base/ip-address.ts';
import type {
  DatagramEndpoint,
  DatagramHandlers,
  DatagramNetwork,
  DatagramSocket,
  NetworkError,
} from '../../src/network/ports.ts';

/** UDP in memory, on virtual time: all hosts in one, told apart by their addresses. */
export class FakeDatagrams {
  /** Milliseconds on the way. */
  readonly delay = 0.2;
  /** Asked for each datagram. */
  lose: (from: DatagramEndpoint, to: DatagramEndpoint, bytes: Uint8Array) => boolean = () => false;
  readonly #clock: Clock;
  readonly #listeners = new Map<string, DatagramHandlers>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The network as one process sees it. Paused, what arrives waits, like in a socket that nobody reads. */
  host(): FakeHost {
    return new FakeHost(this);
  }

  listen(at: DatagramEndpoint, handlers: DatagramHandlers): boolean {
    if (this.#listeners.has(keyOf(at))) return false;
    this.#listeners.set(keyOf(at), handlers);
    return true;
  }
  close(at: DatagramEndpoint): void {
    this.#listeners.delete(keyOf(at));
  }

  transmit(bytes: Uint8Array, from: DatagramEndpoint, to: DatagramEndpoint): void {
    if (this.lose(from, to, bytes)) return;
    const copy = bytes.slice();
    this.#later(() => this.#listeners.get(keyOf(to))?.datagram(copy, from));
  }
  knock(from: DatagramHandlers, to: DatagramEndpoint): void {
    this.#later(() => {
      if (!this.#listeners.has(keyOf(to))) from.refused(to);
    });
  }

  #later(run: () => void): Timer {
    return this.#clock.startTimer('datagram', ms(this.delay), run);
  }
}

class FakeHost implements DatagramNetwork {
  readonly #net: FakeDatagrams;
  readonly #queue: (() => void)[] = [];
  #paused = false;

  constructor(net: FakeDatagrams) {
    this.#net = net;
  }

  pause(): void {
    this.#paused = true;
  }
  /** What waited is handed over with the next drain, not before. */
  resume(): void {
    this.#paused = false;
  }

  async openDatagramSocket(
    local: DatagramEndpoint,
    handlers: DatagramHandlers,
  ): Promise<Decoded<DatagramSocket, NetworkError>> {
    const queued: DatagramHandlers = {
      datagram: (bytes, from) => this.#arrive(() => handlers.datagram(bytes, from)),
      refused: (to) => this.#arrive(() => handlers.refused(to)),
      error: (error) => this.#arrive(() => handlers.error(error)),
    };
    if (!this.#net.listen(local, queued))
      return malformed({ code: 'EADDRINUSE', message: `cannot receive UDP at ${keyOf(local)}: EADDRINUSE` });
    return decoded({
      local,
      send: (bytes, to) => this.#net.transmit(bytes, local, to),
      knock: (to) => this.#net.knock(queued, to),
      close: () => this.#net.close(local),
    });
  }

  whenDrained(run: () => void): void {
    for (const arrival of this.#queue.splice(0)) arrival();
    run();
  }

  #arrive(run: () => void): void {
    if (this.#paused || this.#queue.length > 0) this.#queue.push(run);
    else run();
  }
}

const keyOf = ({ address, port }: DatagramEndpoint): string => `${formatIpAddress(address)} ${port}`;
