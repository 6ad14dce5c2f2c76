import type { Clock } from '../base/clock.ts';
import type { IpAddress } from '../base/ip-address.ts';
import type { Logger } from '../base/logger.ts';
import type { MacAddress } from '../base/mac-address.ts';
import type { Random } from '../base/random.ts';
import type { Network } from '../network/ports.ts';
import { type Held, isAnnounced } from './held.ts';
import type { Layer2AddressReport } from './table.ts';

/** What layer 2 is built on. */
export interface Layer2Options {
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The addresses whose state changed; called within `apply`, and whenever something happens on a link. */
  readonly onReport: (changed: readonly Layer2AddressReport[]) => void;
  /**
   * A machine that speaks for an address of ours: `friend` if it is one of us (the election settles that, and a defence would
   * only make neighbours change their minds twice), else a rival. Undefined: everybody else is a rival.
   * `instead`: it answers for the address and we do not (yet), so if it is one of us it must have claimed it: another program on
   * its machine may be what answers. `beside`: we do, or it only asks.
   */
  readonly judgeRival?:
    | ((address: IpAddress, mac: MacAddress, how: 'instead' | 'beside') => 'friend' | 'rival')
    | undefined;
  /** Use no others; undefined: all that are fit for it. */
  readonly interfaces?: readonly string[];
}

export function isFriend(
  { judgeRival }: Layer2Options,
  { address, conflict }: Held,
  mac: MacAddress,
  claim: 'uses' | 'probes',
): boolean {
  return judgeRival?.(address, mac, claim === 'uses' && !isAnnounced(conflict) ? 'instead' : 'beside') === 'friend';
}
