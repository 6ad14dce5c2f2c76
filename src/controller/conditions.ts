import type { AllocationDecision } from '../allocation/decision.ts';
import type { AddressVerdict } from '../announcement/verdict.ts';
import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import { conditionReason, type Reason, reasons } from '../base/reason.ts';
import type { AddressWord, Condition, SpeakerReport } from '../cluster/ports.ts';

/**
 * The two conditions of a Service, for `kubectl wait` and `kubectl describe`. No node name is inside, so that a failover
 * writes nothing; they change on transitions only.
 */
export function allocatedCondition(decision: AllocationDecision): Condition {
  const { addresses, reason, message } = decision;
  const type = 'clarion.dev/Allocated';
  if (reason !== undefined) {
    // One that keeps an address although something is wrong is allocated, and says what is wrong.
    const status = addresses.length > 0 ? 'True' : 'False';
    return { type, status, reason: conditionReason(reason), message: message ?? reasons[reason].meaning };
  }
  return {
    type,
    status: 'True',
    reason: 'Assigned',
    message: `${addresses.map(formatIpAddress).join(' and ')} from pool ${decision.pool}`,
  };
}

/** What all speakers say of one address, best first. */
export interface AddressNews {
  readonly state: AddressWord['state'];
  readonly reason: Reason | undefined;
  readonly message: string | undefined;
}

/** The best that any speaker says about the address; news that are none are the same object as before. */
export function newsOf(
  address: string,
  reports: readonly SpeakerReport[],
  before: AddressNews | undefined,
): AddressNews | undefined {
  let best: AddressWord | undefined;
  for (const { addresses } of reports)
    for (const said of addresses.get(address) ?? []) if (best === undefined || rankOf(said) < rankOf(best)) best = said;
  return best && newsIn(best, before);
}

/** The lower, the better. What one node lacks (an interface, a session) says nothing of what another one is about to do. */
const RANK: Readonly<Record<AddressWord['state'], number>> = { announced: 0, refused: 1, probing: 2, prepared: 3 };
const rankOf = ({ state, reason }: AddressWord): number =>
  state === 'refused' && reason !== 'address-conflict' ? 4 : RANK[state];

/** Where there is nothing to explain, as for nearly every address, it is the same object for all of them. */
const plain = (state: AddressWord['state']): AddressNews => ({ state, reason: undefined, message: undefined });
const PLAIN: Readonly<Record<AddressWord['state'], AddressNews>> = {
  announced: plain('announced'),
  refused: plain('refused'),
  probing: plain('probing'),
  prepared: plain('prepared'),
};

function newsIn({ state, reason, message }: AddressWord, before: AddressNews | undefined): AddressNews {
  if (reason === undefined && message === undefined) return PLAIN[state];
  const same = before?.state === state && before.reason === reason && before.message === message;
  return same ? before : { state, reason, message };
}

/** True when every address of the Service is announced, be it against a rival; else the first that is not says why. */
export function announcedCondition(
  addresses: readonly IpAddress[],
  verdictOf: (address: IpAddress) => AddressVerdict | undefined,
  news: ReadonlyMap<string, AddressNews>,
): Condition {
  const type = 'clarion.dev/Announced';
  let defended: AddressNews | undefined;
  for (const address of addresses) {
    const text = formatIpAddress(address);
    const said = news.get(text);
    if (said?.state === 'announced') {
      if (said.reason !== undefined) defended ??= said;
      continue;
    }
    const why = said?.reason ?? whyNot(verdictOf(address));
    if (why !== undefined)
      return {
        type,
        status: 'False',
        reason: conditionReason(why),
        message: `${text}: ${said?.message ?? `${reasons[why].meaning}. ${reasons[why].nextStep}`}`,
      };
    return { type, status: 'Unknown', reason: 'Pending', message: `${text}: no speaker has reported it yet` };
  }
  const names = addresses.map(formatIpAddress).join(' and ');
  if (defended?.reason !== undefined)
    return { type, status: 'True', reason: conditionReason(defended.reason), message: `${names}: ${defended.message}` };
  return { type, status: 'True', reason: 'Announced', message: names };
}

/** The reason that bars the address everywhere; where every node has one of its own, the first node's. */
function whyNot(verdict: AddressVerdict | undefined): Reason | undefined {
  if (verdict === undefined) return undefined;
  if (verdict.barred !== undefined) return verdict.barred;
  let first: Reason | undefined;
  for (const { layer2, bgp } of verdict.nodes) {
    if (layer2.kind === 'may' || bgp.kind === 'may') return undefined;
    first ??= layer2.kind === 'may-not' ? layer2.reason : bgp.kind === 'may-not' ? bgp.reason : undefined;
  }
  return first;
}
