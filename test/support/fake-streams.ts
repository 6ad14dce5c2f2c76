import { type Clock, type Milliseconds, ms, type Timer } from '../../src/base/clock.ts';
import { type Decoded, decoded, malformed } from '../../src/base/decoded.ts';
import { formatIpAddress, type IpAddress, parseIpAddress, sameIpAddress } from '../../src/base/ip-address.ts';
import { PasswordRotation } from '../../src/network/password-rotation.ts';
import type {
  ConnectOptions,
  ListenerPeer,
  ListenHandlers,
  ListenOptions,
  NetworkError,
  SocketEndpoint,
  Stream,
  StreamHandlers,
  StreamListener,
  StreamNetwork,
} from '../../src/network/ports.ts';
import { errorOf, FakeEnd, faultOf, nameOf } from './fake-stream-end.ts';

/**
 * TCP in memory, on the clock that is given: `FakeTcp` is the wires, each `FakeTcpHost` one machine with its addresses. Segments are
 * signed, travel hops, get lost (`cut`) and are repeated as TCP does, buffers have an end, received bytes are overwritten when the
 * handler has returned. It passes the contract suite of test/network/stream-contract.ts, as the real one does.
 */
/** On the way between two machines. */
const LATENCY = ms(0.2);

export class FakeTcp {
  readonly clock: Clock;
  /** Octets that the kernel takes from a writer, and holds for a reader. */
  readonly buffer: number;
  /** Whether what goes from one address to the other is lost. */
  cut: (from: string, to: string) => boolean = () => false;
  /** Routers between the two. */
  hops: (from: string, to: string) => number = () => 0;
  readonly #hosts: FakeTcpHost[] = [];

  constructor(clock: Clock, buffer = 65_536) {
    this.clock = clock;
    this.buffer = buffer;
  }

  /** `zone`: how this machine calls the interface that its link-local addresses are on. */
  host(addresses: readonly string[], zone = 'eth0'): FakeTcpHost {
    const host = new FakeTcpHost(this, addresses.map(read), zone);
    this.#hosts.push(host);
    return host;
  }

  hostOf(address: IpAddress): FakeTcpHost | undefined {
    return this.#hosts.find((host) => host.owns(address));
  }

  later(run: () => void, after: Milliseconds = LATENCY): Timer {
    return this.clock.startTimer('tcp', after, run);
  }
}

export class FakeTcpHost implements StreamNetwork {
  readonly zone: string;
  readonly ends = new Set<FakeEnd>();
  readonly listeners = new Set<FakeListener>();
  /** Such calls fail with this code. */
  readonly failures = new Map<'connect' | 'listen', string>();
  readonly fitted = new Map<string, string>();
  readonly #tcp: FakeTcp;
  readonly #addresses: IpAddress[];
  #nextPort = 32_768;

  constructor(tcp: FakeTcp, addresses: IpAddress[], zone: string) {
    this.#tcp = tcp;
    this.#addresses = addresses;
    this.zone = zone;
  }

  owns(address: IpAddress): boolean {
    return this.#addresses.some((own) => sameIpAddress(own, address));
  }

  /** Power off and on again: nobody is told, and who sends to it afterwards is answered with RST. */
  crash(): void {
    for (const end of this.ends) end.vanish();
    for (const listener of this.listeners) listener.close();
  }

  freePort(): number {
    return this.#nextPort++;
  }

  connect(options: ConnectOptions, handlers: StreamHandlers): Decoded<Stream, NetworkError> {
    const { remote, source } = options;
    const doing = `connect to ${nameOf(remote)}`;
    const linkLocal = remote.address.family === 'ipv6' && remote.address.value >> 118n === 0x3fan;
    const own = source ?? this.#addresses.find(({ family }) => family === remote.address.family);
    const code =
      this.failures.get('connect') ??
      faultOf(options) ??
      (source !== undefined && !this.owns(source) ? 'EADDRNOTAVAIL' : undefined) ??
      (linkLocal && remote.zone === undefined ? 'EINVAL' : undefined) ??
      (own === undefined ? 'ENETUNREACH' : undefined);
    if (code !== undefined || own === undefined) return malformed(errorOf(code ?? 'ENETUNREACH', doing));
    const local = { address: own, port: this.freePort(), zone: linkLocal ? remote.zone : undefined };
    const end = new FakeEnd(
      this.#tcp,
      this,
      local,
      remote,
      options,
      handlers,
      this.fitted.get(formatIpAddress(remote.address)),
    );
    end.startConnecting();
    return decoded(end);
  }

  listen(options: ListenOptions, handlers: ListenHandlers): Decoded<StreamListener, NetworkError> {
    const { local } = options;
    const taken = [...this.listeners].some(
      ({ local: other, device }) =>
        other.port === local.port &&
        other.address.family === local.address.family &&
        (device === undefined || options.device === undefined || device === options.device) &&
        (other.address.value === 0n || local.address.value === 0n || sameIpAddress(other.address, local.address)),
    );
    const foreign = local.address.value !== 0n && !this.owns(local.address);
    const code = this.failures.get('listen') ?? (taken ? 'EADDRINUSE' : foreign ? 'EADDRNOTAVAIL' : undefined);
    if (code !== undefined) return malformed(errorOf(code, `listen at ${nameOf(local)}`));
    const port = local.port === 0 ? this.freePort() : local.port;
    const listener = new FakeListener(this.#tcp.clock, this, { ...local, port }, options.device, handlers);
    this.listeners.add(listener);
    for (const { error } of listener.setPeers(options.peers)) this.#tcp.later(() => handlers.error(error));
    return decoded(listener);
  }

  listenerAt(at: SocketEndpoint): FakeListener | undefined {
    return [...this.listeners].find(
      ({ local }) =>
        local.port === at.port &&
        local.address.family === at.address.family &&
        (local.address.value === 0n || sameIpAddress(local.address, at.address)),
    );
  }
}

export class FakeListener implements StreamListener {
  readonly local: SocketEndpoint;
  readonly device: string | undefined;
  readonly handlers: ListenHandlers;
  peers: readonly ListenerPeer[] = [];
  readonly #clock: Clock;
  readonly #host: FakeTcpHost;
  readonly #rotations = new Map<ListenerPeer, PasswordRotation>();
  readonly #misfits = new Set<ListenerPeer>();

  constructor(
    clock: Clock,
    host: FakeTcpHost,
    local: SocketEndpoint,
    device: string | undefined,
    handlers: ListenHandlers,
  ) {
    this.#clock = clock;
    this.#host = host;
    this.local = local;
    this.device = device;
    this.handlers = handlers;
  }

  setPeers(peers: readonly ListenerPeer[]) {
    this.#endRotations();
    this.peers = peers.filter((peer) => faultOf(peer) === undefined);
    for (const peer of this.peers) {
      const start = this.#host.fitted.get(formatIpAddress(peer.address));
      const target = { apply: () => 0, stuck: () => this.#misfits.delete(peer) };
      const rotation = new PasswordRotation(this.#clock, target, start);
      rotation.set(peer.passwords);
      this.#rotations.set(peer, rotation);
    }
    return peers.flatMap((peer) => {
      const code = faultOf(peer);
      return code === undefined ? [] : [{ peer, error: errorOf(code, `listen for ${formatIpAddress(peer.address)}`) }];
    });
  }

  close(): void {
    this.#endRotations();
    this.#host.listeners.delete(this);
  }

  passwordOf(peer: ListenerPeer): string | undefined {
    return this.#rotations.get(peer)?.current;
  }
  /** A SYN of that peer was dropped. */
  dropped(peer: ListenerPeer): void {
    this.#misfits.add(peer);
  }

  #endRotations(): void {
    for (const rotation of this.#rotations.values()) rotation.close();
    this.#rotations.clear();
  }
}

function read(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (!address.ok) throw new Error(address.error);
  return address.value;
}
