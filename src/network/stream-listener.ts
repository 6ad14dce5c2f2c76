import { isDeepStrictEqual } from 'node:util';
import { ms, type Timer } from '../base/clock.ts';
import { type Decoded, decoded, malformed } from '../base/decoded.ts';
import { formatIpAddress, type IpAddress, sameIpAddress } from '../base/ip-address.ts';
import {
  EACCES,
  EAFNOSUPPORT,
  EAGAIN,
  ECONNABORTED,
  EEXIST,
  EPERM,
  EPROTO,
  kernelError,
  type Poller,
  READABLE,
} from './addon.ts';
import { type HopRule, hopFilter } from './hop-filter.ts';
import { encodeProgram } from './packet-filter.ts';
import { PasswordRotation } from './password-rotation.ts';
import {
  checkPeerOptions,
  inOrder,
  setDevice,
  setHopLimit,
  setMinimumHopLimit,
  setNoDelay,
  setOneFamily,
  setResetAtClose,
  setSigningKey,
  socketError,
} from './peer-options.ts';
import type {
  ListenerPeer,
  ListenHandlers,
  ListenOptions,
  NetworkError,
  PeerProblem,
  SocketEndpoint,
  StreamListener,
} from './ports.ts';
import { decodeSocketAddress, domainOf, encodeSocketAddress, endpointName, SOCKADDR_IN6 } from './socket-address.ts';
import { LinuxStream, type StreamContext } from './stream.ts';

/**
 * A TCP listener that knows its peers: each with its key, and with its hop limit from the first SYN on (hop-filter.ts).
 * SYN-ACK goes out with hop limit 255, since we do not know to whom: any GTSM takes it, and what follows has the peer's own.
 */

const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_DETACH_FILTER = 27;
const BACKLOG = 128;
const ACCEPTS_PER_TURN = 64;
/** After the kernel could accept no more (descriptors, memory): polling would only tell us again and again. */
const RECOVERY = ms(1000);
/** Of a connection that ended before it was accepted, or that a rule forbids: accept(2). */
const PASSING = [ECONNABORTED, EPERM, EPROTO];

export class LinuxStreamListener implements StreamListener {
  readonly #context: StreamContext;
  readonly #fd: number;
  readonly #handlers: ListenHandlers;
  readonly local: SocketEndpoint;
  #peers: readonly ListenerPeer[] = [];
  /** By address: which of the passwords the kernel has. */
  #keys = new Map<string, ListenerKey>();
  /** Accepted from peers with two passwords; those that ended are taken out with the next one. */
  readonly #streams = new Set<LinuxStream>();
  #poller: Poller | undefined;
  #recovery: Timer | undefined;
  #closed = false;

  private constructor(context: StreamContext, fd: number, local: SocketEndpoint, handlers: ListenHandlers) {
    this.#context = context;
    this.#fd = fd;
    this.local = local;
    this.#handlers = handlers;
  }

  static open(
    context: StreamContext,
    { local, device, peers }: ListenOptions,
    handlers: ListenHandlers,
  ): Decoded<LinuxStreamListener, NetworkError> {
    const { addon } = context;
    const { family } = local.address;
    const doing = `listen at ${endpointName(local)}${device === undefined ? '' : ` on ${device}`}`;
    const address = encodeSocketAddress(addon, local);
    if (!address.ok) return malformed(kernelError(address.error, doing));
    const fd = addon.socket(domainOf(family), SOCK_STREAM, 0);
    if (fd < 0) return malformed(kernelError(fd, doing));
    const result = inOrder(
      () => setOneFamily(addon, fd, family),
      // Connections of before that linger (TIME_WAIT) do not hold the port; another listener does.
      () => addon.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1),
      () => setHopLimit(addon, fd, family, 255),
      () => setDevice(addon, fd, device),
      () => addon.bind(fd, address.value),
    );
    const bound = new Uint8Array(SOCKADDR_IN6);
    addon.localAddress(fd, bound);
    const listener = new LinuxStreamListener(context, fd, decodeSocketAddress(addon, bound), handlers);
    // Keys and filter come first: nobody is let in without.
    const problems = result < 0 ? [] : listener.setPeers(peers);
    const listening =
      result < 0
        ? result
        : inOrder(
            () => addon.listen(fd, BACKLOG),
            () => listener.#poll(),
          );
    if (listening < 0) {
      listener.close();
      return malformed(listenError(listening, doing));
    }
    if (problems.length > 0)
      context.clock.startTimer('problems of a listener', ms(0), () => {
        for (const { error } of problems) if (!listener.#closed) handlers.error(error);
      });
    return decoded(listener);
  }

  setPeers(peers: readonly ListenerPeer[]): readonly PeerProblem[] {
    const problems: PeerProblem[] = [];
    const taken: ListenerPeer[] = [];
    const keys = new Map<string, ListenerKey>();
    for (const peer of peers) {
      const doing = `take connections from ${formatIpAddress(peer.address)} at ${endpointName(this.local)}`;
      const error = this.#takePeer(peer, keys);
      if (error === 0) taken.push(peer);
      else problems.push({ peer, error: peerError(error, doing) });
    }
    for (const [address, key] of this.#keys) if (!keys.has(address)) key.rotation.set([]);
    this.#peers = taken;
    this.#keys = keys;
    const filtered = this.#filter();
    if (filtered === 0) return problems;
    const guarded = taken.filter(({ minimumHopLimit }) => minimumHopLimit !== undefined);
    const error = kernelError(filtered, `filter by hop limit at ${endpointName(this.local)}`);
    return [...problems, ...guarded.map((peer) => ({ peer, error }))];
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#recovery?.stop();
    for (const { rotation } of this.#keys.values()) rotation.close();
    if (this.#poller !== undefined) this.#context.addon.stopPolling(this.#poller);
    this.#poller = undefined;
    this.#context.addon.closeNow(this.#fd);
  }

  /** 0 or -errno; its key goes to `keys`. */
  #takePeer(peer: ListenerPeer, keys: Map<string, ListenerKey>): number {
    if (peer.address.family !== this.local.address.family) return EAFNOSUPPORT;
    const fault = checkPeerOptions(peer);
    if (fault < 0) return fault;
    const name = formatIpAddress(peer.address);
    const other = keys.get(name);
    // The same link-local address on another interface: the kernel has one key for both.
    if (other !== undefined) return isDeepStrictEqual(other.passwords, peer.passwords) ? 0 : EEXIST;
    const rotation = this.#keys.get(name)?.rotation ?? this.#rotationFor(peer.address);
    keys.set(name, { rotation, passwords: peer.passwords });
    const applied = rotation.set(peer.passwords);
    if (applied < 0) keys.delete(name);
    return applied;
  }

  /** The other password is tried when segments are dropped and there is no connection from that address. */
  #rotationFor(address: IpAddress): PasswordRotation {
    const { addon, clock, fitted, misfits } = this.#context;
    const name = formatIpAddress(address);
    let seen: number | undefined;
    let pending = false;
    const target = {
      apply: (password: string | undefined) => {
        seen = undefined;
        pending = false;
        return setSigningKey(addon, this.#fd, address, password);
      },
      stuck: () => {
        const now = misfits();
        pending ||= seen !== undefined && now > seen;
        seen = now;
        return (
          pending &&
          ![...this.#streams].some((stream) => stream.alive && formatIpAddress(stream.remote.address) === name)
        );
      },
    };
    return new PasswordRotation(clock, target, fitted.get(name));
  }

  #filter(): number {
    const { addon } = this.#context;
    const lowest = new Map<string, HopRule>();
    for (const { address, minimumHopLimit: minimum } of this.#peers) {
      const name = formatIpAddress(address);
      // The same address on two interfaces: what is accepted has its own minimum all the same.
      const before = lowest.get(name)?.minimum ?? 255;
      lowest.set(name, { address, minimum: Math.min(before, minimum ?? 0) });
    }
    const rules = [...lowest.values()].filter(({ minimum }) => minimum > 1);
    const { family } = this.local.address;
    if (rules.length > 0) return addon.attachFilter(this.#fd, encodeProgram(hopFilter(family, rules)));
    addon.setsockopt(this.#fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
    return 0;
  }

  #poll(): number {
    const poller = this.#context.addon.startPolling(this.#fd, (error) => this.#ready(error), READABLE);
    if (typeof poller === 'number') return poller;
    this.#poller = poller;
    return 0;
  }

  #ready(error: number): void {
    if (error < 0) this.#handlers.error(kernelError(error, `accept at ${endpointName(this.local)}`));
    const from = new Uint8Array(SOCKADDR_IN6);
    // A handler may close us at any time.
    for (let accepts = 0; accepts < ACCEPTS_PER_TURN && !this.#closed; accepts++) {
      const fd = this.#context.addon.accept(this.#fd, from);
      if (fd === EAGAIN) return;
      if (fd >= 0) this.#accepted(fd, decodeSocketAddress(this.#context.addon, from));
      else if (!PASSING.includes(fd)) {
        this.#rest(fd);
        return;
      }
    }
  }

  #rest(error: number): void {
    const { addon, clock } = this.#context;
    if (this.#recovery !== undefined || this.#poller === undefined) return;
    addon.pollFor(this.#poller, 0);
    this.#recovery = clock.startTimer('accept again', RECOVERY, () => {
      this.#recovery = undefined;
      if (this.#poller !== undefined) addon.pollFor(this.#poller, READABLE);
    });
    this.#handlers.error(kernelError(error, `accept at ${endpointName(this.local)}`));
  }

  #accepted(fd: number, remote: SocketEndpoint): void {
    const { addon } = this.#context;
    const { family } = remote.address;
    const peer = this.#peers.find(
      ({ address, zone }) => sameIpAddress(address, remote.address) && (zone === undefined || zone === remote.zone),
    );
    if (peer === undefined) {
      setResetAtClose(addon, fd);
      addon.closeNow(fd);
      this.#handlers.refused(remote);
      return;
    }
    addon.setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
    setNoDelay(addon, fd);
    setHopLimit(addon, fd, family, peer.hopLimit);
    setMinimumHopLimit(addon, fd, family, peer.minimumHopLimit);
    const password = this.#keys.get(formatIpAddress(peer.address))?.rotation.current;
    const stream = LinuxStream.of(this.#context, fd, 'open', remote, peer, password);
    const failure = typeof stream === 'number' ? stream : this.#handOver(stream, peer);
    if (failure < 0) this.#handlers.error(kernelError(failure, `accept ${endpointName(remote)}`));
  }

  #handOver(stream: LinuxStream, peer: ListenerPeer): number {
    for (const other of this.#streams) if (!other.alive) this.#streams.delete(other);
    if (peer.passwords.length > 1) this.#streams.add(stream);
    return stream.attach(this.#handlers.accepted(stream, peer));
  }
}

interface ListenerKey {
  readonly rotation: PasswordRotation;
  readonly passwords: readonly string[];
}

function listenError(result: number, doing: string): NetworkError {
  const error = socketError(result, doing);
  return result === EACCES
    ? { ...error, message: `${error.message}; a port below 1024 needs the capability NET_BIND_SERVICE` }
    : error;
}

const peerError = (result: number, doing: string): NetworkError =>
  result === EEXIST
    ? {
        code: 'EEXIST',
        message: `cannot ${doing}: another interface has a peer with that address and another password, and the kernel keeps one password for an address; give each a listener of its own device (EEXIST)`,
      }
    : socketError(result, doing);
