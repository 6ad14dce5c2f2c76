import { ms, seconds, systemClock } from '../../src/base/clock.ts';
import type { LogFields } from '../../src/base/logger.ts';
import { systemRandom } from '../../src/base/random.ts';
import { Bgp, type BgpOptions } from '../../src/bgp/driver.ts';
import { noLiveness } from '../../src/bgp/liveness.ts';
import type { BgpPeer, PeerTransport } from '../../src/bgp/peer.ts';
import type { Route, RouteAttributes } from '../../src/bgp/route.ts';
import type { SessionConfig } from '../../src/bgp/session-config.ts';
import type { SessionReport } from '../../src/bgp/session-report.ts';
import { Lab } from '../../src/lab/lab.ts';
import {
  ROUTER_KINDS,
  type Router,
  type RouterConfig,
  type RouterKind,
  type RouterNeighbour,
  type RouterRoute,
  routerInstalled,
} from '../../src/lab/router.ts';
import { startRouter } from '../../src/lab/router-start.ts';
import { linuxNetwork } from '../../src/network/linux.ts';
import { linuxStreams } from '../../src/network/stream-network.ts';
import { ip, prefix } from '../bgp/driver-scene.ts';
import { FakeNeighbours } from '../support/fake-neighbours.ts';
import { until } from '../support/until.ts';

/** The routers that are installed here; the suites against the others say that they are skipped. */
export const kinds = ROUTER_KINDS.filter(routerInstalled);
const absent = ROUTER_KINDS.filter((kind) => !routerInstalled(kind));
export const absentNote =
  absent.length === 0 ? '' : ` (skipped for want of the program: ${absent.join(', ')}; apt-get install)`;

const NUMBER: Readonly<Record<RouterKind, number>> = { bird: 1, frr: 2, gobgp: 3 };
export const OUR_ASN = 64_512;
export const ROUTER_ASN = 64_500;
/** Fast enough for a test to see a timer run out; the least that RFC 4271 allows. */
export const HOLD = 3;

const PLAIN: RouteAttributes = { localPref: undefined, communities: [], linkBandwidth: undefined };
export const routes = (texts: readonly string[], attributes: Partial<RouteAttributes> = {}): Route[] => {
  // One object for all of which the same is said.
  const said = { ...PLAIN, ...attributes };
  return texts.map((text) => ({ prefix: prefix(text), attributes: said }));
};

export interface OurPeer {
  readonly session?: Partial<SessionConfig>;
  readonly transport?: Partial<PeerTransport>;
  readonly bfd?: BgpPeer['bfd'];
}

/**
 * The speaker's sessions in the tree's own namespace, routers in hosts on one switch with it. Every suite has a subnet of
 * its own, by its number, since all that run at once share that namespace: we are 10.N.0.10 and 2001:db8:N::10.
 */
export class Interop {
  readonly lab: Lab;
  readonly number: number;
  readonly logged: { readonly message: string; readonly fields: LogFields | undefined }[] = [];
  readonly reported: SessionReport[] = [];
  #bgp: Bgp | undefined;
  readonly #routers = new Map<RouterKind, Router>();

  constructor(number: number) {
    this.number = number;
    this.lab = new Lab(`bgp${number}`);
  }

  /** Of a host with that last number. */
  address(last: number, family: 'ipv4' | 'ipv6' = 'ipv4'): string {
    return family === 'ipv4' ? `10.${this.number}.0.${last}` : `2001:db8:${this.number}::${last}`;
  }

  addressOf(kind: RouterKind, family: 'ipv4' | 'ipv6' = 'ipv4'): string {
    return this.address(NUMBER[kind], family);
  }

  async build(): Promise<void> {
    const end = (last: number) => [`${this.address(last)}/24`, `${this.address(last, 'ipv6')}/64`];
    await this.lab.build({
      hosts: ['switch', ...kinds],
      bridges: [{ host: 'switch', name: 'br0' }],
      cables: [
        [
          { interface: this.ourInterface, addresses: end(10) },
          { host: 'switch', interface: 'here', bridge: 'br0' },
        ],
        ...kinds.map(
          (kind) =>
            [
              { host: 'switch', interface: kind, bridge: 'br0' },
              { host: kind, interface: 'eth0', addresses: end(NUMBER[kind]) },
            ] as const,
        ),
      ],
      routes: [],
    });
  }

  get ourInterface(): string {
    return `bgp${this.number}`;
  }

  async stop(): Promise<void> {
    await this.end();
    await this.lab.stop();
  }

  /** Ours are stopped for good, if they are running. */
  async end(): Promise<void> {
    await this.#bgp?.stop('for-good');
    this.#bgp = undefined;
  }

  /** A fresh driver. */
  start(options: Partial<BgpOptions> = {}): Bgp {
    const network = linuxNetwork();
    const streams = linuxStreams(systemClock);
    if (!network.ok) throw new Error(network.error.message);
    if (!streams.ok) throw new Error(streams.error.message);
    const log = (message: string, fields?: LogFields): void => void this.logged.push({ message, fields });
    this.#bgp = new Bgp({
      streams: streams.value,
      neighbours: new FakeNeighbours(),
      network: network.value,
      clock: systemClock,
      random: systemRandom,
      logger: { debug() {}, info: log, warn: log, error: log },
      liveness: noLiveness,
      onReport: (changed) => void this.reported.push(...changed),
      ...options,
    });
    return this.#bgp;
  }

  get bgp(): Bgp {
    if (this.#bgp === undefined) throw new Error('not started');
    return this.#bgp;
  }

  /** Ours for that router. */
  peer(kind: RouterKind, { session, transport, bfd }: OurPeer = {}): BgpPeer {
    return {
      session: {
        name: kind,
        myAsn: OUR_ASN,
        localAsn: undefined,
        peerAsn: ROUTER_ASN,
        routerId: ip(this.address(10)),
        families: ['ipv4', 'ipv6'],
        holdTime: seconds(90),
        keepaliveTime: seconds(30),
        connectTime: seconds(1),
        passive: false,
        delayOpenTime: undefined,
        gracefulRestart: undefined,
        role: undefined,
        extendedNextHop: false,
        hostName: 'node',
        ...session,
      },
      transport: {
        remote: { kind: 'address', address: ip(this.addressOf(kind)) },
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

  /** The router's side of it. It waits for us, so that there is one connection and not two that collide. */
  routerConfig(
    kind: RouterKind,
    neighbour: Partial<RouterNeighbour> = {},
    config: Partial<RouterConfig> = {},
  ): RouterConfig {
    return {
      asn: ROUTER_ASN,
      routerId: this.addressOf(kind),
      neighbours: [
        { address: this.address(10), asn: OUR_ASN, families: ['ipv4', 'ipv6'], passive: true, ...neighbour },
      ],
      ...config,
    };
  }

  /** Starts it, or starts it again with that configuration. */
  async router(
    kind: RouterKind,
    neighbour: Partial<RouterNeighbour> = {},
    config: Partial<RouterConfig> = {},
  ): Promise<Router> {
    // Ours from the test before would be its first visitor.
    await this.end();
    const wanted = this.routerConfig(kind, neighbour, config);
    const known = this.#routers.get(kind);
    if (known === undefined) {
      const router = await startRouter(kind, this.lab, kind, wanted);
      this.#routers.set(kind, router);
      return router;
    }
    await known.kill();
    await known.start(wanted);
    return known;
  }

  /** Both sides set up, ours with these routes; resolves when both say that the session is up. */
  async session(
    kind: RouterKind,
    ours: OurPeer = {},
    theirs: Partial<RouterNeighbour> = {},
    {
      announce = [],
      config = {},
    }: { readonly announce?: readonly Route[]; readonly config?: Partial<RouterConfig> } = {},
  ): Promise<Router> {
    const router = await this.router(kind, theirs, config);
    this.start();
    this.bgp.setPeers([this.peer(kind, ours)]);
    this.bgp.setRoutes(new Map([[kind, announce]]));
    await this.established(kind);
    return router;
  }

  /** With all routers at once: for what takes its time. */
  async allSessions(theirs: Partial<RouterNeighbour>, announce: readonly Route[]): Promise<Map<RouterKind, Router>> {
    await this.end();
    const all = await Promise.all(kinds.map(async (kind) => [kind, await this.router(kind, theirs)] as const));
    this.start();
    this.bgp.setPeers(kinds.map((kind) => this.peer(kind)));
    this.bgp.setRoutes(new Map(kinds.map((kind) => [kind, announce])));
    for (const kind of kinds) await this.established(kind);
    return new Map(all);
  }

  report(kind: string): SessionReport {
    const report = this.bgp.reports().find(({ name }) => name === kind);
    if (report === undefined) throw new Error(`no session ${kind}`);
    return report;
  }

  async established(kind: RouterKind, limit = seconds(12)): Promise<void> {
    await until(
      `session with ${kind}`,
      limit,
      async () =>
        this.report(kind).state === 'established' &&
        (await this.#routers.get(kind)?.sessions())?.every(({ established }) => established) === true,
      async () => [this.report(kind), (await this.#routers.get(kind)?.sessions())?.map(({ detail }) => detail)],
    );
  }

  /** Until the router has exactly these of ours. */
  async has(kind: RouterKind, prefixes: readonly string[], limit = seconds(8)): Promise<readonly RouterRoute[]> {
    const router = this.#routers.get(kind)!;
    const read = async (): Promise<RouterRoute[]> =>
      [...(await router.routes('ipv4')), ...(await router.routes('ipv6'))].filter(({ from }) => from !== undefined);
    const text = (found: readonly { readonly prefix: string }[]): string =>
      found
        .map((one) => one.prefix)
        .sort()
        .join(' ');
    const wanted = [...prefixes].sort().join(' ');
    let found = await read();
    await until(
      `${kind} has ${wanted}`,
      limit,
      async () => {
        found = await read();
        return text(found) === wanted;
      },
      () => Promise.resolve(text(found)),
    );
    return found;
  }
}

export const pause = (time: number): Promise<void> =>
  new Promise((resolve) => void systemClock.startTimer('pause', ms(time), resolve));
