import { formatIpAddress } from '../base/ip-address.ts';
import type { Logger } from '../base/logger.ts';
import type { OutwardElectionEffect } from '../election/driver.ts';
import type { AddressState } from '../election/events.ts';

/** One line a transition of an address that this node has to do with: it claims, or it gives up. */
export function logHolder(logger: Logger, before: AddressState | undefined, after: AddressState, self: string): void {
  const address = formatIpAddress(after.address);
  const was = before?.holder?.node === self;
  const is = after.holder?.node === self;
  if (is && (!was || before?.holder?.term !== after.holder?.term))
    logger.info('address claimed', {
      address,
      term: after.holder?.term,
      reason: after.holder?.cause,
      weak: after.holder?.weak,
    });
  if (was && !is) logger.info('address given up', { address, holder: after.holder?.node, term: after.holder?.term });
}

type Logged = Extract<OutwardElectionEffect, { kind: 'handed-over' | 'nobody-took' | 'notice' }>;

export function logElection(logger: Logger, effect: Logged): void {
  switch (effect.kind) {
    case 'handed-over':
      logger.info('address handed over', { address: formatIpAddress(effect.address), to: effect.to, why: effect.why });
      return;
    case 'nobody-took':
      // At a stop there may simply be nobody else.
      logger[effect.why === 'stopping' ? 'info' : 'warn']('nobody takes the address over, so it is served on here', {
        address: formatIpAddress(effect.address),
        why: effect.why,
        ...(effect.named === undefined ? {} : { asked: effect.named }),
      });
      return;
    case 'notice':
      logNotice(logger, effect.notice);
      return;
  }
}

function logNotice(logger: Logger, notice: Extract<Logged, { kind: 'notice' }>['notice']): void {
  switch (notice.kind) {
    case 'settled':
      logger.info('taking part in the election', { by: notice.by });
      return;
    case 'woke':
      logger.warn('after a pause of this process', { standing: notice.standing });
      return;
    case 'unreadable':
      logger.warn('a message of a member cannot be read', { from: notice.from, why: notice.why });
      return;
    case 'conflict':
      logger.warn('two nodes held an address', {
        address: formatIpAddress(notice.address),
        rival: notice.rival,
        kept: notice.won,
      });
      return;
  }
}
