import { isDeepStrictEqual } from 'node:util';
import { type Clock, type Milliseconds, ms, seconds, type Timer } from '../base/clock.ts';
import { unreachable } from '../base/errors.ts';
import { type IpFamily, sameIpAddress } from '../base/ip-address.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type {
  HopDatagramNetwork,
  HopDatagramOrigin,
  InterfaceWatch,
  Network,
  NetworkError,
  NetworkInterface,
} from '../network/ports.ts';
import { Channels } from './channel/driver.ts';
import { type BfdCounters, type Discarded, zeroCounters } from './counters.ts';
import { Demultiplexer } from './demultiplexer.ts';
import { EchoFunction, kernelForwards, SECRET_OCTETS } from './echo/driver.ts';
import type { SessionEffect, SessionEvent } from './events.ts';
import { step } from './fsm.ts';
import { LiveSession } from './live-session.ts';
import { detectionTimeOf } from './negotiation.ts';
import { EchoReflector } from './reflector/driver.ts';
import type { BfdSessionConfig } from './session-config.ts';
import type { BfdSessionReport } from './session-report.ts';
import { SessionTimers } from './session-timers.ts';
import { fromUs, SLOW_US } from './timing.ts';
import { type SessionState, SINGLE_HOP_TTL } from './wire/constants.ts';
import { type ControlPacket, decodeControlPacket } from './wire/control-packet.ts';

export interface BfdOptions {
  readonly datagrams: HopDatagramNetwork;
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Sessions whose state changed (in order, each change of it), or what was agreed. Not for every counter. */
  readonly onReport: (changed: readonly BfdSessionReport[]) => void;
  /** Whether this node forwards what arrives at the interface; default: as the kernel says. */
  readonly forwards?: (interfaceName: string, family: IpFamily) => boolean;
}

/** A port that another program has is asked for again. */
const RETRY = seconds(5);
/** Of each kind of trouble that goes on, one line in so long a time. */
const LOG_INTERVAL = seconds(60);
/** Later than the time slices of busy processes: we did not run. */
const STALL = ms(20);
/** Of many sessions something is due all the time: what is due so soon after the last time waits, and is done together. */
const TOGETHER = ms(2);

/** The BFD sessions of this node: sockets, one timer of the clock, logs. Every event of a session passes `#step`. */
export class Bfd {
  readonly #options: BfdOptions;
  readonly #sessions = new Map<string, LiveSession>();
  /** Not wanted any more; they say AdminDown for a detection time (RFC 5880 §6.8.16). */
  readonly #leaving = new Set<LiveSession>();
  readonly #demultiplexer = new Demultiplexer<LiveSession>();
  readonly #timers = new SessionTimers<LiveSession>();
  readonly #channels: Channels<LiveSession>;
  readonly #echo: EchoFunction<LiveSession>;
  readonly #reflector: EchoReflector;
  readonly #counters = zeroCounters();
  readonly #logged = new Map<string, Milliseconds>();
  #watch: InterfaceWatch | undefined;
  #interfaces: ReadonlyMap<number, NetworkInterface> = new Map();
  #wake: { readonly timer: Timer; readonly due: Milliseconds } | undefined;
  #retry: Timer | undefined;
  #lastWoke = ms(0);
  #draining = false;
  #stopped = false;

  constructor(options: BfdOptions) {
    this.#options = options;
    this.#channels = new Channels(options.datagrams, {
      datagram: (bytes, origin, multihop) => this.#received(bytes, origin, multihop),
      error: (error) => this.#warnSeldom('BFD packets cannot be received', error),
    });
    const echoFailed = (error: NetworkError): void => this.#warnSeldom('BFD echo packets cannot be sent', error);
    this.#echo = new EchoFunction(options.network, () => options.random.bytes(SECRET_OCTETS), {
      possible: (live, possible) => this.#step(live, { kind: 'echo-possible', possible }),
      returned: (live) => {
        live.counters.echoReceived++;
        this.#step(live, { kind: 'echo-returned' });
      },
      error: echoFailed,
    });
    this.#reflector = new EchoReflector(options.datagrams, echoFailed);
  }

  /** The whole list each time, compared by key: timers are renegotiated, a session that is missing says AdminDown and ends. */
  setSessions(sessions: readonly BfdSessionConfig[]): void {
    if (this.#stopped) return;
    const wanted = new Map(sessions.map((config) => [config.key, config]));
    for (const live of [...this.#sessions.values()]) {
      const config = wanted.get(live.config.key);
      if (config === undefined || !isSamePath(config, live.config)) this.#retire(live);
      else if (!isDeepStrictEqual(config, live.config)) this.#configure(live, config);
    }
    for (const config of wanted.values()) if (!this.#sessions.has(config.key)) this.#add(config);
    this.#watchInterfaces();
    this.#start();
    this.#arm();
  }

  /** Sorted by key; as of now, counters included. */
  reports(): readonly BfdSessionReport[] {
    return [...this.#sessions.values()].map((live) => live.report()).sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  counters(): BfdCounters {
    this.#counters.droppedByKernel += this.#channels.takeDropped();
    return { ...this.#counters, discarded: { ...this.#counters.discarded } };
  }

  /** Tells every peer AdminDown once, within the call, and is silent from then on. */
  stop(): void {
    if (this.#stopped) return;
    for (const live of [...this.#sessions.values()]) this.#retire(live);
    this.#stopped = true;
    this.#wake?.timer.stop();
    this.#retry?.stop();
    this.#watch?.close();
    this.#echo.close();
    this.#reflector.close();
    this.#channels.close();
  }

  #add(config: BfdSessionConfig): void {
    for (const live of [...this.#leaving]) if (isSamePath(config, live.config)) this.#drop(live);
    const { clock } = this.#options;
    const live = new LiveSession(this.#newDiscriminator(), this.#random32(), config, clock.wallTime().getTime());
    this.#sessions.set(config.key, live);
    this.#demultiplexer.add(live);
  }

  #configure(live: LiveSession, config: BfdSessionConfig): void {
    live.config = config;
    live.authenticator.use(config.authentication);
    if (!offersEcho(config)) this.#echo.forget(live);
    if (live.started) this.#step(live, { kind: 'configured' });
  }

  #retire(live: LiveSession): void {
    this.#sessions.delete(live.config.key);
    this.#leaving.add(live);
    live.leaving = true;
    this.#configure(live, { ...live.config, adminDown: true });
    const { timing } = live.config;
    const detectionTime = ms(timing.detectMultiplier * Math.max(fromUs(SLOW_US), timing.transmitInterval));
    if (!live.started || live.session.remote.discriminator === 0) this.#drop(live);
    else this.#timers.start(live, 'leave', ms(this.#options.clock.now() + detectionTime));
  }

  #drop(live: LiveSession): void {
    this.#leaving.delete(live);
    this.#demultiplexer.delete(live);
    this.#echo.forget(live);
    this.#timers.forget(live);
    this.#channels.forget(live);
  }

  /** Begins what can be heard; a port that cannot be had is asked for again. */
  #start(): void {
    this.#retry?.stop();
    this.#retry = undefined;
    const failures = new Map<string, NetworkError>();
    this.#reflector.serve([...this.#sessions.values()].map(({ config }) => config).filter(offersEcho));
    this.#channels.receiveFor([...this.#sessions.values(), ...this.#leaving], (kind, error) =>
      failures.set(kind, error),
    );
    for (const error of failures.values()) this.#warnSeldom('BFD packets cannot be received', error);
    for (const live of this.#sessions.values()) {
      if (live.started) continue;
      if (this.#channels.receives(live.config)) {
        live.started = true;
        live.obstacle = undefined;
        this.#step(live, { kind: 'started' });
      } else live.obstacle = 'the port for BFD packets cannot be opened';
    }
    if (failures.size > 0)
      this.#retry = this.#options.clock.startTimer('bfd receivers', RETRY, () => {
        this.#start();
        this.#arm();
      });
  }

  #received(bytes: Uint8Array, origin: HopDatagramOrigin, multihop: boolean): void {
    if (this.#stopped) return;
    this.#counters.received++;
    // Of several hops it is the session that knows the least TTL.
    const arrival = { ttl: origin.hopLimit, leastTtl: multihop ? 1 : SINGLE_HOP_TTL };
    const read = decodeControlPacket(bytes, arrival);
    if (!read.ok) {
      this.#discard(read.error.reason);
      return;
    }
    const packet = read.value;
    const at = this.#interfaces.get(origin.interfaceIndex)?.name;
    const path = { from: origin.from, to: origin.to, interface: at, multihop };
    const live = this.#demultiplexer.find(packet.yourDiscriminator, path);
    if (live === undefined || !live.started) this.#discard('no-session');
    else if (multihop && origin.hopLimit < live.config.timing.minimumTtl) this.#discard('ttl');
    else this.#accept(live, packet, bytes, origin);
  }

  #accept(live: LiveSession, packet: ControlPacket, bytes: Uint8Array, origin: HopDatagramOrigin): void {
    const now = this.#options.clock.now();
    const refusal = live.authenticator.refuse(bytes, packet, now);
    if (refusal !== undefined) {
      live.counters.refused++;
      this.#discard(refusal);
      return;
    }
    live.counters.received++;
    live.local = origin.to;
    live.interfaceIndex = origin.interfaceIndex;
    const before = live.state;
    this.#step(live, { kind: 'received', packet });
    if (offersEcho(live.config)) this.#followEcho(live, origin, live.state !== before);
    live.authenticator.heard(now, detectionTimeOf(live.session));
    this.#arm();
  }

  /** Whether this node forwards is asked again where it may matter. */
  #followEcho(live: LiveSession, { from, to, interfaceIndex }: HopDatagramOrigin, changed: boolean): void {
    const link = this.#interfaces.get(interfaceIndex);
    if (link === undefined) return;
    const isNew = this.#echo.follow(live, { remote: from, local: to, link });
    if (!isNew && !changed) return;
    const offered = (this.#options.forwards ?? kernelForwards)(link.name, to.family);
    if (offered !== live.session.echo.offered) this.#step(live, { kind: 'echo-offered', offered });
  }

  #discard(why: Discarded): void {
    this.#counters.discarded[why] = (this.#counters.discarded[why] ?? 0) + 1;
  }

  #step(live: LiveSession, event: DistributiveOmit<SessionEvent, 'now'>): void {
    const before = live.state;
    const { session, effects } = step(live.session, { ...event, now: this.#options.clock.now() }, live.config);
    live.session = session;
    let agreed = false;
    for (const effect of effects) {
      this.#perform(live, effect);
      agreed ||= effect.kind === 'agreed';
    }
    const changed = live.state !== before;
    if (changed) this.#changed(live, before);
    if (!live.leaving && (changed || agreed)) this.#options.onReport([live.report()]);
  }

  #perform(live: LiveSession, effect: SessionEffect): void {
    switch (effect.kind) {
      case 'transmit':
        this.#transmit(live, effect.packet);
        return;
      case 'transmit-echo':
        if (this.#echo.send(live)) live.counters.echoSent++;
        return;
      case 'start-timer': {
        const range = effect.latest - effect.earliest;
        const after = range === 0 ? 0 : this.#options.random.fraction() * range;
        this.#timers.start(live, effect.timer, ms(effect.earliest + after));
        return;
      }
      case 'stop-timer':
        this.#timers.stop(live, effect.timer);
        return;
      case 'state-changed':
      case 'agreed':
        return;
      default:
        unreachable(effect);
    }
  }

  #transmit(live: LiveSession, packet: ControlPacket): void {
    const error = this.#channels.send(live, live.config, live.authenticator.seal(packet));
    live.obstacle = error?.message;
    if (error === undefined) {
      live.counters.sent++;
      this.#counters.sent++;
      return;
    }
    this.#counters.sendErrors++;
    this.#warnSeldom('BFD packets cannot be sent', error);
  }

  #changed(live: LiveSession, before: SessionState): void {
    live.since = this.#options.clock.wallTime().getTime();
    const { logger } = this.#options;
    const after = live.state;
    if (before === 'up' && after === 'down') {
      live.counters.failures++;
      logger.warn('a BFD session failed', { peer: live.name, why: live.report().reason });
    } else if (before === 'up') logger.info('a BFD session was ended', { peer: live.name, why: live.report().reason });
    else if (after === 'up')
      logger.info('a BFD session is up', { peer: live.name, detectionTime: detectionTimeOf(live.session) });
  }

  /** One timer of the clock, at the first time that anything is due. */
  #arm(): void {
    const due = this.#timers.nextDue();
    if (this.#draining || this.#stopped || due === undefined) return;
    if (this.#wake !== undefined && this.#wake.due <= due) return;
    this.#wake?.timer.stop();
    // Whole milliseconds: the clock would wake us for the fraction before, in vain.
    const now = this.#options.clock.now();
    const after = ms(Math.ceil(Math.max(0, due - now, this.#lastWoke + TOGETHER - now)));
    this.#wake = { due, timer: this.#options.clock.startTimer('bfd', after, () => this.#woke(due)) };
  }

  #woke(due: Milliseconds): void {
    this.#wake = undefined;
    this.#lastWoke = this.#options.clock.now();
    const stalled = ms(Math.max(0, this.#lastWoke - due));
    if (stalled > STALL) this.#counters.stalls++;
    this.#draining = true;
    // What has arrived before a timer was due counts before it.
    this.#options.datagrams.whenDrained(() => {
      this.#draining = false;
      this.#runTimers(stalled);
      this.#arm();
    });
  }

  #runTimers(stalled: Milliseconds): void {
    if (this.#stopped) return;
    const now = this.#options.clock.now();
    for (let fired = this.#timers.take(now); fired !== undefined; fired = this.#timers.take(now)) {
      if (fired.timer === 'leave') {
        this.#drop(fired.owner);
        this.#start();
      } else this.#step(fired.owner, { kind: 'timer-fired', timer: fired.timer, stalled });
    }
  }

  #watchInterfaces(): void {
    if (this.#watch !== undefined) return;
    const watch = this.#options.network.watchInterfaces(() => this.#readInterfaces());
    if (watch.ok) this.#watch = watch.value;
    else this.#warnSeldom('BFD does not know the names of interfaces', watch.error);
    this.#readInterfaces();
  }

  #readInterfaces(): void {
    this.#interfaces = new Map((this.#watch?.list() ?? []).map((link) => [link.index, link]));
  }

  /** RFC 5880 §6.8.1: unique, not zero, and hard to guess. */
  #newDiscriminator(): number {
    for (;;) {
      const discriminator = this.#random32();
      if (discriminator !== 0 && !this.#demultiplexer.has(discriminator)) return discriminator;
    }
  }

  #random32(): number {
    const [a, b, c, d] = this.#options.random.bytes(4);
    return ((a! << 24) | (b! << 16) | (c! << 8) | d!) >>> 0;
  }

  #warnSeldom(message: string, { code, message: why }: NetworkError): void {
    const now = this.#options.clock.now();
    const what = `${message} ${code}`;
    const last = this.#logged.get(what);
    if (last !== undefined && now - last < LOG_INTERVAL) return;
    this.#logged.set(what, now);
    this.#options.logger.warn(message, { why });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** RFC 5883 §3: not over several hops. */
const offersEcho = ({ timing, multihop, adminDown }: BfdSessionConfig): boolean =>
  timing.echoMode && !multihop && !adminDown;

const isSamePath = (a: BfdSessionConfig, b: BfdSessionConfig): boolean =>
  a.multihop === b.multihop &&
  a.interface === b.interface &&
  sameIpAddress(a.remote, b.remote) &&
  (a.local === undefined || b.local === undefined ? a.local === b.local : sameIpAddress(a.local, b.local));
