import { isDeepStrictEqual } from 'node:util';
import type { Verdicts } from '../announcement/judge.ts';
import { type Clock, ms, type Timer } from '../base/clock.ts';
import { familyIn, type IpFamily } from '../base/ip-address.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { BfdSessionConfig } from '../bfd/session-config.ts';
import type { BfdSessionReport } from '../bfd/session-report.ts';
import { Bgp, type StopKind } from '../bgp/driver.ts';
import { PeerRoutes } from '../bgp/peer-routes.ts';
import type { SessionReport } from '../bgp/session-report.ts';
import { warmUp } from '../bgp/warm-up/driver.ts';
import type { ClusterObject } from '../cluster/ports.ts';
import type { Config } from '../config/config.ts';
import type { ClusterNode } from '../inventory/node.ts';
import type { NeighbourNetwork, Network, StreamNetwork } from '../network/ports.ts';
import type { Told } from '../status/report.ts';
import { BfdLiveness } from './bfd-liveness.ts';
import { type OwnPeers, ownPeers, type RefusedPeer } from './bgp-peers.ts';

/**
 * The control thread's part in BGP: which routers this node talks to, and what each is to hear, out of the same verdicts that
 * layer 2 is told. The sessions are the driver's (bgp/driver.ts); BFD beside them runs in the wire thread.
 */
export interface RoutingDeps {
  readonly node: string;
  readonly streams: StreamNetwork;
  readonly neighbours: NeighbourNetwork;
  readonly network: Pick<Network, 'watchInterfaces'>;
  /** Whether this host has forwarded all the time that routers may have kept our routes for (BgpOptions). */
  readonly restart: { readonly forwarding: boolean };
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly tellBfd: (sessions: readonly BfdSessionConfig[]) => void;
  /** Resolves when the wire thread has done all that it was told before. */
  readonly wireDone: () => Promise<void>;
  /** A session came up, went down, or has something to say. */
  readonly changed: () => void;
}

export interface RoutingInput {
  readonly config: Config;
  readonly node: ClusterNode;
  readonly verdicts: Verdicts;
  readonly secrets: readonly ClusterObject[];
}

export class Routing {
  readonly #deps: RoutingDeps;
  readonly #bgp: Bgp;
  readonly #routes: PeerRoutes;
  readonly #bfd: BfdLiveness;
  #input: RoutingInput | undefined;
  #own: OwnPeers = { peers: [], refused: [] };
  #refusals = '';
  #established: ReadonlyMap<string, ReadonlySet<IpFamily>> = new Map();
  #told: (address: string) => Told | undefined = (address) => this.#toldOf(address, new Map());
  #timer: Timer | undefined;
  #stopped = false;

  constructor(deps: RoutingDeps) {
    this.#deps = deps;
    const { node, tellBfd, wireDone, changed } = deps;
    this.#bfd = new BfdLiveness(tellBfd, wireDone);
    this.#routes = new PeerRoutes(node);
    this.#bgp = new Bgp({ ...deps, liveness: this.#bfd, prepare: warmUp, onReport: changed });
  }

  update(input: RoutingInput): void {
    if (this.#stopped) return;
    const { config, node, secrets } = input;
    const before = this.#input;
    this.#input = input;
    const known = new Set(this.#own.peers.map(({ session }) => session.name));
    if (before?.config !== config || before.node !== node || before.secrets !== secrets) {
      this.#own = ownPeers(config, node, secrets);
      this.#logRefused();
      this.#bgp.setPeers(this.#own.peers);
      this.#deps.changed();
    }
    this.#updateRoutes();
    // Who comes anew, or back, has heard of no difference.
    const anew = this.#own.peers.map(({ session }) => session.name).filter((name) => !known.has(name));
    if (anew.length > 0)
      this.#bgp.changeRoutes(new Map(anew.map((name) => [name, { set: this.#routes.routesFor(name), remove: [] }])));
  }

  fromBfd(changed: readonly BfdSessionReport[]): void {
    this.#bfd.reported(changed);
  }

  /** Sorted by name, those that cannot be had as things are included. */
  sessions(): readonly SessionReport[] {
    const refused = this.#own.refused.map((one): SessionReport => refusedReport(one, this.#deps.clock.wallTime()));
    return [...this.#bgp.reports(), ...refused].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** By address as text, the peers that are to know it now; always the same map, changed in place. */
  get addressees(): ReadonlyMap<string, readonly string[]> {
    return this.#routes.addressees;
  }

  /**
   * By the sessions as they are now: whom this node has told of an address. Undefined: it is not to tell anybody. The same
   * function until a session comes up, goes down or has other families.
   */
  told(): (address: string) => Told | undefined {
    const established = establishedFamilies(this.#bgp.reports());
    if (!isDeepStrictEqual(established, this.#established)) {
      this.#established = established;
      this.#told = (address) => this.#toldOf(address, established);
    }
    return this.#told;
  }

  bfdSessions(): readonly BfdSessionReport[] {
    return this.#bfd.reports();
  }

  stop(kind: StopKind, communication?: string): Promise<void> {
    this.#stopped = true;
    this.#timer?.stop();
    return this.#bgp.stop(kind, communication);
  }

  #toldOf(address: string, established: ReadonlyMap<string, ReadonlySet<IpFamily>>): Told | undefined {
    const peers = this.#routes.addressees.get(address);
    if (peers === undefined) return undefined;
    const family = familyIn(address);
    const isTold = (peer: string): boolean => established.get(peer)?.has(family) === true;
    return { told: peers.filter(isTold), untold: peers.filter((peer) => !isTold(peer)) };
  }

  #updateRoutes(): void {
    if (this.#stopped || this.#input === undefined) return;
    const { clock } = this.#deps;
    const { verdicts, config } = this.#input;
    const changes = this.#routes.update({ verdicts, config, now: clock.now() });
    if (changes.size > 0) {
      this.#bgp.changeRoutes(changes);
      this.#deps.changed();
    }
    this.#timer?.stop();
    const due = this.#routes.nextDue();
    if (due === undefined) return;
    this.#timer = clock.startTimer('routes', ms(Math.max(0, due - clock.now())), () => this.#updateRoutes());
  }

  #logRefused(): void {
    const text = JSON.stringify(this.#own.refused);
    if (text === this.#refusals) return;
    this.#refusals = text;
    for (const { name, why } of this.#own.refused)
      this.#deps.logger.warn('no session with this peer', { peer: name, why });
  }
}

/** The families of each session that is up. */
const establishedFamilies = (sessions: readonly SessionReport[]): ReadonlyMap<string, ReadonlySet<IpFamily>> =>
  new Map(
    sessions
      .filter(({ state }) => state === 'established')
      .map(({ name, families }) => [name, new Set(families.map(({ family }) => family))]),
  );

function refusedReport({ name, remote, localAsn, why }: RefusedPeer, now: Date): SessionReport {
  const none = { open: 0, update: 0, notification: 0, keepalive: 0, routeRefresh: 0, octets: 0 };
  return {
    name,
    remote,
    local: undefined,
    state: 'idle',
    since: now.getTime(),
    localAsn,
    peerAsn: undefined,
    peerRouterId: undefined,
    lastError: why,
    lastErrorAt: undefined,
    lastNotificationSent: undefined,
    lastNotificationReceived: undefined,
    nextAttempt: undefined,
    negotiated: undefined,
    families: [],
    messages: { sent: none, received: none },
    flaps: 0,
    bfd: undefined,
    problems: [],
    listener: undefined,
  };
}
