import { type Clock, ms } from '../../base/clock.ts';
import { unreachable } from '../../base/errors.ts';
import { formatIpAddress, type IpAddress, isLinkLocalIpv6, sameIpAddress } from '../../base/ip-address.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import type { NetworkInterface, SocketEndpoint, Stream, StreamHandlers, StreamNetwork } from '../../network/ports.ts';
import type { AdjRibOut } from '../adj-rib-out.ts';
import type { Connection } from '../connection/driver.ts';
import { delivered, within } from '../farewell/driver.ts';
import type { Liveness } from '../liveness.ts';
import { LivenessGuard } from '../liveness-guard.ts';
import { type LocalEnd, localEnd } from '../local-end.ts';
import { negotiatedReport } from '../negotiated-report.ts';
import type { Negotiated } from '../negotiation.ts';
import type { OutboundSession } from '../path-attributes.ts';
import { type BgpPeer, sameConnection } from '../peer.ts';
import { nextHopFor } from '../route.ts';
import { RouteFeed } from '../route-feed/driver.ts';
import { Session } from '../session.ts';
import { localAsnOf } from '../session-config.ts';
import type { SessionEnd } from '../session-error.ts';
import type { ConnectionId, SessionEffect, SessionTimer, StopKind } from '../session-events.ts';
import { SessionRecord } from '../session-record.ts';
import type { FamilyReport, SessionReport } from '../session-report.ts';
import { TimerSet } from '../timer-set.ts';
import { type SessionInput, Transport } from '../transport/driver.ts';
import type { Message, MessageError, Update } from '../wire/message.ts';
import { countPrefixes, ipFamilyOf } from '../wire/nlri.ts';

export interface SessionDriverOptions {
  readonly streams: StreamNetwork;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly liveness: Liveness;
  readonly interfaces: () => readonly NetworkInterface[];
  readonly rib: AdjRibOut;
  /** An earlier process left with graceful restart (session-events.ts). */
  readonly restart: { readonly restarting: boolean; readonly forwarding: boolean };
  /** Its report says something else. */
  readonly changed: () => void;
}

interface Up {
  readonly connection: Connection;
  readonly negotiated: Negotiated;
  outbound: OutboundSession;
  readonly dropped: { ipv4: number; ipv6: number };
}

/** How long a stop waits: for a router that reads slowly to take the withdrawals, for it to have read what was said last, and for BFD. */
const FAREWELL = ms(3000);
const DELIVERY = ms(1500);
const ADMIN_DOWN = ms(500);

/**
 * One peer: the effects of its session (session.ts), which holds every rule. Its connections are in transport/, what it is told
 * comes through route-feed/, whether its path lives is asked by liveness-guard.ts.
 */
export class SessionDriver {
  readonly name: string;
  readonly #options: SessionDriverOptions;
  readonly #session: Session;
  readonly #record: SessionRecord;
  readonly #transport: Transport;
  readonly #feed: RouteFeed;
  readonly #guard: LivenessGuard;
  readonly #timers: TimerSet<SessionTimer>;
  readonly #events: SessionInput[] = [];
  /** Streams on which a last word is on its way. */
  readonly #farewells: Stream[] = [];
  #busy = false;
  #peer: BgpPeer;
  #started = false;
  #stopped = false;
  #up: Up | undefined;
  #listener: SessionReport['listener'];

  constructor(options: SessionDriverOptions, peer: BgpPeer) {
    const { rib, clock, random, liveness, streams, changed } = options;
    this.name = peer.session.name;
    this.#options = options;
    this.#peer = peer;
    this.#session = new Session(peer.session);
    this.#record = new SessionRecord(this.#wallTime());
    this.#transport = new Transport(
      {
        streams,
        tell: (event) => this.#step(event),
        received: (...what) => this.#received(...what),
        drained: (connection) => {
          if (this.#up?.connection === connection) this.#feed.pump();
        },
      },
      peer,
    );
    this.#feed = new RouteFeed({
      rib,
      clock,
      wrote: (messages, octets) => this.#record.countUpdates(messages, octets),
    });
    const lost = (message: string): void => this.#step({ kind: 'liveness-lost', message });
    this.#guard = new LivenessGuard({ liveness, lost, changed });
    this.#timers = new TimerSet(clock, random, `bgp ${this.name}`, (timer) =>
      this.#step({ kind: 'timer-fired', timer }),
    );
  }

  get peer(): BgpPeer {
    return this.#peer;
  }

  /** Where the router is; undefined while that of an unnumbered one is not known. */
  get remote(): SocketEndpoint | undefined {
    return this.#transport.remote;
  }

  /** As soon as it is known where the router is. */
  start(): void {
    if (this.#started || this.#stopped || this.remote === undefined) return;
    this.#started = true;
    this.#step({ kind: 'start', ...this.#options.restart });
  }

  configure(peer: BgpPeer): void {
    const reconnect = !sameConnection(this.#peer, peer);
    this.#peer = peer;
    const refused = this.#transport.configure(peer);
    if (refused !== undefined) this.failed(`the new password cannot be set: ${refused.message}`);
    if (reconnect || peer.bfd === undefined) this.#guard.close();
    if (this.#started) this.#step({ kind: 'configured', config: peer.session, reconnect });
    this.#watch();
    this.start();
    this.#options.changed();
  }

  /** Of an unnumbered peer: who answers at the other end now. An attempt that still goes to another one is in vain. */
  routerIs(address: IpAddress): void {
    const { remote, port } = this.#peer.transport;
    const before = this.remote?.address;
    if (remote.kind !== 'interface' || (before !== undefined && sameIpAddress(before, address))) return;
    this.#transport.found({ address, port, zone: remote.interface });
    if (this.#started) this.#step({ kind: 'configured', config: this.#peer.session, reconnect: true });
    this.start();
  }

  /** Undefined: not now. */
  accept(stream: Stream): StreamHandlers | undefined {
    return this.#started && !this.#stopped ? this.#transport.accept(stream) : undefined;
  }

  listenerIs(listener: SessionReport['listener']): void {
    if (listener?.at === this.#listener?.at && listener?.error === this.#listener?.error) return;
    this.#listener = listener;
    if (listener?.error !== undefined) this.failed(listener.error);
    this.#options.changed();
  }

  /** Something that keeps the session from being, and that the session does not know of. */
  failed(why: string): void {
    if (!this.#record.failed(why, this.#wallTime())) return;
    this.#options.logger.warn('no BGP session', { peer: this.name, why });
    this.#options.changed();
  }

  /** Our addresses, and so our next hops, may be others now. */
  interfacesChanged(): void {
    if (this.#up === undefined) return;
    const { connection, negotiated, outbound } = this.#up;
    const now = this.#outbound(connection, negotiated);
    if (textOf(now) === textOf(outbound)) return;
    this.#up.outbound = now;
    // What was told is told again with the new next hops, but first what is to be withdrawn must be.
    this.#feed.whenDone(() => {
      if (this.#up?.outbound === now) this.#feed.open(connection, now);
    });
  }

  /** The Adj-RIB-Out may have something to say. */
  routesChanged(): void {
    this.#feed.pump();
  }

  reset(how: 'hard' | 'soft'): void {
    this.#step({ kind: 'reset', how });
  }

  /** Gone from the configuration. */
  remove(): void {
    this.#end('deconfigured', undefined);
    this.#guard.close();
  }

  async stop(kind: 'for-good' | 'keep-routes', communication: string | undefined): Promise<void> {
    const { clock, rib } = this.#options;
    const keep = kind === 'keep-routes' && this.#up?.negotiated.gracefulRestart !== undefined;
    // BFD first: the router must not take what follows for a failure of the path.
    if (keep) await within(clock, ADMIN_DOWN, this.#guard.adminDown());
    else rib.want([]);
    this.#feed.pump();
    await within(clock, FAREWELL, new Promise((resolve) => this.#feed.whenDone(resolve)));
    this.#end(keep ? 'keep-routes' : 'for-good', communication);
    await delivered(clock, DELIVERY, this.#farewells);
    this.#guard.close();
  }

  report(): SessionReport {
    const { session, bfd } = this.#peer;
    const { rib } = this.#options;
    const up = this.#up;
    return {
      name: this.name,
      remote: this.#transport.where,
      local: up && formatIpAddress(up.connection.stream.local.address),
      ...this.#record.past(),
      localAsn: localAsnOf(session),
      peerAsn: up?.negotiated.peerAsn ?? (typeof session.peerAsn === 'number' ? session.peerAsn : undefined),
      peerRouterId: up && formatIpAddress(up.negotiated.peerRouterId),
      nextAttempt: this.#transport.idle && !session.passive ? this.#timers.nextDue() : undefined,
      negotiated: up && negotiatedReport(up.negotiated, up.connection.open),
      families: (up?.negotiated.families ?? session.families).map((family): FamilyReport => {
        const { told, pending } = rib.counts(family);
        return { family, sent: up === undefined ? 0 : told, pending, receivedAndDropped: up?.dropped[family] ?? 0 };
      }),
      problems: rib.problems(),
      bfd: bfd && (this.#guard.state ?? 'unwatched'),
      listener: this.#listener,
    };
  }

  /** An effect may cause an event (an attempt that cannot even be made); it comes after the other effects. */
  #step(event: SessionInput): void {
    this.#events.push(event);
    if (this.#busy) return;
    this.#busy = true;
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift())
      for (const effect of this.#session.handle({ ...next, now: this.#options.clock.now() })) this.#perform(effect);
    this.#busy = false;
  }

  #perform(effect: SessionEffect): void {
    switch (effect.kind) {
      case 'connect':
        this.#transport.connect(effect.connection);
        return;
      case 'close':
        this.#close(effect.connection, effect.how);
        return;
      case 'send':
        this.#send(effect.connection, effect.message);
        return;
      case 'start-timer':
        this.#timers.start(effect.timer, effect.atLeast, effect.atMost);
        return;
      case 'stop-timer':
        this.#timers.stop(effect.timer);
        return;
      case 'state-changed':
        this.#record.enter(effect.state, this.#wallTime());
        this.#options.changed();
        return;
      case 'session-up':
        this.#sessionUp(effect.connection, effect.negotiated);
        return;
      case 'session-down':
        this.#sessionDown(effect.end, effect.peerKeepsRoutes);
        return;
      case 'attempt-failed':
        this.#attemptFailed(effect.end);
        return;
      case 'refresh':
        this.#options.rib.refresh(effect.family);
        this.#feed.pump();
        return;
      case 'end-of-rib':
        return;
      default:
        unreachable(effect);
    }
  }

  #close(id: ConnectionId, how: 'flush' | 'abort'): void {
    const stream = this.#transport.close(id, how);
    if (this.#stopped && stream !== undefined && how === 'flush') this.#farewells.push(stream);
  }

  #send(id: ConnectionId, message: Message): void {
    const connection = this.#transport.find(id);
    if (connection === undefined) return;
    if (message.kind === 'notification') this.#record.notified('sent', message, this.#wallTime());
    this.#record.count('sent', message.kind, connection.send(message));
    // RFC 9687: the kernel takes much for a router that reads nothing.
    if (connection.advanced()) this.#events.push({ kind: 'written', connection: id });
  }

  #received(from: Connection, message: Message, octets: number, error: MessageError | undefined): void {
    this.#record.count('received', message.kind, octets);
    if (message.kind === 'notification') this.#record.notified('received', message, this.#wallTime());
    if (message.kind === 'update' && this.#up?.connection === from) countAnnounced(this.#up.dropped, message);
    if (error !== undefined)
      this.#options.logger.debug('a message of a BGP peer is in error', { peer: this.name, why: error.message });
  }

  #sessionUp(id: ConnectionId, negotiated: Negotiated): void {
    const connection = this.#transport.find(id);
    if (connection === undefined) return;
    const { as4, extendedMessage, extendedNextHop, peerType, peerAsn, families, holdTime } = negotiated;
    connection.context = { as4, extendedMessage, extendedNextHop, peerType, addPath: { ipv4: false, ipv6: false } };
    const outbound = this.#outbound(connection, negotiated);
    this.#up = { connection, negotiated, outbound, dropped: { ipv4: 0, ipv6: 0 } };
    // Before anything else: traffic waits for it.
    this.#feed.open(connection, outbound);
    const facts = { peer: this.name, remote: this.#transport.where, asn: peerAsn, families, holdTimeMs: holdTime };
    this.#options.logger.info('BGP session up', facts);
    this.#watch();
    this.#options.changed();
  }

  #localEnd({ stream: { local, remote } }: Connection): LocalEnd {
    return localEnd(this.#options.interfaces(), local.address, remote.address, local.zone);
  }

  #outbound(connection: Connection, negotiated: Negotiated): OutboundSession {
    const own = this.#localEnd(connection);
    const { localAsn, peerType, as4, extendedMessage, extendedNextHop, enhancedRouteRefresh } = negotiated;
    return {
      ...{ localAsn, peerType, as4, extendedMessage, enhancedRouteRefresh },
      role: this.#peer.session.role,
      families: negotiated.families.map((family) => ({ family, nextHop: nextHopFor(family, own, extendedNextHop) })),
    };
  }

  #sessionDown(end: SessionEnd, peerKeepsRoutes: boolean): void {
    this.#up = undefined;
    this.#feed.close();
    this.#record.failed(end.message, this.#wallTime());
    const routes = peerKeepsRoutes ? 'kept by the router for its restart time' : 'gone from the router';
    const facts = { peer: this.name, remote: this.#transport.where, why: end.message, routes };
    if (this.#stopped) this.#options.logger.info('BGP session down', facts);
    else this.#options.logger.warn('BGP session down', facts);
    this.#options.changed();
  }

  #attemptFailed(end: SessionEnd): void {
    if (!this.#record.ended(end, this.#wallTime())) return;
    this.#options.logger.warn('no BGP session', { peer: this.name, remote: this.#transport.where, why: end.message });
    this.#options.changed();
  }

  /** From the first session on, with the address that it gave us. */
  #watch(): void {
    const { bfd, transport } = this.#peer;
    if (bfd === undefined || this.#up === undefined) return;
    const { connection, negotiated } = this.#up;
    const { local, remote } = connection.stream;
    const { interface: link, sharedLink } = this.#localEnd(connection);
    // Internal peers may be anywhere; where one is on our link, so is its BFD, as FRR has it.
    const near = sharedLink && negotiated.peerType === 'internal';
    const multihop =
      transport.reach.kind === 'gtsm' ? transport.reach.hops > 1 : transport.reach.kind === 'multihop' && !near;
    this.#guard.watch({
      remote: remote.address,
      local: local.address,
      interface: multihop && !isLinkLocalIpv6(remote.address) ? undefined : link,
      multihop,
      profile: bfd,
    });
  }

  #end(how: StopKind, communication: string | undefined): void {
    this.#stopped = true;
    this.#step({ kind: 'stop', how, communication });
    this.#feed.close();
    this.#transport.closeAll();
    this.#timers.stopAll();
  }

  #wallTime(): number {
    return this.#options.clock.wallTime().getTime();
  }
}

function countAnnounced(dropped: Up['dropped'], { announced, attributes: { mpReach } }: Update): void {
  for (const nlri of [announced, ...(mpReach === undefined ? [] : [mpReach.nlri])]) {
    const family = ipFamilyOf(nlri.family);
    if (family !== undefined) dropped[family] += countPrefixes(nlri);
  }
}

const textOf = (value: object): string =>
  JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
