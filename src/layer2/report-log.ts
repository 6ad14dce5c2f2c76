import { formatIpAddress } from '../base/ip-address.ts';
import type { LogFields, Logger } from '../base/logger.ts';
import type { Layer2AddressReport } from './table.ts';

/** More changes of one kind than this at once are one line with a count. */
const LINES = 10;

type State = Layer2AddressReport['state'];

/** One line for each change that an operator would want later; a storm of the same is one line. */
export function logReports(logger: Logger, reports: readonly Layer2AddressReport[]): void {
  const byKind = new Map<string, Layer2AddressReport[]>();
  for (const report of reports) {
    const kind = phraseOf(report.state);
    const same = byKind.get(kind);
    if (same === undefined) byKind.set(kind, [report]);
    else same.push(report);
  }
  for (const [phrase, same] of byKind) {
    const level = levelOf(same[0]!.state);
    if (same.length > LINES)
      logger[level](phrase, {
        count: same.length,
        first: formatIpAddress(same[0]!.address),
        ...fieldsOf(same[0]!.state),
      });
    else
      for (const { address, state } of same)
        logger[level](phrase, { address: formatIpAddress(address), ...fieldsOf(state) });
  }
}

function phraseOf(state: State): string {
  switch (state.kind) {
    case 'probing':
      return 'looking for a conflict';
    case 'prepared':
      return 'address free, nothing to serve yet';
    case 'announced':
      return state.guessed ? 'announced on all physical interfaces, no subnet covers the address' : 'address announced';
    case 'no-interface':
      return 'no interface for the address';
    case 'conflict':
      return state.defending
        ? 'another machine claims the address, defending it'
        : 'another machine has the address, not announced';
  }
}

function levelOf(state: State): 'debug' | 'info' | 'warn' {
  if (state.kind === 'probing' || state.kind === 'prepared') return 'debug';
  return state.kind === 'announced' && state.guessed !== true ? 'info' : 'warn';
}

function fieldsOf(state: State): LogFields {
  if (state.kind === 'announced') return { interfaces: state.interfaces };
  return state.kind === 'conflict' ? { mac: state.mac, interface: state.interface } : {};
}
