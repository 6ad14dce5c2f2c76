import { ms, seconds } from '../base/clock.ts';
import { successor } from './candidates.ts';
import { type Desk, STRENGTHEN_AFTER } from './desk.ts';

/** What is done when it is quiet. */
const STRENGTHEN_AGAIN = ms(200);
/** In one go, and until the next. */
const STRENGTHENED_AT_ONCE = 250;
const STRENGTHEN_PAUSE = ms(5);
/** Nothing is evened while members come and go. */
const REBALANCE_QUIET = seconds(10);

/** An address that nobody wants may come back, and its terms go on then; not for ever, or memory grows with all there ever were. */
export const FORGET_AFTER = seconds(3600);

/** Forgets what was of no use at two sweeps in a row. */
export function sweep(desk: Desk): void {
  let left = false;
  for (const record of [...desk.table.records()]) {
    const { wanted, duty, claims } = record;
    const used = wanted !== undefined || duty !== 'none' || claims.some(({ phase }) => phase === 'held');
    if (!used && record.unusedSince !== undefined) desk.table.forget(record);
    else {
      record.unusedSince = used ? undefined : desk.now;
      left ||= !used;
    }
  }
  if (left) desk.due.set('sweep', ms(desk.now + FORGET_AFTER));
}

/**
 * Weak claims become strong once most members are heard and nobody comes or goes, but not before all that came back have
 * told what they hold: theirs may be the strong ones.
 */
export function strengthen(desk: Desk): void {
  if (desk.quorum.weak) return;
  const weak = [...desk.holding].filter((record) => desk.ownClaim(record)?.weak === true);
  if (weak.length === 0) return;
  const quietFrom = desk.membersChangedAt + STRENGTHEN_AFTER;
  const sure = desk.phase === 'settled' && desk.peers.living().every(({ merged }) => merged) && !desk.config.isDeaf();
  if (desk.now >= quietFrom && sure) {
    for (const record of weak.slice(0, STRENGTHENED_AT_ONCE)) desk.claim(record, 'strengthened', { weak: false });
    if (weak.length > STRENGTHENED_AT_ONCE) desk.due.set('strengthen', ms(desk.now + STRENGTHEN_PAUSE));
  } else desk.due.set('strengthen', ms(Math.max(quietFrom, desk.now + STRENGTHEN_AGAIN)));
}

/** Every address goes where its rank says, so many a minute. */
export function rebalance(desk: Desk): void {
  let left = Math.max(1, Math.floor((desk.perMinute ?? 0) / 60));
  if (desk.phase === 'settled' && desk.now - desk.membersChangedAt >= REBALANCE_QUIET)
    for (const record of desk.holding) {
      if (left === 0) break;
      const best = successor(desk, record)?.first.node;
      if (record.handOver !== undefined || best === undefined || best === desk.config.node) continue;
      record.wish = { to: best, why: 'rebalance' };
      desk.unsettled.add(record);
      left--;
    }
  planRebalance(desk);
}

/** At most once a second, then with as many as that takes. */
export function planRebalance({ due, now, perMinute }: Desk): void {
  if (perMinute === undefined) due.delete('rebalance');
  else due.set('rebalance', ms(now + Math.max(1000, 60_000 / perMinute)));
}
