import { type Clock, seconds, type Timer } from '../base/clock.ts';
import { formatIpAddress } from '../base/ip-address.ts';
import { type Addon, EAGAIN, HANG_UP, kernelError, type Poller, READABLE, WRITABLE } from './addon.ts';
import { PasswordRotation } from './password-rotation.ts';
import { checkPeerOptions, retransmissionsOf, setResetAtClose, setSigningKey, socketError } from './peer-options.ts';
import type { NetworkError, PeerSocketOptions, SocketEndpoint, Stream, StreamHandlers } from './ports.ts';
import { decodeSocketAddress, endpointName, SOCKADDR_IN6 } from './socket-address.ts';
import { WriteQueue } from './write-queue.ts';

/**
 * One TCP connection: a descriptor of the addon, and what waits to be written. Not net.Socket: keys have to be changed while it
 * lives, and what is kept in memory, read and closed in which order is for this file to say, on every Node alike.
 */

const SHUT_WR = 1;
/** Then the others have their turn; what is left wakes us again at once. */
const READS_PER_TURN = 16;
const LINGER = seconds(5);

/** What the streams of a network share. */
export interface StreamContext {
  readonly addon: Addon;
  readonly clock: Clock;
  /** Everything is read into it: it is handed over before the next read. */
  readonly buffer: Uint8Array;
  /** By address of the peer, which password of two to begin with: the one that fitted last, unless it had no answer since. */
  readonly fitted: Map<string, string>;
  /** Segments dropped for their signatures, so far, on this machine. */
  readonly misfits: () => number;
}

/** `connecting`, then `open`; `draining` is between `close` and its end; `failed` is told, `closed` was asked for. */
type State = 'connecting' | 'open' | 'draining' | 'failed' | 'closed';

export class LinuxStream implements Stream {
  readonly remote: SocketEndpoint;
  #local: SocketEndpoint;
  readonly #context: StreamContext;
  readonly #options: PeerSocketOptions;
  readonly #queue = new WriteQueue();
  readonly #rotation: PasswordRotation;
  readonly #fd: number;
  #poller: Poller | undefined;
  #handlers: StreamHandlers | undefined;
  #state: State;
  #paused = false;
  /** The other end sends no more. */
  #ended = false;
  #finSent = false;
  /** It was so when we did not read, and what there is to read waits. */
  #hungUp = false;
  /** Of a write: told from the event loop, after what can be read. */
  #writeError = 0;
  /** When it was last looked whether the connection is stuck, since the key was set. */
  #misfits: number | undefined;
  #limit: Timer | undefined;

  private constructor(
    context: StreamContext,
    fd: number,
    state: 'connecting' | 'open',
    remote: SocketEndpoint,
    options: PeerSocketOptions,
    password: string | undefined,
  ) {
    this.#context = context;
    this.#fd = fd;
    this.#state = state;
    this.remote = remote;
    this.#options = options;
    this.#local = { address: remote.address, port: 0 };
    const target = {
      apply: (key: string | undefined) => {
        this.#misfits = undefined;
        return setSigningKey(context.addon, fd, remote.address, key);
      },
      stuck: () => this.#isStuck(),
    };
    this.#rotation = new PasswordRotation(context.clock, target, password);
  }

  /** The descriptor is the stream's from now on. `password`: to begin with, where there are two. -errno: the key is refused, and all is closed. */
  static of(
    context: StreamContext,
    fd: number,
    state: 'connecting' | 'open',
    remote: SocketEndpoint,
    options: PeerSocketOptions,
    password: string | undefined,
  ): LinuxStream | number {
    const stream = new LinuxStream(context, fd, state, remote, options, password);
    const result = stream.#rotation.set(options.passwords);
    if (result < 0) {
      stream.reset();
      return result;
    }
    if (state === 'open') stream.#opened();
    return stream;
  }

  get alive(): boolean {
    return this.#state === 'open' || this.#state === 'draining';
  }

  /** Events are told from now on. 0 or -errno. */
  attach(handlers: StreamHandlers): number {
    if (this.#state === 'closed') return 0;
    if (this.#state !== 'draining') this.#handlers = handlers;
    const poller = this.#context.addon.startPolling(this.#fd, (error, events) => this.#ready(error, events), READABLE);
    if (typeof poller === 'number') {
      this.#state = 'closed';
      this.#release();
      return poller;
    }
    this.#poller = poller;
    this.#watch();
    return 0;
  }

  get local(): SocketEndpoint {
    return this.#local;
  }

  write(parts: readonly Uint8Array[]): number {
    if (this.#state !== 'connecting' && this.#state !== 'open') return 0;
    const waiting = this.#queue.size > 0;
    this.#queue.add(parts);
    // What waits goes first, when the kernel says that it takes more.
    if (this.#state === 'open' && !waiting) this.#flush();
    if (this.#queue.size > 0 && !waiting) this.#watch();
    return this.#queue.size;
  }

  unacknowledged(): number {
    const unsent = this.#queue.size;
    return this.#state === 'open' ? unsent + Math.max(0, this.#context.addon.outstanding(this.#fd)) : unsent;
  }

  pause(): void {
    this.#paused = true;
    this.#watch();
  }
  resume(): void {
    this.#paused = false;
    this.#watch();
  }

  setPasswords(passwords: readonly string[]): NetworkError | undefined {
    const fault = checkPeerOptions({ ...this.#options, passwords });
    if (fault < 0) return kernelError(fault, `set the passwords for ${endpointName(this.remote)}`);
    if (this.#state === 'failed' || this.#state === 'closed') return undefined;
    const result = this.#rotation.set(passwords);
    return result < 0 ? socketError(result, `set the passwords for ${endpointName(this.remote)}`) : undefined;
  }

  close(): void {
    if (this.#state !== 'open') {
      if (this.#state !== 'draining') this.reset();
      return;
    }
    this.#state = 'draining';
    this.#handlers = undefined;
    this.#paused = false;
    this.#limit = this.#context.clock.startTimer('close of a stream', LINGER, () => this.#endLingering());
    this.#flush();
    this.#finish();
    this.#watch();
  }

  reset(): void {
    if (this.#state === 'closed') return;
    const released = this.#state === 'failed';
    if (this.#state === 'connecting') this.#remember(this.#rotation.next);
    this.#state = 'closed';
    this.#handlers = undefined;
    if (released) return;
    setResetAtClose(this.#context.addon, this.#fd);
    this.#release();
  }

  /** Everything but our state, once. */
  #release(): void {
    this.#limit?.stop();
    this.#rotation.close();
    this.#queue.clear();
    if (this.#poller !== undefined) this.#context.addon.stopPolling(this.#poller);
    this.#poller = undefined;
    this.#context.addon.closeNow(this.#fd);
  }

  /** What the kernel still has to send it sends without us; what it never could send is lost. */
  #endLingering(): void {
    if (this.#queue.size === 0 && this.#context.addon.outstanding(this.#fd) === 0) this.#closeSoftly();
    else this.reset();
  }

  #closeSoftly(): void {
    this.#state = 'closed';
    this.#release();
  }

  /** FIN, once all is with the kernel; and once the other end's FIN is here too there is nothing left to do. */
  #finish(): void {
    if (this.#state !== 'draining' || this.#queue.size > 0) return;
    if (!this.#finSent) {
      this.#finSent = true;
      this.#context.addon.shutdown(this.#fd, SHUT_WR);
    }
    if (this.#ended) this.#closeSoftly();
  }

  #watch(): void {
    if (this.#poller === undefined) return;
    const reading = !this.#paused && !this.#ended;
    const writing = this.#queue.size > 0 || this.#state === 'connecting' || this.#writeError !== 0;
    // Paused, it still learns of errors. Not by HANG_UP once the other end has ended, which stays so and would wake us for ever.
    const idle = this.#paused && !this.#ended && !this.#hungUp ? HANG_UP : 0;
    this.#context.addon.pollFor(this.#poller, (reading ? READABLE : idle) | (writing ? WRITABLE : 0));
  }

  #ready(error: number, events: number): void {
    if (this.#state === 'connecting') {
      if (error < 0) this.#fail(error);
      else if ((events & WRITABLE) !== 0) this.#becomeOpen();
      return;
    }
    const failure = error < 0 ? error : this.#writeError;
    if (failure < 0) {
      this.#readRest();
      this.#fail(failure);
      return;
    }
    if ((events & WRITABLE) !== 0) this.#flushWaiting();
    if ((events & READABLE) !== 0) this.#read();
    if (this.#paused && (events & HANG_UP) !== 0) {
      this.#hungUp = true;
      this.#watch();
    }
  }

  #becomeOpen(): void {
    this.#opened();
    this.#watch();
    this.#handlers?.connected();
    this.#flushWaiting();
  }

  #opened(): void {
    const { addon } = this.#context;
    this.#state = 'open';
    const bytes = new Uint8Array(SOCKADDR_IN6);
    if (addon.localAddress(this.#fd, bytes) === 0) this.#local = decodeSocketAddress(addon, bytes);
    this.#remember(this.#rotation.current);
  }

  #remember(password: string | undefined): void {
    if (password !== undefined) this.#context.fitted.set(formatIpAddress(this.remote.address), password);
  }

  /**
   * A connection that repeats itself, while the kernel drops segments for their signatures. Of an attempt it is enough that there is no answer:
   * it is the other end that drops, and does not tell.
   */
  #isStuck(): boolean {
    const repeated = retransmissionsOf(this.#context.addon, this.#fd);
    if (this.#state === 'connecting') return repeated > 0;
    if (repeated === 0) this.#remember(this.#rotation.current);
    if (repeated < 2) return false;
    const before = this.#misfits;
    this.#misfits = this.#context.misfits();
    return before !== undefined && this.#misfits > before;
  }

  #flushWaiting(): void {
    if (this.#queue.size === 0) return;
    this.#flush();
    if (this.#queue.size > 0) return;
    this.#watch();
    if (this.#state === 'open') this.#handlers?.drained();
    this.#finish();
  }

  #flush(): void {
    const result = this.#queue.flush((parts, from, skip) => this.#context.addon.sendParts(this.#fd, parts, from, skip));
    if (result === EAGAIN || result >= 0) return;
    this.#writeError = result;
    this.#queue.clear();
    this.#watch();
  }

  /** A handler may pause, close or reset us at any time. */
  #read(): void {
    const { addon, buffer } = this.#context;
    for (let reads = 0; reads < READS_PER_TURN && !this.#paused && !this.#ended && this.alive; reads++) {
      const length = addon.read(this.#fd, buffer);
      if (length === EAGAIN) return;
      if (length < 0) this.#fail(length);
      else if (length === 0) this.#end();
      else this.#handlers?.data(buffer.subarray(0, length));
    }
  }

  /** What had arrived before it broke. */
  #readRest(): void {
    const { addon, buffer } = this.#context;
    while (!this.#paused && !this.#ended && this.alive) {
      const length = addon.read(this.#fd, buffer);
      if (length <= 0) return;
      this.#handlers?.data(buffer.subarray(0, length));
    }
  }

  #end(): void {
    this.#ended = true;
    this.#watch();
    this.#handlers?.ended();
    this.#finish();
  }

  #fail(error: number): void {
    if (this.#state === 'failed' || this.#state === 'closed') return;
    const doing = this.#state === 'connecting' ? 'connect to' : 'go on with';
    this.#state = 'failed';
    this.#release();
    this.#handlers?.failed(kernelError(error, `${doing} ${endpointName(this.remote)}`));
  }
}
