import { formatIpAddress, type IpAddress } from './ip-address.ts';
import type { LogFields, Logger } from './logger.ts';

/** More of one kind than this at once are one line with a count: thousands of lines cost more than what they tell of. */
const LINES = 10;

export interface AddressLine {
  readonly level: 'debug' | 'info' | 'warn';
  readonly message: string;
  readonly address: IpAddress;
  readonly fields: LogFields;
  /** Lines of one message are counted apart when this differs. */
  readonly kind?: string | undefined;
}

/** One line for each address; a storm of the same is one line, with the first address and its fields. */
export function logEach(logger: Logger, lines: readonly AddressLine[]): void {
  const kinds: AddressLine[][] = [];
  for (const line of lines) {
    const same = kinds.find(([first]) => first?.message === line.message && first.kind === line.kind);
    if (same === undefined) kinds.push([line]);
    else same.push(line);
  }
  for (const same of kinds) {
    const { level, message, address, fields } = same[0]!;
    if (same.length > LINES) logger[level](message, { count: same.length, first: formatIpAddress(address), ...fields });
    else for (const line of same) logger[level](message, { address: formatIpAddress(line.address), ...line.fields });
  }
}
