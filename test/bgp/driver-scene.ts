import { seconds } from '../../src/base/clock.ts';
import { type Decoded, decoded } from '../../src/base/decoded.ts';
import { type IpAddress, parseIpAddress } from '../../src/base/ip-address.ts';
import type { LogFields } from '../../src/base/logger.ts';
import { parsePrefix } from '../../src/base/prefix.ts';
import { Bgp, type BgpOptions } from '../../src/bgp/driver.ts';
import type { Liveness, LivenessState, LivenessTarget } from '../../src/bgp/liveness.ts';
import type { BgpPeer, PeerTransport } from '../../src/bgp/peer.ts';
import type { Route, RouteAttributes } from '../../src/bgp/route.ts';
import type { SessionConfig } from '../../src/bgp/session-config.ts';
import type { SessionReport } from '../../src/bgp/session-report.ts';
import type {
  InterfaceWatch,
  NetworkError,
  NetworkInterface,
  Stream,
  StreamListener,
} from '../../src/network/ports.ts';
import { FakeNeighbours } from '../support/fake-neighbours.ts';
import { FakeTcp, type FakeTcpHost } from '../support/fake-streams.ts';
import { KEEPALIVE, RawBgpPeer, type RawOpen, rawOpen } from '../support/raw-bgp-peer.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

export function ip(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (!address.ok) throw new Error(address.error);
  return address.value;
}

const PLAIN: RouteAttributes = { localPref: undefined, communities: [], linkBandwidth: undefined };
export function route(text: string, attributes: Partial<RouteAttributes> = {}): Route {
  return { prefix: prefix(text), attributes: { ...PLAIN, ...attributes } };
}
export function prefix(text: string): Route['prefix'] {
  const read = parsePrefix(text);
  if (!read.ok) throw new Error(read.error);
  return read.value;
}

export interface PeerOverrides {
  readonly session?: Partial<SessionConfig>;
  readonly transport?: Partial<PeerTransport>;
  readonly bfd?: BgpPeer['bfd'];
}

export function peerOf(address: string, { session, transport, bfd }: PeerOverrides = {}): BgpPeer {
  return {
    session: {
      name: 'tor',
      myAsn: 64_512,
      localAsn: undefined,
      peerAsn: 64_500,
      routerId: ip('192.0.2.10'),
      families: ['ipv4', 'ipv6'],
      holdTime: seconds(90),
      keepaliveTime: seconds(30),
      connectTime: seconds(10),
      passive: false,
      delayOpenTime: undefined,
      gracefulRestart: undefined,
      role: undefined,
      extendedNextHop: false,
      hostName: undefined,
      ...session,
    },
    transport: {
      remote: { kind: 'address', address: ip(address) },
      port: 179,
      source: undefined,
      device: undefined,
      passwords: [],
      reach: { kind: 'direct' },
      ...transport,
    },
    bfd,
  };
}

/** What a test says of the liveness of paths, and who asked. */
class FakeLiveness implements Liveness {
  readonly watched: LivenessTarget[] = [];
  readonly log: string[] = [];
  readonly #listeners = new Set<(state: LivenessState) => void>();

  watch(target: LivenessTarget, changed: (state: LivenessState) => void) {
    this.watched.push(target);
    this.#listeners.add(changed);
    return {
      adminDown: () => {
        this.log.push('admin-down');
        return Promise.resolve();
      },
      close: () => {
        this.log.push('close');
        this.#listeners.delete(changed);
      },
    };
  }

  say(kind: LivenessState['kind'], reason?: string): void {
    for (const listener of [...this.#listeners]) listener({ kind, reason });
  }
}

/** A node with the driver, and machines beside it, all in memory and on virtual time. */
export class Scene {
  readonly clock = new VirtualClock();
  readonly tcp: FakeTcp;
  readonly host: FakeTcpHost;
  readonly neighbours = new FakeNeighbours();
  readonly liveness = new FakeLiveness();
  readonly logged: { readonly message: string; readonly fields: LogFields | undefined }[] = [];
  readonly reported: SessionReport[] = [];
  readonly bgp: Bgp;
  interfaces: NetworkInterface[] = [link('eth0', 2, ['192.0.2.10/24', '2001:db8:2::10/64', 'fe80::10/64'])];
  #interfacesChanged = (): void => {};

  constructor(
    options: Partial<BgpOptions> = {},
    buffer = 65_536,
    addresses: readonly string[] = ['192.0.2.10', '2001:db8:2::10'],
  ) {
    this.tcp = new FakeTcp(this.clock, buffer);
    this.host = this.tcp.host(addresses, 'eth0');
    const log = (message: string, fields?: LogFields): void => void this.logged.push({ message, fields });
    this.bgp = new Bgp({
      streams: this.host,
      neighbours: this.neighbours,
      network: { watchInterfaces: (changed) => this.#watchInterfaces(changed) },
      clock: this.clock,
      random: seededRandom(1),
      logger: { debug() {}, info: log, warn: log, error: log },
      liveness: this.liveness,
      onReport: (changed) => void this.reported.push(...changed),
      ...options,
    });
  }

  get report(): SessionReport {
    return this.reportOf('tor');
  }

  reportOf(name: string): SessionReport {
    const report = this.bgp.reports().find((one) => one.name === name);
    if (report === undefined) throw new Error(`no session ${name}`);
    return report;
  }

  changeInterfaces(interfaces: NetworkInterface[]): void {
    this.interfaces = interfaces;
    this.#interfacesChanged();
  }

  setPeers(...peers: readonly BgpPeer[]): void {
    this.bgp.setPeers(peers);
  }

  setRoutes(...texts: readonly string[]): void {
    this.bgp.setRoutes(new Map([['tor', texts.map((text) => route(text))]]));
  }

  /** Everything that is under way arrives; work that was left for another turn of the event loop is done. */
  async settle(time = 20): Promise<void> {
    for (let step = 0; step < 5; step++) {
      this.clock.advance(time / 5);
      await turn();
    }
  }

  router(address = '192.0.2.1', port = 179): FakeRouter {
    return new FakeRouter(this, this.tcp.hostOf(ip(address)), address, port);
  }

  #watchInterfaces(changed: () => void): Decoded<InterfaceWatch, NetworkError> {
    this.#interfacesChanged = changed;
    return decoded({ list: () => this.interfaces, close: () => {} });
  }
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

export function link(name: string, index: number, addresses: readonly string[]): NetworkInterface {
  return {
    ...{ index, name, mac: undefined, up: true, loopback: false, broadcast: true, master: undefined, mtu: 1500 },
    addresses: addresses.map((text) => {
      const [address, length] = text.split('/');
      return { address: ip(address!), prefixLength: Number(length) };
    }),
  };
}

/** A machine with a scripted router on it: each connection that it accepts or makes is a RawBgpPeer. */
export class FakeRouter {
  readonly host: FakeTcpHost;
  readonly connections: RawBgpPeer[] = [];
  readonly #scene: Scene;
  readonly #address: string;
  readonly #port: number;
  #listener: StreamListener | undefined;

  constructor(scene: Scene, host: FakeTcpHost | undefined, address: string, port: number) {
    this.#scene = scene;
    this.#address = address;
    this.#port = port;
    this.host = host ?? scene.tcp.host([address]);
  }

  get last(): RawBgpPeer {
    const last = this.connections.at(-1);
    if (last === undefined) throw new Error('nobody connected');
    return last;
  }

  listen(from = '192.0.2.10', passwords: readonly string[] = [], hopLimit = 255): this {
    const listening = this.host.listen(
      {
        local: { address: ip(this.#address), port: this.#port },
        peers: [{ address: ip(from), zone: from.startsWith('fe80') ? this.host.zone : undefined, passwords, hopLimit }],
      },
      {
        accepted: (stream) => this.#handlersOf(stream),
        refused() {},
        error() {},
      },
    );
    if (!listening.ok) throw new Error(listening.error.message);
    this.#listener = listening.value;
    return this;
  }

  close(): void {
    this.#listener?.close();
  }

  setPasswords(from: string, passwords: readonly string[]): void {
    this.#listener?.setPeers([{ address: ip(from), passwords, hopLimit: 255 }]);
  }

  connect(to = '192.0.2.10', port = 179): RawBgpPeer {
    let stream: Stream | undefined;
    const peer = new RawBgpPeer(pipeOf(() => stream!));
    const made = this.host.connect(
      { remote: { address: ip(to), port }, source: ip(this.#address), passwords: [], hopLimit: 255 },
      {
        connected() {},
        data: (bytes) => peer.data(bytes),
        drained() {},
        ended: () => (peer.closed = 'fin'),
        failed: ({ code }) => (peer.closed = code),
      },
    );
    if (!made.ok) throw new Error(made.error.message);
    stream = made.value;
    this.connections.push(peer);
    return peer;
  }

  /** Answers an OPEN that has come, and waits until the session is up. */
  async establish(open: RawOpen = {}): Promise<RawBgpPeer> {
    await this.#scene.settle();
    if (open.capabilities?.some(({ kind }) => kind === 'extended-next-hop') === true)
      this.last.context = { ...this.last.context, extendedNextHop: true };
    this.last.say(rawOpen(open));
    this.last.say(KEEPALIVE);
    await this.#scene.settle();
    return this.last;
  }

  #handlersOf(stream: Stream) {
    const peer = new RawBgpPeer(pipeOf(() => stream));
    this.connections.push(peer);
    return {
      connected() {},
      data: (bytes: Uint8Array) => peer.data(bytes),
      drained() {},
      ended: () => {
        peer.closed = 'fin';
        stream.close();
      },
      failed: ({ code }: NetworkError) => {
        peer.closed = code;
        stream.reset();
      },
    };
  }
}

const pipeOf = (stream: () => Stream) => ({
  write: (bytes: Uint8Array) => void stream().write([bytes.slice()]),
  end: () => stream().close(),
  reset: () => stream().reset(),
  pause: () => stream().pause(),
  resume: () => stream().resume(),
});
