import { unreachable } from '../base/errors.ts';
import { reasons } from '../base/reason.ts';
import type { AddressWord } from '../cluster/ports.ts';
import type { Told } from '../status/report.ts';
import type { WireAddressReport } from './messages.ts';

/** What this node says to the cluster about one address; nothing where another node holds it. */
export function layer2Word({ layer2, holder }: WireAddressReport, node: string): AddressWord | undefined {
  // While nothing is served nobody holds it, and who would be first looks for a conflict.
  if (layer2 === undefined || (holder !== undefined && holder !== node)) return undefined;
  switch (layer2.kind) {
    case 'announced':
    case 'prepared':
    case 'probing':
      return { state: layer2.kind, reason: undefined, message: undefined };
    case 'no-interface':
      return {
        state: 'refused',
        reason: 'no-interface',
        message: `${reasons['no-interface'].meaning}${layer2.named ? ` (it may be ${layer2.named.join(' or ')} only)` : ''}. ${reasons['no-interface'].nextStep}`,
      };
    case 'conflict': {
      const what = layer2.defending
        ? 'also answers for it, and we defend it'
        : 'answers for it already, so we stay silent and try again';
      return {
        state: layer2.defending ? 'announced' : 'refused',
        reason: 'address-conflict',
        message: `${layer2.mac} on the network of our interface ${layer2.interface} ${what}. ${reasons['address-conflict'].nextStep}`,
      };
    }
    default:
      return unreachable(layer2);
  }
}

/** The same of BGP: announced where one router at least was told; nothing where this node is to tell none. */
export function bgpWord(told: Told | undefined): AddressWord | undefined {
  if (told === undefined) return undefined;
  if (told.told.length > 0) return { state: 'announced', reason: undefined, message: undefined };
  const { meaning, nextStep } = reasons['no-session'];
  const peers = told.untold.join(', ');
  return { state: 'refused', reason: 'no-session', message: `${meaning} (${peers}). ${nextStep}` };
}
