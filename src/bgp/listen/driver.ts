import { type Clock, seconds, type Timer } from '../../base/clock.ts';
import { formatIpAddress, type IpAddress, type IpFamily, ipAddress } from '../../base/ip-address.ts';
import type {
  ListenerPeer,
  NetworkError,
  Stream,
  StreamHandlers,
  StreamListener,
  StreamNetwork,
} from '../../network/ports.ts';
import { listenFailure } from '../transport-words.ts';

/** A peer that may connect to us. */
export interface ExpectedPeer extends ListenerPeer {
  readonly name: string;
  /** It is for its sake that we listen; the others use a listener that is there, and collide with our own attempts (RFC 4271 §6.8). */
  readonly passive: boolean;
  readonly port: number;
  readonly device: string | undefined;
}

export interface ListenersOptions {
  readonly streams: StreamNetwork;
  readonly clock: Clock;
  readonly accepted: (name: string, stream: Stream) => StreamHandlers | undefined;
  /** Whether these passive peers can connect is another answer now. */
  readonly changed: (names: readonly string[]) => void;
}

interface Place {
  readonly key: string;
  readonly family: IpFamily;
  readonly port: number;
  readonly device: string | undefined;
  expected: readonly ExpectedPeer[];
  listener: StreamListener | undefined;
  error: string | undefined;
  /** By name of the peer. */
  problems: ReadonlyMap<string, string>;
  retry: Timer | undefined;
}

/** Whoever has the port may give it up. */
const RETRY = seconds(5);

/**
 * Listens where a passive peer makes that necessary, and nowhere else: one socket for each family, port and VRF. That a port is
 * taken is the trouble of those peers alone.
 */
export class Listeners {
  readonly #options: ListenersOptions;
  readonly #places = new Map<string, Place>();

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  /** All peers whose address is known, active ones included. */
  expect(peers: readonly ExpectedPeer[]): void {
    const wanted = new Map<string, Omit<Place, 'listener' | 'error' | 'problems' | 'retry'>>();
    for (const { passive, address, port, device } of peers) {
      const key = `${address.family} ${port} ${device ?? ''}`;
      if (!passive || wanted.has(key)) continue;
      const expected = peers.filter(
        (other) =>
          other.address.family === address.family && other.device === device && (!other.passive || other.port === port),
      );
      wanted.set(key, { key, family: address.family, port, device, expected });
    }
    for (const place of [...this.#places.values()]) if (!wanted.has(place.key)) this.#close(place);
    for (const fresh of wanted.values()) {
      const place = this.#places.get(fresh.key);
      if (place === undefined) {
        const made = { ...fresh, listener: undefined, error: undefined, problems: new Map(), retry: undefined };
        this.#places.set(fresh.key, made);
        this.#open(made);
      } else {
        // A rotation of passwords that is under way begins anew: not without need.
        if (textOf(place.expected) === textOf(fresh.expected)) continue;
        place.expected = fresh.expected;
        if (place.listener !== undefined) this.#judge(place, place.listener.setPeers(place.expected));
      }
    }
  }

  /** Of a passive peer: where it may connect to, and why it cannot. */
  status({ name, address, port, device }: ExpectedPeer): { readonly at: string; readonly error: string | undefined } {
    const place = this.#places.get(`${address.family} ${port} ${device ?? ''}`);
    return { at: nameOf(address.family, port, device), error: place?.error ?? place?.problems.get(name) };
  }

  stop(): void {
    for (const place of [...this.#places.values()]) this.#close(place);
  }

  #open(place: Place): void {
    place.retry = undefined;
    const { streams, clock } = this.#options;
    const listening = streams.listen(
      {
        local: { address: unspecified(place.family), port: place.port },
        device: place.device,
        peers: place.expected,
      },
      {
        accepted: (stream, peer) => this.#accepted(place, stream, peer),
        refused() {},
        error: (error) => this.#failed(place, listenFailure(place.port, error)),
      },
    );
    if (listening.ok) {
      place.listener = listening.value;
      this.#failed(place, undefined);
      this.#judge(place, listening.value.setPeers(place.expected));
      return;
    }
    this.#failed(place, listenFailure(place.port, listening.error));
    place.retry = clock.startTimer('bgp listen', RETRY, () => this.#open(place));
  }

  #accepted(place: Place, stream: Stream, { address, zone }: ListenerPeer): StreamHandlers {
    const own = place.expected.filter((peer) => same(peer.address, address) && peer.zone === zone);
    const peer = own.find(({ passive }) => passive) ?? own[0];
    const handlers = peer === undefined ? undefined : this.#options.accepted(peer.name, stream);
    if (handlers !== undefined) return handlers;
    stream.reset();
    return { connected() {}, data() {}, drained() {}, ended() {}, failed() {} };
  }

  #judge(place: Place, found: ReturnType<StreamListener['setPeers']>): void {
    const problems = new Map<string, string>();
    for (const { peer, error } of found)
      for (const { name, address, zone } of place.expected)
        if (same(address, peer.address) && zone === peer.zone) problems.set(name, wordsOf(error));
    const names = [...new Set([...problems.keys(), ...place.problems.keys()])];
    const changed = names.filter((name) => problems.get(name) !== place.problems.get(name));
    place.problems = problems;
    if (changed.length > 0) this.#options.changed(changed);
  }

  #failed(place: Place, error: string | undefined): void {
    if (place.error === error) return;
    place.error = error;
    this.#options.changed(place.expected.filter(({ passive }) => passive).map(({ name }) => name));
  }

  #close(place: Place): void {
    place.retry?.stop();
    place.listener?.close();
    this.#places.delete(place.key);
  }
}

const same = (a: IpAddress, b: IpAddress): boolean => a.family === b.family && a.value === b.value;
const unspecified = (family: IpFamily): IpAddress => ipAddress(family, 0n);
const textOf = (peers: readonly ExpectedPeer[]): string =>
  JSON.stringify(peers, (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
const wordsOf = ({ message }: NetworkError): string => message;

function nameOf(family: IpFamily, port: number, device: string | undefined): string {
  const any = formatIpAddress(unspecified(family));
  return `${family === 'ipv6' ? `[${any}]` : any}:${port}${device === undefined ? '' : ` on ${device}`}`;
}
