import { ms, seconds } from '../../src/base/clock.ts';
import { step } from '../../src/bgp/fsm.ts';
import { type Fsm, type FsmConfig, type FsmEffect, type FsmEvent, IDLE, TIMERS } from '../../src/bgp/fsm-events.ts';
import type { Negotiated } from '../../src/bgp/negotiation.ts';
import { openFor } from '../../src/bgp/open-message.ts';
import { cease, notification } from '../../src/bgp/wire/notification.ts';
import { CONFIG, routerId } from './session-support.ts';

export const NEGOTIATED: Negotiated = {
  localAsn: 64500,
  peerAsn: 64512,
  peerRouterId: routerId('10.0.0.2'),
  peerType: 'external',
  families: ['ipv4'],
  holdTime: seconds(90),
  keepaliveTime: seconds(30),
  as4: true,
  extendedMessage: false,
  extendedNextHop: false,
  routeRefresh: true,
  enhancedRouteRefresh: false,
  gracefulRestart: undefined,
  peerRole: undefined,
  peerHostName: undefined,
};

export const FSM_CONFIG: FsmConfig = {
  passive: false,
  connectTime: seconds(5),
  delayOpenTime: undefined,
  open: openFor(CONFIG, { restarting: false, forwarding: false, plain: false }),
};

/** Connect and Active twice: with the DelayOpenTimer running there is a connection. */
export const STATES = {
  idle: IDLE,
  connect: { ...IDLE, state: 'connect' },
  'connect, delaying': { ...IDLE, state: 'connect', delayingOpen: true },
  active: { ...IDLE, state: 'active' },
  'active, delaying': { ...IDLE, state: 'active', delayingOpen: true },
  'open-sent': { ...IDLE, state: 'open-sent' },
  'open-confirm': { ...IDLE, state: 'open-confirm', negotiated: NEGOTIATED },
  established: { ...IDLE, state: 'established', negotiated: NEGOTIATED },
} as const satisfies Record<string, Fsm>;
export type StateName = keyof typeof STATES;

const error = (code: number, subcode: number) =>
  ({ handling: 'reset', code, subcode, data: new Uint8Array(), message: 'what is wrong' }) as const;

/** Every event once, with the number of RFC 4271 §8.1 (29: RFC 9687; RR: RFC 2918; the last one is the socket's). */
export const EVENTS = {
  '1 start': { kind: 'start', passive: false, damped: false },
  '4 start, passive': { kind: 'start', passive: true, damped: false },
  '6 start, damped': { kind: 'start', passive: false, damped: true },
  '2 stop': { kind: 'manual-stop', notification: cease(2) },
  '2 stop, silent': { kind: 'manual-stop', notification: undefined },
  '8 automatic stop': { kind: 'automatic-stop', notification: cease(10), message: 'BFD' },
  '9 connect retry': { kind: 'connect-retry-timer-expired' },
  '10 hold': { kind: 'hold-timer-expired' },
  '11 keepalive timer': { kind: 'keepalive-timer-expired' },
  '12 delay open': { kind: 'delay-open-timer-expired' },
  '16/17 connected': { kind: 'tcp-connected' },
  '18 failed': { kind: 'tcp-failed', message: 'reset' },
  '19/20 OPEN': { kind: 'open', negotiated: NEGOTIATED },
  '21 header error': { kind: 'header-error', error: error(1, 2) },
  '22 OPEN error': { kind: 'open-error', error: error(2, 2) },
  '23 collision': { kind: 'open-collision-dump' },
  '24 version': { kind: 'notification', notification: notification(2, 1) },
  '25 NOTIFICATION': { kind: 'notification', notification: cease(4) },
  '25 rejected': { kind: 'notification', notification: cease(5) },
  '26 KEEPALIVE': { kind: 'keepalive' },
  '27 UPDATE': { kind: 'update' },
  '28 UPDATE error': { kind: 'update-error', error: error(3, 1) },
  '29 send hold': { kind: 'send-hold-timer-expired' },
  'RR refresh': { kind: 'route-refresh' },
  'RR error': { kind: 'route-refresh-error', error: error(7, 1) },
  written: { kind: 'written' },
} as const satisfies Record<string, FsmEvent>;
export type EventName = keyof typeof EVENTS;

export const cell = (state: StateName, event: EventName, config = FSM_CONFIG) =>
  step({ ...STATES[state], connectRetryCounter: 3 }, EVENTS[event], config);

/** "idle 4: ended notification-sent, stop all, send 6/2, close flush": the next state, the ConnectRetryCounter (3 before), the effects. */
export function inWords({ fsm, effects }: ReturnType<typeof step>): string {
  const delaying = fsm.delayingOpen ? ', delaying' : '';
  const stops = effects.filter(({ kind }) => kind === 'stop-timer').length;
  const all = stops === TIMERS.length;
  const words = effects.flatMap((effect, index) => {
    if (effect.kind !== 'stop-timer' || !all) return [wordOf(effect)];
    return effects.findIndex(({ kind }) => kind === 'stop-timer') === index ? ['stop all'] : [];
  });
  return `${fsm.state}${delaying} ${fsm.connectRetryCounter}: ${words.join(', ') || '-'}`;
}

function wordOf(effect: FsmEffect): string {
  switch (effect.kind) {
    case 'connect':
      return 'connect';
    case 'close':
      return `close ${effect.how}`;
    case 'send':
      return effect.message.kind === 'notification'
        ? `send ${effect.message.code}/${effect.message.subcode}`
        : `send ${effect.message.kind.toUpperCase()}`;
    case 'start-timer':
      return `start ${effect.timer} ${range(effect.atLeast, effect.atMost)}`;
    case 'stop-timer':
      return `stop ${effect.timer}`;
    case 'ended':
      return `ended ${effect.ending.kind}`;
  }
}
const range = (atLeast: number, atMost: number): string =>
  atLeast === atMost ? `${ms(atMost) / 1000}` : `${atLeast / 1000}-${atMost / 1000}`;
