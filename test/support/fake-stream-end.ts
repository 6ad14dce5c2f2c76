import { type Milliseconds, ms, type Timer } from '../../src/base/clock.ts';
import { formatIpAddress, sameIpAddress } from '../../src/base/ip-address.ts';
import { PasswordRotation } from '../../src/network/password-rotation.ts';
import type {
  NetworkError,
  PeerSocketOptions,
  SocketEndpoint,
  Stream,
  StreamHandlers,
} from '../../src/network/ports.ts';
import type { FakeListener, FakeTcp, FakeTcpHost } from './fake-streams.ts';

/** The TCP of fake-streams.ts: what two ends do with each other. */
const LATENCY = ms(0.2);
const FIRST_RETRY = 200;
const LONGEST_RETRY = 60_000;
const GIVE_UP = ms(127_000);
const LINGER = ms(5000);
const SEGMENT = 16_384;

/** One end of a connection. The other one exists from the handshake on. */
export class FakeEnd implements Stream {
  readonly remote: SocketEndpoint;
  readonly #tcp: FakeTcp;
  readonly #host: FakeTcpHost;
  readonly #options: PeerSocketOptions;
  readonly #bound: SocketEndpoint;
  readonly #rotation: PasswordRotation;
  #handlers: StreamHandlers | undefined;
  #state: 'connecting' | 'open' | 'failed' | 'closed' = 'connecting';
  #other: FakeEnd | undefined;
  /** Kept by us, sent but not acknowledged, and arrived but not read. */
  readonly #kept: Uint8Array[] = [];
  readonly #flight: Uint8Array[] = [];
  readonly #inbox: Uint8Array[] = [];
  #fin: 'no' | 'wanted' | 'sent' = 'no';
  #peerFin = false;
  #endedTold = false;
  #paused = false;
  #owesDrained = false;
  #retries = 0;
  #pumping: Timer | undefined;
  #reading: Timer | undefined;
  #limit: Timer | undefined;

  constructor(
    tcp: FakeTcp,
    host: FakeTcpHost,
    bound: SocketEndpoint,
    remote: SocketEndpoint,
    options: PeerSocketOptions,
    handlers: StreamHandlers | undefined,
    password: string | undefined,
  ) {
    this.#tcp = tcp;
    this.#host = host;
    this.#bound = bound;
    this.remote = remote;
    this.#options = options;
    this.#handlers = handlers;
    const target = { apply: () => 0, stuck: () => this.#retries > 1 };
    this.#rotation = new PasswordRotation(tcp.clock, target, password);
    this.#rotation.set(options.passwords);
    host.ends.add(this);
  }

  get local(): SocketEndpoint {
    return this.#state === 'connecting' ? { ...this.#bound, port: 0 } : this.#bound;
  }

  startConnecting(): void {
    this.#limit = this.#tcp.later(() => this.#fail('ETIMEDOUT'), GIVE_UP);
    this.#pumping = this.#tcp.later(() => this.#handshake());
  }

  write(parts: readonly Uint8Array[]): number {
    if (this.#state === 'failed' || this.#fin !== 'no') return 0;
    this.#kept.push(...parts.filter(({ length }) => length > 0));
    this.#push();
    const kept = sizeOf(this.#kept);
    if (kept > 0) this.#owesDrained = true;
    return kept;
  }

  unacknowledged(): number {
    return sizeOf(this.#kept) + sizeOf(this.#flight);
  }

  pause(): void {
    this.#paused = true;
  }
  resume(): void {
    this.#paused = false;
    this.#readSoon();
  }

  setPasswords(passwords: readonly string[]): NetworkError | undefined {
    const code = faultOf({ ...this.#options, passwords });
    if (code !== undefined) return errorOf(code, `set the passwords for ${nameOf(this.remote)}`);
    this.#rotation.set(passwords);
    return undefined;
  }

  close(): void {
    if (this.#state !== 'open') {
      this.reset();
      return;
    }
    if (this.#fin !== 'no') return;
    this.#handlers = undefined;
    this.#paused = false;
    this.#fin = 'wanted';
    this.#limit = this.#tcp.later(() => this.reset(), LINGER);
    this.#push();
    this.#readSoon();
  }

  reset(): void {
    const other = this.#other;
    if (this.#state === 'open' && other !== undefined) this.#transmit(other, () => other.#fail('ECONNRESET'));
    this.vanish();
  }

  vanish(): void {
    this.#state = 'closed';
    this.#handlers = undefined;
    for (const timer of [this.#pumping, this.#reading, this.#limit]) timer?.stop();
    this.#rotation.close();
    this.#host.ends.delete(this);
  }

  #fail(code: string): void {
    if (this.#state === 'failed' || this.#state === 'closed') return;
    const doing = this.#state === 'connecting' ? 'connect to' : 'go on with';
    for (const timer of [this.#pumping, this.#limit]) timer?.stop();
    this.#rotation.close();
    this.#read();
    this.#state = 'failed';
    this.#kept.length = 0;
    const handlers = this.#handlers;
    if (handlers === undefined) this.vanish();
    handlers?.failed(errorOf(code, `${doing} ${nameOf(this.remote)}`));
  }

  /** What becomes of a SYN. */
  #handshake(): void {
    const host = this.#tcp.hostOf(this.remote.address);
    const [from, to] = this.#path();
    if (host === undefined || this.#tcp.cut(from, to) || this.#tcp.cut(to, from)) {
      this.#retryHandshake();
      return;
    }
    const listener = host.listenerAt(this.remote);
    if (this.#options.hopLimit <= this.#tcp.hops(from, to)) this.#fail('EHOSTUNREACH');
    else if (listener === undefined) this.#fail('ECONNREFUSED');
    else this.#arriveAt(host, listener);
  }

  #arriveAt(host: FakeTcpHost, listener: FakeListener): void {
    const remote = { ...this.#bound, zone: this.#bound.zone === undefined ? undefined : host.zone };
    const local = { ...this.remote, zone: this.remote.zone === undefined ? undefined : host.zone };
    const peer = listener.peers.find(
      ({ address, zone }) => sameIpAddress(address, remote.address) && (zone === undefined || zone === remote.zone),
    );
    const password = peer && listener.passwordOf(peer);
    const end = new FakeEnd(this.#tcp, host, local, remote, peer ?? NO_PEER, undefined, password);
    if (!this.#fits(end) || !end.#fits(this)) {
      if (peer !== undefined) listener.dropped(peer);
      end.vanish();
      this.#retryHandshake();
      return;
    }
    end.#meet(this);
    this.#meet(end);
    if (peer === undefined) {
      end.reset();
      listener.handlers.refused(remote);
    } else {
      end.#handlers = listener.handlers.accepted(end, peer);
    }
    this.#handlers?.connected();
    if (this.#state === 'open') this.#push();
  }

  #retryHandshake(): void {
    this.#retries++;
    this.#pumping = this.#tcp.later(() => this.#handshake(), ms(1000 * 2 ** (this.#retries - 1)));
  }

  #meet(other: FakeEnd): void {
    this.#limit?.stop();
    this.#other = other;
    this.#state = 'open';
    this.#retries = 0;
    const { current } = this.#rotation;
    if (current !== undefined) this.#host.fitted.set(formatIpAddress(this.remote.address), current);
  }

  /** Whether what we send is taken by the other end. */
  #fits(other: FakeEnd): boolean {
    const [from, to] = this.#path();
    const left = this.#options.hopLimit - this.#tcp.hops(from, to);
    return (
      !this.#tcp.cut(from, to) &&
      left >= Math.max(1, other.#options.minimumHopLimit ?? 1) &&
      this.#rotation.current === other.#rotation.current
    );
  }

  #path(): readonly [string, string] {
    return [formatIpAddress(this.#bound.address), formatIpAddress(this.remote.address)];
  }

  #transmit(other: FakeEnd, arrive: () => void): void {
    if (this.#fits(other)) this.#tcp.later(arrive);
  }

  /** What is kept goes to the kernel as far as it takes it. */
  #push(): void {
    if (this.#state !== 'open') return;
    for (let room = this.#tcp.buffer - sizeOf(this.#flight); room > 0 && this.#kept.length > 0; ) {
      const first = this.#kept[0]!;
      const taken = first.slice(0, Math.min(room, SEGMENT));
      this.#flight.push(taken);
      room -= taken.length;
      if (taken.length === first.length) this.#kept.shift();
      else this.#kept[0] = first.subarray(taken.length);
    }
    this.#pumpSoon(LATENCY);
  }

  #pumpSoon(after: Milliseconds): void {
    if (this.#flight.length === 0 && this.#fin !== 'wanted' && !this.#owesDrained) return;
    this.#pumping?.stop();
    this.#pumping = this.#tcp.later(() => this.#pump(), after);
  }

  #pump(): void {
    const other = this.#other;
    if (this.#state !== 'open' || other === undefined) return;
    const [from, to] = this.#path();
    const pending = this.#flight.length > 0 || this.#fin === 'wanted';
    // Its machine answers what it knows nothing of with RST.
    if (pending && other.#state === 'closed' && !this.#tcp.cut(from, to) && !this.#tcp.cut(to, from)) {
      this.#fail('ECONNRESET');
      return;
    }
    if (pending && !(this.#fits(other) && other.#fits(this))) {
      this.#pumpSoon(ms(Math.min(FIRST_RETRY * 2 ** this.#retries++, LONGEST_RETRY)));
      return;
    }
    this.#retries = 0;
    while (this.#flight.length > 0 && sizeOf(other.#inbox) < this.#tcp.buffer) other.#inbox.push(this.#flight.shift()!);
    if (this.#fin === 'wanted' && this.#flight.length === 0 && this.#kept.length === 0) {
      this.#fin = 'sent';
      other.#peerFin = true;
      if (this.#peerFin) this.vanish();
    }
    other.#readSoon();
    this.#push();
    if (this.#owesDrained && this.#kept.length === 0) {
      this.#owesDrained = false;
      this.#handlers?.drained();
    }
  }

  #readSoon(): void {
    this.#reading ??= this.#tcp.later(() => {
      this.#reading = undefined;
      this.#read();
    }, ms(0));
  }

  #read(): void {
    if (this.#state !== 'open') return;
    while (!this.#paused && this.#inbox.length > 0) {
      const bytes = this.#inbox.shift()!;
      this.#handlers?.data(bytes);
      bytes.fill(0xee); // valid only during the call
    }
    const other = this.#other;
    if (other !== undefined && other.#flight.length > 0 && other.#retries === 0) other.#pumpSoon(LATENCY);
    if (!this.#peerFin || this.#paused || this.#inbox.length > 0 || this.#endedTold) return;
    this.#endedTold = true;
    if (this.#fin === 'sent') this.vanish();
    else this.#handlers?.ended();
  }
}

/** What a listener's machine does with a connection from somebody unknown, until it is reset. */
const NO_PEER: PeerSocketOptions = { passwords: [], hopLimit: 64 };

const sizeOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, { length }) => sum + length, 0);

export const nameOf = ({ address, port }: SocketEndpoint): string => `${formatIpAddress(address)} port ${port}`;

export const errorOf = (code: string, doing: string): NetworkError => ({ code, message: `cannot ${doing}: ${code}` });

export const faultOf = ({ passwords, hopLimit, minimumHopLimit = 1 }: PeerSocketOptions): string | undefined =>
  passwords.length > 2 ||
  passwords.some((password) => password.length === 0 || Buffer.byteLength(password) > 80) ||
  hopLimit < 1 ||
  hopLimit > 255 ||
  minimumHopLimit < 1 ||
  minimumHopLimit > 255
    ? 'EINVAL'
    : undefined;
