import { ms, seconds } from '../../src/base/clock.ts';
import { unreachable } from '../../src/base/errors.ts';
import { ipAddress, parseIpAddress } from '../../src/base/ip-address.ts';
import type { Random } from '../../src/base/random.ts';
import { Session } from '../../src/bgp/session.ts';
import type { SessionConfig } from '../../src/bgp/session-config.ts';
import type { ConnectionId, SessionEffect, SessionEvent, SessionTimer } from '../../src/bgp/session-events.ts';
import type { Message, Open } from '../../src/bgp/wire/message.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

export const routerId = (text: string) => {
  const read = parseIpAddress(text);
  if (!read.ok) throw new Error(read.error);
  return read.value;
};

export const CONFIG: SessionConfig = {
  name: 'tor',
  myAsn: 64500,
  localAsn: undefined,
  peerAsn: 64512,
  routerId: ipAddress('ipv4', 0x0a00_0001n),
  families: ['ipv4', 'ipv6'],
  holdTime: seconds(90),
  keepaliveTime: seconds(30),
  connectTime: seconds(5),
  passive: false,
  delayOpenTime: undefined,
  gracefulRestart: { restartTime: seconds(120) },
  role: undefined,
  extendedNextHop: false,
  hostName: 'node-a',
};

/** What the router of CONFIG says. */
export const THEIR_OPEN: Open = {
  kind: 'open',
  as2: 64512,
  holdTime: 90,
  routerId: 0x0a00_0002,
  capabilities: [
    { kind: 'multiprotocol', family: { afi: 1, safi: 1 } },
    { kind: 'multiprotocol', family: { afi: 2, safi: 1 } },
    { kind: 'route-refresh' },
    { kind: 'as4', asn: 64512 },
  ],
};

type Input = SessionEvent extends infer E ? (E extends SessionEvent ? Omit<E, 'now'> : never) : never;

/**
 * Does what a session asks for, as the driver would, and sees to it that the session keeps its promises: nothing but `close`
 * after a NOTIFICATION, nothing on a connection that is closed, up and down in turn, timers stopped that run.
 */
export class Host {
  readonly clock: VirtualClock;
  readonly log: SessionEffect[] = [];
  /** Connections that are open, or being made. */
  readonly connections = new Set<ConnectionId>();
  up: ConnectionId | undefined;
  state = 'idle';
  readonly #session: Session;
  readonly #random: Random;
  readonly #world: World;
  readonly #timers = new Map<SessionTimer, { stop(): void }>();
  readonly #mute = new Set<ConnectionId>();
  #accepted = 0;
  /** That the clock does not know of. */
  #skipped = 0;

  constructor(config: SessionConfig, clock: VirtualClock, random: Random, world: World = {}) {
    this.clock = clock;
    this.#session = new Session(config);
    this.#random = random;
    this.#world = world;
  }

  step(event: Input): readonly SessionEffect[] {
    const effects = this.#session.handle({ ...event, now: ms(this.clock.now() + this.#skipped) });
    this.log.push(...effects);
    for (const effect of effects) this.#perform(effect);
    return effects;
  }

  accept(): ConnectionId {
    const id: ConnectionId = `in ${this.#accepted++}`;
    this.connections.add(id);
    this.step({ kind: 'accepted', connection: id });
    return id;
  }

  receive(connection: ConnectionId, message: Message): readonly SessionEffect[] {
    return this.step({ kind: 'received', connection, message });
  }

  /** Time passes and nothing runs; then everything that is due does, the hold timer first. */
  freeze(time: number): void {
    this.#skipped += time;
    this.#timers.get('hold 0' as SessionTimer)?.stop();
    this.step({ kind: 'timer-fired', timer: 'hold 0' as SessionTimer });
  }

  timers(): string[] {
    return [...this.#timers.keys()].sort();
  }

  /** Messages sent since the log was last emptied. */
  sent(connection?: ConnectionId): Message[] {
    return this.log.flatMap((effect) =>
      effect.kind === 'send' && (connection === undefined || effect.connection === connection) ? [effect.message] : [],
    );
  }

  #perform(effect: SessionEffect): void {
    switch (effect.kind) {
      case 'connect':
        this.connections.add(effect.connection);
        this.#world.connect?.(effect.connection);
        return;
      case 'close':
        this.#mustBeOpen(effect.connection, 'close');
        this.connections.delete(effect.connection);
        this.#world.close?.(effect.connection, effect.how);
        return;
      case 'send':
        this.#mustBeOpen(effect.connection, effect.message.kind);
        if (this.#mute.has(effect.connection)) throw new Error(`${effect.message.kind} after a NOTIFICATION`);
        if (effect.message.kind === 'notification') this.#mute.add(effect.connection);
        this.#world.send?.(effect.connection, effect.message);
        return;
      case 'start-timer': {
        if (!(effect.atLeast >= 0 && effect.atMost >= effect.atLeast))
          throw new Error(`a strange range: ${effect.timer}`);
        this.#timers.get(effect.timer)?.stop();
        const after = ms(effect.atLeast + this.#random.fraction() * (effect.atMost - effect.atLeast));
        const timer = this.clock.startTimer(effect.timer, after, () => {
          this.#timers.delete(effect.timer);
          this.step({ kind: 'timer-fired', timer: effect.timer });
        });
        this.#timers.set(effect.timer, timer);
        return;
      }
      case 'stop-timer':
        if (!this.#timers.has(effect.timer)) throw new Error(`${effect.timer} is stopped, but does not run`);
        this.#timers.get(effect.timer)?.stop();
        this.#timers.delete(effect.timer);
        return;
      case 'state-changed':
        if (this.state === effect.state) throw new Error(`changed from ${effect.state} to itself`);
        this.state = effect.state;
        return;
      case 'session-up':
        if (this.up !== undefined) throw new Error('two sessions up at once');
        this.up = effect.connection;
        return;
      case 'session-down':
        if (this.up !== effect.connection) throw new Error('down, but was not up');
        this.up = undefined;
        return;
      case 'attempt-failed':
      case 'refresh':
      case 'end-of-rib':
        return;
      default:
        unreachable(effect);
    }
  }

  #mustBeOpen(connection: ConnectionId, what: string): void {
    if (!this.connections.has(connection)) throw new Error(`${what} on ${connection}, which is closed`);
  }
}

/** Where the connections lead; nowhere unless a test says so. */
export interface World {
  connect?(connection: ConnectionId): void;
  close?(connection: ConnectionId, how: 'flush' | 'abort'): void;
  send?(connection: ConnectionId, message: Message): void;
}

/** A session whose router the test plays: started, and with an attempt under way. */
export function started(config: SessionConfig = CONFIG, start = { restarting: false, forwarding: false }): Host {
  const host = new Host(config, new VirtualClock(), { fraction: () => 1, bytes: (count) => new Uint8Array(count) });
  host.step({ kind: 'start', ...start });
  return host;
}

/** Up over the connection that it made. */
export function established(config: SessionConfig = CONFIG, open: Open = THEIR_OPEN): Host {
  const host = started(config);
  const [connection] = config.passive ? [host.accept()] : [...host.connections];
  if (!config.passive) host.step({ kind: 'connected', connection: connection! });
  host.receive(connection!, open);
  host.receive(connection!, { kind: 'keepalive' });
  if (host.up === undefined) throw new Error('the session did not come up');
  return host;
}
