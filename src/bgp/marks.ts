import type { IpFamily } from '../base/ip-address.ts';
import { encodeMessage } from './wire/codec.ts';
import { RefreshSubtype } from './wire/constants.ts';
import type { WireContext } from './wire/message.ts';
import { nlriOf, unicastOf } from './wire/nlri.ts';

/** Nothing of it shows in a mark. */
const CONTEXT: WireContext = {
  as4: true,
  addPath: { ipv4: false, ipv6: false },
  extendedMessage: false,
  extendedNextHop: false,
  peerType: 'external',
};

/** RFC 4724 §2: an UPDATE that says nothing. */
export function endOfRib(family: IpFamily): Uint8Array {
  const none = nlriOf('ipv4', []);
  const attributes = family === 'ipv4' ? {} : { mpUnreach: nlriOf(family, []) };
  return encodeMessage({ kind: 'update', withdrawn: none, announced: none, attributes }, CONTEXT);
}

/** RFC 7313 §4: BoRR and EoRR. */
export const refreshMark = (family: IpFamily, subtype: 'begin' | 'end'): Uint8Array =>
  encodeMessage({ kind: 'route-refresh', family: unicastOf(family), subtype: RefreshSubtype[subtype] }, CONTEXT);
