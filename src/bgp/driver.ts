import { afterThisTurn, type Clock, type Timer } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Prefix } from '../base/prefix.ts';
import type { Random } from '../base/random.ts';
import type { InterfaceWatch, NeighbourNetwork, Network, StreamNetwork } from '../network/ports.ts';
import { AdjRibOut } from './adj-rib-out.ts';
import { type ExpectedPeer, Listeners } from './listen/driver.ts';
import type { Liveness } from './liveness.ts';
import { type BgpPeer, hopLimits, samePeer } from './peer.ts';
import { PrefixIndex } from './prefix-index.ts';
import type { Route } from './route.ts';
import { SessionDriver } from './session/driver.ts';
import type { SessionReport } from './session-report.ts';
import { RouterSearch } from './unnumbered/driver.ts';

export interface BgpOptions {
  readonly streams: StreamNetwork;
  /** For unnumbered peers. */
  readonly neighbours: NeighbourNetwork;
  /** For next hops: which addresses are on the link of a session. */
  readonly network: Pick<Network, 'watchInterfaces'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly liveness: Liveness;
  /**
   * An earlier process of this node left with `keep-routes` a short while ago (RFC 4724 §4.1); `forwarding`: the addresses
   * that it announced were served all the time. Undefined: a fresh start.
   */
  readonly restart?: { readonly forwarding: boolean } | undefined;
  /** Done once before the first session is started, which is when it calls back; best warm-up/driver.ts. */
  readonly prepare?: ((done: () => void) => Timer) | undefined;
  /** Sessions whose state, last error, BFD or listener changed; not for every counter. Within a turn of the event loop once. */
  readonly onReport: (changed: readonly SessionReport[]) => void;
}

/**
 * `for-good`: everything is withdrawn, then Cease/Administrative Shutdown. `keep-routes`: the routers that know graceful restart
 * keep our routes until we are back (BFD AdminDown first; with the N bit agreed Cease/Administrative Reset, without
 * it the connection is closed without a word, RFC 4724 §4); the others hear the same as with `for-good`.
 */
export type StopKind = 'for-good' | 'keep-routes';

/** So many withdrawals are found and handed to the socket before the next ones are looked for: host routes for four messages. */
const REMOVED_AT_ONCE = 3256;

/** What is different in the routes for one peer. No prefix is in both lists. */
export interface RouteChange {
  readonly set: readonly Route[];
  /** Not announced any more. */
  readonly remove: readonly Prefix[];
}

/**
 * The BGP sessions of this node: it announces, and takes nothing.
 *
 *   peers ──> session/ ──> session.ts (the rules: two connections, each an fsm.ts)
 *                │  └───> transport/ ──> connection/ (messages over TCP) ──> wire/
 *   routes ──> adj-rib-out.ts ──> route-feed/ ─┘
 *
 * Each session is by itself: its sockets, timers, its own Adj-RIB-Out; a router that is down, slow or hostile costs no other
 * anything. Whoever is passive shares listen/, whoever is unnumbered is found by unnumbered/.
 *
 * Deliberately missing: routes of others are counted and dropped; no route is chosen, and none gets into the kernel.
 * Standards: RFC 4271 and those that the files name.
 */
export class Bgp {
  readonly #options: BgpOptions;
  readonly #prefixes = new PrefixIndex();
  readonly #ribs = new Map<string, AdjRibOut>();
  readonly #sessions = new Map<string, SessionDriver>();
  readonly #searches = new Map<string, RouterSearch>();
  readonly #listeners: Listeners;
  readonly #changed = new Set<string>();
  #interfaces: InterfaceWatch | undefined;
  /** Only the peers of the first list were there before the restart. */
  #restart: BgpOptions['restart'];
  #report: Timer | undefined;
  #preparation: Timer | undefined;
  #prepared = false;
  #stopped = false;

  constructor(options: BgpOptions) {
    const { streams, clock, network, logger } = options;
    this.#options = options;
    this.#restart = options.restart;
    this.#listeners = new Listeners({
      streams,
      clock,
      accepted: (name, stream) => this.#sessions.get(name)?.accept(stream),
      changed: () => this.#tellListeners(),
    });
    const watch = network.watchInterfaces(() => this.#interfacesChanged());
    if (!watch.ok) {
      logger.error('BGP does not see the interfaces: IPv6 next hops may be missing', { why: watch.error.message });
      return;
    }
    this.#interfaces = watch.value;
    // The table is made when it is asked for first, which is not to be when a session has come up.
    this.#interfaces.list();
  }

  /**
   * The whole list each time: compared by name, and only sessions whose negotiated facts change are reset. The routes of a peer
   * that is new are to be given in the same turn of the event loop, since End-of-RIB follows what is known when it is up; those of one that
   * goes are remembered, in case it comes back.
   */
  setPeers(peers: readonly BgpPeer[]): void {
    if (this.#stopped) return;
    const names = new Set(peers.map(({ session: { name } }) => name));
    for (const [name, session] of [...this.#sessions]) if (!names.has(name)) this.#remove(name, session);
    for (const peer of peers) {
      const session = this.#sessions.get(peer.session.name);
      if (session === undefined) this.#add(peer);
      else if (!samePeer(session.peer, peer)) session.configure(peer);
      this.#search(peer);
    }
    this.#expect();
    this.#start();
    this.#restart = undefined;
  }

  /** The whole truth, by name of the peer; a peer that is missing has no routes. Lists may be shared between peers. */
  setRoutes(routes: ReadonlyMap<string, readonly Route[]>): void {
    if (this.#stopped) return;
    for (const name of new Set([...this.#ribs.keys(), ...routes.keys()])) {
      this.#rib(name).want(routes.get(name) ?? []);
      this.#forget(name);
    }
    for (const session of this.#sessions.values()) session.routesChanged();
  }

  /** The same in small: costs what changes, not what there is. */
  changeRoutes(changes: ReadonlyMap<string, RouteChange>): void {
    if (this.#stopped) return;
    for (const [name, { set, remove }] of changes) {
      const rib = this.#rib(name);
      const session = this.#sessions.get(name);
      // The router already works while we do.
      for (let from = 0; from < remove.length; from += REMOVED_AT_ONCE) {
        rib.change([], remove.length <= REMOVED_AT_ONCE ? remove : remove.slice(from, from + REMOVED_AT_ONCE));
        session?.routesChanged();
      }
      rib.change(set, []);
      this.#forget(name);
      session?.routesChanged();
    }
  }

  /** Sorted by name; as of now, counters included. */
  reports(): readonly SessionReport[] {
    return [...this.#sessions.values()].map((session) => session.report()).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** `hard`: Cease/Administrative Reset, and a new session. `soft`: everything is announced again. False: there is no such peer. */
  reset(peer: string, how: 'hard' | 'soft'): boolean {
    const session = this.#sessions.get(peer);
    session?.reset(how);
    return session !== undefined;
  }

  /** Resolves when every router was told and every connection is closed, at most some five seconds later. `communication`: RFC 9003. */
  async stop(kind: StopKind, communication?: string): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#listeners.stop();
    this.#preparation?.stop();
    for (const search of this.#searches.values()) search.stop();
    await Promise.all([...this.#sessions.values()].map((session) => session.stop(kind, communication)));
    this.#interfaces?.close();
    this.#report?.stop();
    this.#flush();
  }

  /** With the first peers not before what has to be prepared is. */
  #start(): void {
    const { prepare } = this.#options;
    if (!this.#prepared && prepare !== undefined && this.#sessions.size > 0) {
      this.#preparation ??= prepare(() => {
        this.#prepared = true;
        this.#start();
      });
      return;
    }
    for (const session of this.#sessions.values()) session.start();
  }

  #add(peer: BgpPeer): void {
    const { onReport: _onReport, restart: _restart, ...options } = this.#options;
    const { name } = peer.session;
    const session = new SessionDriver(
      {
        ...options,
        rib: this.#rib(name),
        interfaces: () => this.#interfaces?.list() ?? [],
        restart: { restarting: this.#restart !== undefined, forwarding: this.#restart?.forwarding ?? false },
        changed: () => this.#note(name),
      },
      peer,
    );
    this.#sessions.set(name, session);
    this.#note(name);
  }

  #remove(name: string, session: SessionDriver): void {
    session.remove();
    this.#sessions.delete(name);
    this.#searches.get(name)?.stop();
    this.#searches.delete(name);
    this.#forget(name);
  }

  /** What a peer is to hear is remembered while it has a session, or there is something to hear. */
  #forget(name: string): void {
    const rib = this.#ribs.get(name);
    if (rib === undefined || this.#sessions.has(name)) return;
    if (rib.counts('ipv4').wanted + rib.counts('ipv6').wanted > 0) return;
    rib.close();
    this.#ribs.delete(name);
  }

  #rib(name: string): AdjRibOut {
    const known = this.#ribs.get(name);
    if (known !== undefined) return known;
    const rib = new AdjRibOut(this.#prefixes);
    this.#ribs.set(name, rib);
    return rib;
  }

  /** Looks for the router of an unnumbered peer. */
  #search({ session: { name }, transport: { remote } }: BgpPeer): void {
    const before = this.#searches.get(name);
    if (remote.kind === 'interface' && before?.interface === remote.interface) return;
    before?.stop();
    this.#searches.delete(name);
    if (remote.kind !== 'interface') return;
    const { neighbours, clock } = this.#options;
    const search = new RouterSearch({
      neighbours,
      clock,
      interface: remote.interface,
      changed: () => this.#found(name, search),
    });
    this.#searches.set(name, search);
    search.interfaceIs(this.#indexOf(remote.interface));
  }

  #found(name: string, { found, problem }: RouterSearch): void {
    const session = this.#sessions.get(name);
    if (session === undefined) return;
    if (problem !== undefined) session.failed(problem);
    if (found === undefined) return;
    session.routerIs(found);
    this.#expect();
  }

  /** Who may connect to us. */
  #expect(): void {
    const expected = [...this.#sessions.values()].flatMap((session) => expectedPeer(session));
    this.#listeners.expect(expected);
    this.#tellListeners();
  }

  #tellListeners(): void {
    for (const session of this.#sessions.values()) {
      const [expected] = expectedPeer(session);
      session.listenerIs(expected?.passive === true ? this.#listeners.status(expected) : undefined);
    }
  }

  #interfacesChanged(): void {
    for (const search of this.#searches.values()) search.interfaceIs(this.#indexOf(search.interface));
    for (const session of this.#sessions.values()) session.interfacesChanged();
  }

  #indexOf(name: string): number | undefined {
    return this.#interfaces?.list().find((one) => one.name === name)?.index;
  }

  #note(name: string): void {
    this.#changed.add(name);
    if (!this.#stopped) this.#report ??= afterThisTurn(() => this.#flush());
  }

  #flush(): void {
    this.#report = undefined;
    const reports = [...this.#changed].flatMap((name) => this.#sessions.get(name)?.report() ?? []);
    this.#changed.clear();
    if (reports.length > 0) this.#options.onReport(reports);
  }
}

function expectedPeer(session: SessionDriver): ExpectedPeer[] {
  const { remote, peer } = session;
  if (remote === undefined) return [];
  const { port, device, passwords } = peer.transport;
  const { address, zone } = remote;
  const { name, passive } = peer.session;
  return [{ name, passive, address, zone, port, device, passwords, ...hopLimits(peer.transport) }];
}
