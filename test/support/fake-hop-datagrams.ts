import { type Clock, ms } from '../../src/base/clock.ts';
import { type Decoded, decoded, malformed } from '../../src/base/decoded.ts';
import { formatIpAddress, type IpAddress, parseIpAddress, sameIpAddress } from '../../src/base/ip-address.ts';
import type {
  HopDatagramNetwork,
  HopReceiver,
  HopReceiverHandlers,
  HopReceiverOptions,
  HopSender,
  HopSenderOptions,
  NetworkError,
} from '../../src/network/ports.ts';

/** UDP with hop limits in memory, on the clock that is given. It passes the contract suite of test/network/hop-datagram-contract.ts. */
const MOST_OCTETS = 512;
const FIRST_PORT = 49_152;

export class FakeHopDatagrams {
  readonly clock: Clock;
  /** Milliseconds on the way. */
  delay = 0.2;
  /** Routers between the two. */
  hops: (from: string, to: string) => number = () => 0;
  /** Asked for each datagram. */
  lose: (from: string, to: string, bytes: Uint8Array) => boolean = () => false;
  readonly #hosts: FakeHopHost[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The network as one process sees it; all its addresses are on one interface. */
  host(addresses: readonly string[], link: { readonly name: string; readonly index: number } = ETH0): FakeHopHost {
    const host = new FakeHopHost(this, addresses.map(read), link);
    this.#hosts.push(host);
    return host;
  }

  transmit(bytes: Uint8Array, from: IpAddress, fromPort: number, options: HopSenderOptions): void {
    const { address: to, port } = options.remote;
    const [source, target] = [formatIpAddress(from), formatIpAddress(to)];
    const hopLimit = options.hopLimit - this.hops(source, target);
    if (hopLimit < 1 || this.lose(source, target, bytes)) return;
    const copy = bytes.slice();
    this.clock.startTimer('hop datagram', ms(this.delay), () => {
      for (const host of this.#hosts) if (host.owns(to)) host.arrive(copy, { from, fromPort, to, hopLimit }, port);
    });
  }
}

const ETH0 = { name: 'eth0', index: 2 };

interface Arrival {
  readonly from: IpAddress;
  readonly fromPort: number;
  readonly to: IpAddress;
  readonly hopLimit: number;
}

class FakeHopHost implements HopDatagramNetwork {
  /** `openHopSender` and `send` fail with this code; undefined: they do not. */
  failure: string | undefined;
  readonly receivers = new Set<{ readonly options: HopReceiverOptions; readonly handlers: HopReceiverHandlers }>();
  senders = 0;
  readonly #net: FakeHopDatagrams;
  readonly #addresses: IpAddress[];
  readonly #link: { readonly name: string; readonly index: number };
  readonly #queue: (() => void)[] = [];
  #paused = false;
  #nextPort = FIRST_PORT;

  constructor(net: FakeHopDatagrams, addresses: IpAddress[], link: { readonly name: string; readonly index: number }) {
    this.#net = net;
    this.#addresses = addresses;
    this.#link = link;
  }

  owns(address: IpAddress): boolean {
    return this.#addresses.some((own) => sameIpAddress(own, address));
  }

  /** What arrives waits, like in a socket that nobody reads. */
  pause(): void {
    this.#paused = true;
  }
  /** What waited is handed over with the next drain or arrival, not before. */
  resume(): void {
    this.#paused = false;
  }

  arrive(bytes: Uint8Array, arrival: Arrival, port: number): void {
    this.#queue.push(() => {
      for (const { options, handlers } of [...this.receivers]) {
        if (options.port !== port || options.family !== arrival.to.family) continue;
        if (options.device !== undefined && options.device !== this.#link.name) continue;
        const kept = bytes.slice(0, MOST_OCTETS);
        handlers.datagram(kept, { ...arrival, interfaceIndex: this.#link.index });
        kept.fill(0xee); // valid only during the call
      }
    });
    if (!this.#paused) this.#drain();
  }

  openHopReceiver(options: HopReceiverOptions, handlers: HopReceiverHandlers): Decoded<HopReceiver, NetworkError> {
    const port = options.port === 0 ? 33_000 + this.receivers.size : options.port;
    const doing = `receive UDP at port ${port}`;
    const taken = [...this.receivers].some(
      ({ options: other }) =>
        other.port === port &&
        other.family === options.family &&
        (other.device === undefined || options.device === undefined || other.device === options.device),
    );
    if (options.device !== undefined && options.device !== this.#link.name) return malformed(errorOf('ENODEV', doing));
    if (taken) return malformed(errorOf('EADDRINUSE', doing));
    const receiver = { options: { ...options, port }, handlers };
    this.receivers.add(receiver);
    return decoded({ port, takeDropped: () => 0, close: () => void this.receivers.delete(receiver) });
  }

  openHopSender(options: HopSenderOptions): Decoded<HopSender, NetworkError> {
    const { remote, source, device, hopLimit } = options;
    const doing = `send UDP to ${formatIpAddress(remote.address)}`;
    const own = source ?? this.#addresses.find(({ family }) => family === remote.address.family);
    const code =
      this.failure ??
      (hopLimit < 1 || hopLimit > 255 ? 'EINVAL' : undefined) ??
      (device !== undefined && device !== this.#link.name ? 'ENODEV' : undefined) ??
      (source !== undefined && !this.owns(source) ? 'EADDRNOTAVAIL' : undefined) ??
      (own === undefined ? 'ENETUNREACH' : undefined);
    if (code !== undefined || own === undefined) return malformed(errorOf(code ?? 'ENETUNREACH', doing));
    const port = this.#nextPort++;
    this.senders++;
    let open = true;
    return decoded({
      local: { address: own, port },
      send: (bytes) => {
        if (!open) return errorOf('EBADF', doing);
        if (this.failure !== undefined) return errorOf(this.failure, doing);
        this.#net.transmit(bytes, own, port, options);
        return undefined;
      },
      close: () => {
        if (open) this.senders--;
        open = false;
      },
    });
  }

  whenDrained(run: () => void): void {
    this.#drain();
    run();
  }

  #drain(): void {
    for (const arrival of this.#queue.splice(0)) arrival();
  }
}

function read(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (!address.ok) throw new Error(address.error);
  return address.value;
}

const errorOf = (code: string, doing: string): NetworkError => ({ code, message: `cannot ${doing}: ${code}` });
