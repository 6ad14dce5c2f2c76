import { type AddressLine, logEach } from '../base/log-each.ts';
import type { Logger } from '../base/logger.ts';
import type { OutwardElectionEffect } from '../election/driver.ts';
import type { AddressState } from '../election/events.ts';

interface HolderChange {
  readonly before: AddressState | undefined;
  readonly after: AddressState;
}

/** A line for each transition of an address that this node has to do with: it claims, or it gives up. */
export function logHolders(logger: Logger, changes: readonly HolderChange[], self: string): void {
  const lines: AddressLine[] = [];
  for (const { before, after } of changes) {
    const { address, holder } = after;
    const was = before?.holder?.node === self;
    const is = holder?.node === self;
    if (is && (!was || before?.holder?.term !== holder.term)) {
      const { term, cause, weak } = holder;
      const fields = { term, reason: cause, weak };
      lines.push({ level: 'info', message: 'address claimed', address, fields, kind: cause });
    } else if (was && !is) {
      const fields = { holder: holder?.node, term: holder?.term };
      lines.push({ level: 'info', message: 'address given up', address, fields, kind: holder?.node });
    }
  }
  logEach(logger, lines);
}

export function logElection(logger: Logger, effects: readonly OutwardElectionEffect[]): void {
  const lines: AddressLine[] = [];
  for (const effect of effects) {
    if (effect.kind === 'handed-over') {
      const { address, to, why } = effect;
      const message = 'address handed over';
      lines.push({ level: 'info', message, address, fields: { to, why }, kind: to });
    } else if (effect.kind === 'nobody-took') {
      const { address, why, named } = effect;
      // At a stop there may simply be nobody else.
      const level = why === 'stopping' ? 'info' : 'warn';
      const message = 'nobody takes the address over, so it is served on here';
      const fields = { why, ...(named === undefined ? {} : { asked: named }) };
      lines.push({ level, message, address, fields, kind: why });
    } else if (effect.kind === 'notice') {
      const { notice } = effect;
      if (notice.kind === 'conflict') {
        const { address, rival, won } = notice;
        const message = 'two nodes held an address';
        lines.push({ level: 'warn', message, address, fields: { rival, kept: won }, kind: rival });
      } else logNotice(logger, notice);
    }
  }
  logEach(logger, lines);
}

type Notice = Extract<OutwardElectionEffect, { kind: 'notice' }>['notice'];

function logNotice(logger: Logger, notice: Exclude<Notice, { kind: 'conflict' }>): void {
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
  }
}
