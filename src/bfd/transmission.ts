import type { Milliseconds } from '../base/clock.ts';
import type { SessionEffect } from './events.ts';
import type { Draft, Session } from './session.ts';
import type { BfdSessionConfig } from './session-config.ts';
import { toUs } from './timing.ts';
import type { ControlPacket } from './wire/control-packet.ts';

/** What is sent, and when out of turn. Standards: RFC 5880 §6.5, §6.6, §6.8.7; RFC 5883 §3. */

/** `due`: the periodic one; `final`: the answer to a poll. */
export type Occasion = 'none' | 'due' | 'final';

/** Of nearly every packet that is received: it changes nothing of what we would say. */
export const saysSame = (before: Session, after: Session): boolean =>
  before.state === after.state &&
  before.intervals === after.intervals &&
  before.remote.discriminator === after.remote.discriminator;

/** RFC 5880 §6.8.7: when due, as answer to a poll, and at once when it says something else than the last one. */
export function send(
  draft: Draft,
  config: BfdSessionConfig,
  now: Milliseconds,
  occasion: Occasion,
  effects: SessionEffect[],
): void {
  const packet = packetOf(draft, config);
  if (occasion === 'final') effects.push({ kind: 'transmit', packet: { ...packet, poll: false, final: true } });
  const { told } = draft;
  const news = told === undefined || saysElse(told, packet) || (packet.poll && !told.poll);
  if (!mayStart(draft, config) || !(news || occasion === 'due')) return;
  // A Final tells the news as well; but it cannot poll.
  if (occasion !== 'final' || packet.poll) effects.push({ kind: 'transmit', packet });
  draft.told = packet;
  draft.lastSent = now;
}

/** RFC 5880 §6.1: in the passive role the neighbour has the first word. */
export const mayStart = ({ remote }: Session, { timing }: BfdSessionConfig): boolean =>
  !timing.passiveMode || remote.discriminator !== 0;

/** RFC 5880 §6.6: a neighbour in demand mode wants no periodic packets, unless a poll sequence needs them. */
export const isSilenced = ({ remote, state, intervals }: Session): boolean =>
  remote.demand && state === 'up' && remote.state === 'up' && intervals.poll !== 'active';

function packetOf(
  { state, diagnostic, discriminator, remote, intervals, echo }: Session,
  config: BfdSessionConfig,
): ControlPacket {
  const { timing, multihop } = config;
  return {
    diagnostic,
    state,
    poll: intervals.poll === 'active',
    final: false,
    // It lives and dies with the process that speaks BGP.
    controlPlaneIndependent: false,
    demand: false,
    detectMultiplier: timing.detectMultiplier,
    myDiscriminator: discriminator,
    yourDiscriminator: remote.discriminator,
    desiredMinTxUs: intervals.desiredMinTxUs,
    requiredMinRxUs: intervals.requiredMinRxUs,
    // RFC 5883 §3: no echo over several hops.
    requiredMinEchoRxUs: timing.echoMode && !multihop && echo.offered ? toUs(timing.echoInterval) : 0,
    authentication: undefined,
  };
}

/** RFC 5880 §6.8.7: "other than the Poll and Final bits". */
const saysElse = (a: ControlPacket, b: ControlPacket): boolean =>
  a.state !== b.state ||
  a.diagnostic !== b.diagnostic ||
  a.yourDiscriminator !== b.yourDiscriminator ||
  a.detectMultiplier !== b.detectMultiplier ||
  a.desiredMinTxUs !== b.desiredMinTxUs ||
  a.requiredMinRxUs !== b.requiredMinRxUs ||
  a.requiredMinEchoRxUs !== b.requiredMinEchoRxUs;
