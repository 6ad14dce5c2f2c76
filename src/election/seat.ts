import { ms, seconds } from '../base/clock.ts';
import { unreachable } from '../base/errors.ts';
import type { IpAddress } from '../base/ip-address.ts';
import { fitnessOf, placeOf, successor } from './candidates.ts';
import type { Claim, ClaimCause } from './claim.ts';
import type { AddressRecord } from './claim-table.ts';
import type { Desk } from './desk.ts';
import type { HandOverReason } from './hand-over-state.ts';

/**
 * One look at one address, after anything changed that may concern it: who holds it, and what follows for this node.
 * Level-triggered: looking twice does nothing more.
 */
export function look(desk: Desk, record: AddressRecord): void {
  if (desk.phase === 'stopped') return;
  let holder = desk.holderOf(record);
  const own = desk.ownClaim(record);
  if (own?.phase === 'held' && holder !== own && holder !== undefined) giveWay(desk, record, holder);
  if (holder !== undefined && desk.isMine(holder) && desk.phase === 'settled' && !mayStay(desk, record))
    holder = desk.holderOf(record);
  note(desk, record, holder);
  if (holder === undefined) lookAtVacancy(desk, record);
  else {
    record.vacantSince = undefined;
    desk.due.delete(record);
    if (desk.isMine(holder)) {
      // Whatever had the higher term is not the holder: all shall see that.
      if (desk.phase === 'settled' && holder.term < record.seen) reclaim(desk, record, holder);
      if (record.handOver !== undefined) keepTime(desk, record);
    } else {
      record.taking = record.taking?.from === holder.node ? record.taking : undefined;
      desk.setDuty(record, 'none');
      if (desk.phase === 'settled') {
        askForIt(desk, record, holder);
        tellTerm(desk, record, holder);
      }
    }
  }
}

/** A claim of a living member beats ours. */
function giveWay(desk: Desk, record: AddressRecord, winner: Claim): void {
  const { handOver, address, reserved } = record;
  const offered = winner.cause === 'hand-over' && winner.term <= reserved;
  desk.vacate(record, offered ? 'hand-over' : 'yielded', 'yield');
  if (!offered) conflict(desk, record, winner.node, false);
  else if (handOver !== undefined) desk.emit({ kind: 'handed-over', address, to: winner.node, why: handOver.why });
}

/** A rival claimed what this node holds, and loses. A lower term may be old news: whoever said it is told the claim that counts. */
export function defend(desk: Desk, record: AddressRecord, rival: Claim): void {
  const own = desk.ownClaim(record);
  if (own?.phase !== 'held' || desk.holderOf(record) !== own) return;
  desk.announceAgain(record);
  if (rival.term < own.term) {
    desk.outbox.claim(rival.node, own);
    return;
  }
  reclaim(desk, record, own);
  conflict(desk, record, rival.node, true);
}

/** All shall know that nobody of us answers for it, so that whoever takes it over looks for the other machine first. */
export function claimRefused(desk: Desk, address: IpAddress, refused: boolean): void {
  const record = desk.table.find(address);
  const own = record === undefined ? undefined : desk.ownClaim(record);
  if (record === undefined || own?.phase !== 'held' || desk.holderOf(record) !== own) return;
  if ((own.cause === 'refused') === refused || record.handOver !== undefined) return;
  desk.claim(record, refused ? 'refused' : 'vacancy', { weak: own.weak });
}

const reclaim = (desk: Desk, record: AddressRecord, own: Claim): void =>
  desk.claim(record, 'conflict', { weak: own.weak });

const conflict = (desk: Desk, { address }: AddressRecord, rival: string, won: boolean): void =>
  desk.emit({ kind: 'notice', notice: { kind: 'conflict', address, rival, won } });

function note(desk: Desk, record: AddressRecord, holder: Claim | undefined): void {
  const before = record.holder;
  if (before === holder) return;
  record.holder = holder;
  if (before?.instance !== holder?.instance) {
    record.since = desk.now;
    record.sinceTerm = holder?.term ?? 0;
  }
  desk.report(record);
}

/** What a holder thinks of its own right. */
type Standing =
  | { readonly kind: 'stay' }
  /** Silent at once. */
  | { readonly kind: 'vacate'; readonly cause: ClaimCause }
  /** Until somebody takes over. */
  | { readonly kind: 'hand-over'; readonly why: HandOverReason; readonly named?: string };

/** False: the address was given up. */
function mayStay(desk: Desk, record: AddressRecord): boolean {
  const standing = standingOf(desk, record);
  switch (standing.kind) {
    case 'vacate':
      desk.vacate(record, standing.cause);
      return false;
    case 'stay':
      if (record.handOver !== undefined) {
        desk.handOvers.end(record);
        desk.report(record);
      }
      return true;
    case 'hand-over':
      desk.handOvers.begin(desk, record, standing.why, standing.named);
      return true;
    default:
      return unreachable(standing);
  }
}

function standingOf(desk: Desk, record: AddressRecord): Standing {
  const { wanted, wish, address, sinceTerm } = record;
  const { node } = desk.config;
  if (wanted === undefined) return { kind: 'vacate', cause: 'removed' };
  if (!wanted.serving) return { kind: 'vacate', cause: 'not-serving' };
  const own = wanted.candidates.find((candidate) => candidate.node === node);
  if (own === undefined && wanted.parting !== 'soft') return { kind: 'vacate', cause: 'not-eligible' };
  const others = (accept?: Parameters<typeof successor>[2]): ReturnType<typeof successor> =>
    successor(desk, record, (candidate) => candidate.node !== node && (accept === undefined || accept(candidate)));
  const fitness = desk.reach.fitness(address, own?.interfaces ?? wanted.interfaces);
  if (fitness === 'none') return { kind: 'vacate', cause: 'no-interface' };
  if (fitness !== 'covers' && others()?.fitness === 'covers')
    return fitness === 'cut'
      ? { kind: 'vacate', cause: 'no-interface' }
      : { kind: 'hand-over', why: 'better-interface' };
  if (desk.closed) return { kind: 'hand-over', why: 'stopping' };
  if (own === undefined) return { kind: 'hand-over', why: 'not-eligible' };
  if (own.leaving && others(({ leaving }) => !leaving) !== undefined) return { kind: 'hand-over', why: 'leaving' };
  if (!own.ready && others(({ ready, leaving }) => ready && !leaving) !== undefined)
    return { kind: 'hand-over', why: 'not-ready' };
  const { move } = wanted;
  if (move !== undefined && move.to !== node && sinceTerm <= move.term)
    return { kind: 'hand-over', why: 'move', named: move.to };
  if (wish !== undefined) return { kind: 'hand-over', why: wish.why, named: wish.to };
  return { kind: 'stay' };
}

/** Time to hear of a higher term from whoever claimed it. */
const HEARSAY = ms(200);
/** So long the next in rank waits for the one before it, where a holder was lost: a few round trips. */
const TURN = ms(60);
/** The same where nothing was served yet: the members learn of a new address, or of its endpoints, at different times. */
const FIRST_TURN = ms(500);

function lookAtVacancy(desk: Desk, record: AddressRecord): void {
  const { wanted } = record;
  const able = desk.phase === 'settled' && wanted !== undefined && !desk.closed;
  const next = able ? successor(desk, record) : undefined;
  const mine = next?.first.node === desk.config.node;
  if (next === undefined || wanted?.serving !== true) {
    record.vacantSince = undefined;
    desk.due.delete(record);
    desk.setDuty(record, next !== undefined && mine ? 'prepare' : 'none');
    return;
  }
  record.vacantSince ??= desk.now;
  const from = ms(record.vacantSince + (isYielded(record) ? HEARSAY : 0));
  if (!mine && record.taking === undefined) desk.setDuty(record, 'none');
  if (desk.now < from) {
    desk.due.set(record, from);
    return;
  }
  if (!mine) {
    const turn = isFirst(record) ? FIRST_TURN : TURN;
    // Who is not through with what it has to look at itself must not take the others for slow.
    if (desk.waiting.size > 0 && record.taking === undefined) {
      desk.due.set(record, ms(desk.now + turn));
      return;
    }
    // A rounding error must not make the timer of a turn fire just before it.
    const turns = Math.floor((desk.now - from) / turn + 1e-6);
    const place = turns === 0 ? 1 : placeOf(desk, record, next.fitness, turns + 1);
    if (place === undefined) return;
    if (place > turns) {
      desk.due.set(record, ms(from + (turns + 1) * turn));
      return;
    }
  }
  if (!somebodyIsThere(desk, record)) return;
  desk.due.delete(record);
  const cause = causeOf(desk, record);
  // Who takes over from the dead does so on trial: the next deaths may show that it is on the smaller side of a partition.
  desk.claim(record, cause, { weak: cause === 'failover' || desk.quorum.weak });
}

const isFirst = (record: AddressRecord): boolean =>
  record.seen === 0 || latest(record)?.cause === 'not-serving' || latest(record)?.cause === 'removed';

/** Who held it last gave way to a claim that this node has not heard yet: news of two members may overtake each other. */
function isYielded(record: AddressRecord): boolean {
  const last = latest(record);
  return last?.phase === 'vacated' && (last.cause === 'hand-over' || last.cause === 'yielded');
}

function causeOf(desk: Desk, record: AddressRecord): ClaimCause {
  if (record.seen === 0) return 'first';
  return record.claims.some((claim) => claim.phase === 'held' && !desk.isLiving(claim)) ? 'failover' : 'vacancy';
}

/** Its holder was never a member for this process: not met is not dead. Whoever was one and is none any more is dead. */
const isUnmet = ({ peers }: Desk, { claims }: AddressRecord): boolean =>
  claims.some((claim) => claim.phase === 'held' && peers.current(claim) === undefined);

const latest = ({ claims }: AddressRecord): Claim | undefined =>
  claims.reduce<Claim | undefined>(
    (last, claim) => (last === undefined || claim.term > last.term ? claim : last),
    undefined,
  );

/** Who hears nothing claims nothing. Who hears no member claims only where the link shows that it is not this node that is cut off. */
function somebodyIsThere(desk: Desk, record: AddressRecord): boolean {
  if (!desk.quorum.alone) {
    const until =
      isUnmet(desk, record) || (causeOf(desk, record) !== 'failover' && !desk.knowsAll())
        ? Math.max(desk.reunionUntil, desk.metBy)
        : desk.reunionUntil;
    if (desk.now >= until) return !desk.isDeaf();
    desk.due.set(record, ms(until));
    return false;
  }
  const named = record.wanted?.candidates.find(({ node }) => node === desk.config.node)?.interfaces ?? [];
  const from = desk.reach.serving(record.address, named).map((name) => desk.solitude.trustedFrom(name));
  const earliest = Math.min(...from, Number.POSITIVE_INFINITY);
  if (earliest <= desk.now) return true;
  if (Number.isFinite(earliest)) desk.due.set(record, ms(earliest));
  return false;
}

/** A holder whose view of the API is older than ours by more than this may not know that it should not hold. */
const STALE = seconds(10);
/** The request is repeated as long as it is not answered. */
const ASK_AGAIN = seconds(1);

function askForIt(desk: Desk, record: AddressRecord, holder: Claim): void {
  const { wanted, address } = record;
  if (wanted?.serving !== true) return;
  if (wanted.candidates.some(({ node }) => node === holder.node)) return;
  const peer = desk.peers.get(holder.node);
  if (peer?.facts === undefined || peer.facts.apiViewAge === 0) return;
  if (successor(desk, record)?.first.node !== desk.config.node) return;
  const missing = STALE - (desk.apiViewAge(peer) - desk.apiViewAge());
  if (missing >= 0) desk.due.set(record, ms(desk.now + missing + 1));
  else {
    desk.outbox.term('requests', holder.node, { address, term: holder.term });
    desk.due.set(record, ms(desk.now + ASK_AGAIN));
  }
}

/** The holder may not know of a higher term that was claimed where it did not hear it. */
function tellTerm(desk: Desk, record: AddressRecord, holder: Claim): void {
  const { seen, address } = record;
  if (holder.term >= seen) record.hint = undefined;
  else if (record.hint?.term !== seen) record.hint = { term: seen, at: ms(desk.now + HEARSAY) };
  else if (record.hint.at <= desk.now) {
    desk.outbox.term('terms', holder.node, { address, term: seen });
    record.hint = { term: seen, at: ms(desk.now + ASK_AGAIN) };
  }
  if (record.hint !== undefined && !desk.due.has(record)) desk.due.set(record, record.hint.at);
}

/** The timer of the hand-over, which `look` may have taken away. */
function keepTime(desk: Desk, record: AddressRecord): void {
  const { handOver } = record;
  const due = handOver?.offer?.until ?? handOver?.retryAt;
  if (due !== undefined) desk.due.set(record, due);
}

/** Whether this node, asked to take the address over, can hold it. */
export function couldTake(desk: Desk, record: AddressRecord): boolean {
  const { wanted } = record;
  if (desk.phase !== 'settled' || wanted?.serving !== true) return false;
  const own = wanted.candidates.find(({ node }) => node === desk.config.node);
  return own !== undefined && fitnessOf(desk, record, own) !== 'none';
}
