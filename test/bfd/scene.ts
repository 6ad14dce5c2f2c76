import { ms } from '../../src/base/clock.ts';
import { parseIpAddress } from '../../src/base/ip-address.ts';
import type { SessionEffect, SessionEvent } from '../../src/bfd/events.ts';
import { step } from '../../src/bfd/fsm.ts';
import { newSession, type Session } from '../../src/bfd/session.ts';
import type { BfdSessionConfig, BfdTiming } from '../../src/bfd/session-config.ts';
import type { SessionState } from '../../src/bfd/wire/constants.ts';
import type { ControlPacket } from '../../src/bfd/wire/control-packet.ts';

export function ip(text: string) {
  const address = parseIpAddress(text);
  if (!address.ok) throw new Error(address.error);
  return address.value;
}

const TIMING: BfdTiming = {
  receiveInterval: ms(300),
  transmitInterval: ms(300),
  detectMultiplier: 3,
  echoInterval: ms(50),
  echoMode: false,
  passiveMode: false,
  minimumTtl: 254,
};

export const config = (timing: Partial<BfdTiming> = {}, rest: Partial<BfdSessionConfig> = {}): BfdSessionConfig => ({
  key: 'router',
  remote: ip('192.0.2.2'),
  local: undefined,
  interface: undefined,
  multihop: false,
  authentication: undefined,
  adminDown: false,
  ...rest,
  timing: { ...TIMING, ...timing },
});

/** What a neighbour with the default intervals says; not up it asks for one second. */
export const packet = (state: SessionState, rest: Partial<ControlPacket> = {}): ControlPacket => ({
  diagnostic: 0,
  state,
  poll: false,
  final: false,
  controlPlaneIndependent: false,
  demand: false,
  detectMultiplier: 3,
  myDiscriminator: 77,
  yourDiscriminator: 1,
  desiredMinTxUs: state === 'up' ? 300_000 : 1_000_000,
  requiredMinRxUs: 300_000,
  requiredMinEchoRxUs: 0,
  authentication: undefined,
  ...rest,
});

type Untimed<T> = T extends unknown ? Omit<T, 'now'> : never;

/** One session on a time that the test sets; what it did last is in `effects`. */
export class Solo {
  session: Session;
  effects: readonly SessionEffect[] = [];
  now = 0;
  config: BfdSessionConfig;

  constructor(with_: BfdSessionConfig = config()) {
    this.config = with_;
    this.session = newSession(1, with_);
    this.on({ kind: 'started' });
  }

  on(event: Untimed<SessionEvent>): this {
    const done = step(this.session, { ...event, now: ms(this.now) }, this.config);
    this.session = done.session;
    this.effects = done.effects;
    return this;
  }
  hears(state: SessionState, rest: Partial<ControlPacket> = {}): this {
    return this.on({ kind: 'received', packet: packet(state, rest) });
  }
  at(now: number): this {
    this.now = now;
    return this;
  }
  fires(timer: 'transmit' | 'detection' | 'echo-transmit' | 'echo-detection', stalled = 0): this {
    return this.on({ kind: 'timer-fired', timer, stalled: ms(stalled) });
  }
  configure(timing: Partial<BfdTiming>, rest: Partial<BfdSessionConfig> = {}): this {
    this.config = { ...this.config, ...rest, timing: { ...this.config.timing, ...timing } };
    return this.on({ kind: 'configured' });
  }
  /** Up, and every poll sequence over. */
  up(): this {
    this.hears('down').hears('init');
    return this.hears('up', { final: true }).hears('up');
  }
  /** Packets of the last step. */
  get sent(): readonly ControlPacket[] {
    return this.effects.flatMap((effect) => (effect.kind === 'transmit' ? [effect.packet] : []));
  }
  /** The range that the timer was set to in the last step; undefined: it was not touched. */
  timer(name: string): { readonly earliest: number; readonly latest: number } | 'stopped' | undefined {
    for (const effect of this.effects) {
      if (effect.kind === 'start-timer' && effect.timer === name)
        return { earliest: effect.earliest, latest: effect.latest };
      if (effect.kind === 'stop-timer' && effect.timer === name) return 'stopped';
    }
    return undefined;
  }
}
