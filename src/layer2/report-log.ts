import { type AddressLine, logEach } from '../base/log-each.ts';
import type { LogFields, Logger } from '../base/logger.ts';
import type { Layer2AddressReport } from './table.ts';

type State = Layer2AddressReport['state'];

/** One line for each change that an operator would want later; a storm of the same is one line. */
export function logReports(logger: Logger, reports: readonly Layer2AddressReport[]): void {
  logEach(
    logger,
    reports.map(({ address, state }) => ({ ...phraseOf(state), address, fields: fieldsOf(state) })),
  );
}

function phraseOf(state: State): Pick<AddressLine, 'level' | 'message'> {
  switch (state.kind) {
    case 'probing':
      return { level: 'debug', message: 'looking for a conflict' };
    case 'prepared':
      return { level: 'debug', message: 'address free, nothing to serve yet' };
    case 'announced':
      return state.guessed
        ? { level: 'warn', message: 'announced on all physical interfaces, no subnet covers the address' }
        : { level: 'info', message: 'address announced' };
    case 'no-interface':
      return { level: 'warn', message: 'no interface for the address' };
    case 'conflict':
      return state.defending
        ? { level: 'warn', message: 'another machine claims the address, defending it' }
        : { level: 'warn', message: 'another machine has the address, not announced' };
  }
}

function fieldsOf(state: State): LogFields {
  if (state.kind === 'announced') return { interfaces: state.interfaces };
  return state.kind === 'conflict' ? { mac: state.mac, interface: state.interface } : {};
}
