import type { AllocationDecision } from '../allocation/decision.ts';
import { formatIpAddress } from '../base/ip-address.ts';
import type { ClusterEvent, Condition } from '../cluster/ports.ts';

/** How a Service stands after a pass. */
export interface Standing {
  readonly decision: AllocationDecision;
  readonly conditions: readonly Condition[];
}

type ServiceEvent = Pick<ClusterEvent, 'type' | 'reason' | 'message'>;

/**
 * What is worth an Event between two passes: transitions only. `assigned` is what its status named when this process first
 * saw it: a restarted controller that finds everything as it was says nothing.
 */
export function serviceEvents(
  before: Standing | undefined,
  after: Standing,
  assigned: string,
): readonly ServiceEvent[] {
  const address = addressEvents(before, after, assigned);
  return [...address, ...refusalEvents(before, after), ...announcementEvents(before, after, address.length > 0)];
}

function addressEvents(before: Standing | undefined, { decision }: Standing, assigned: string): ServiceEvent[] {
  const now = namesOf(decision);
  const then = before === undefined ? assigned : namesOf(before.decision);
  if (now === then) return [];
  return now === ''
    ? [{ type: 'Normal', reason: 'AddressReleased', message: `${then} is free again` }]
    : [{ type: 'Normal', reason: 'AddressAssigned', message: `${now} from pool ${decision.pool}` }];
}

function refusalEvents(before: Standing | undefined, { decision }: Standing): ServiceEvent[] {
  const { reason, message } = decision;
  if (reason === undefined || reason === before?.decision.reason) return [];
  return [{ type: 'Warning', reason: 'AllocationFailed', message: `${reason}: ${message}` }];
}

function announcementEvents(before: Standing | undefined, after: Standing, given: boolean): ServiceEvent[] {
  const then = announcedOf(before);
  const now = announcedOf(after);
  if (now === undefined || (now.status === then?.status && now.reason === then.reason)) return [];
  if (now.reason === 'AddressConflict') return [{ type: 'Warning', reason: now.reason, message: now.message }];
  // Of a Service seen for the first time it is not known whether this is new, unless its address is.
  if (now.status === 'Unknown' || (then === undefined && !given)) return [];
  const reason = now.status === 'True' ? 'Announced' : 'NotAnnounced';
  return [{ type: 'Normal', reason, message: now.status === 'True' ? now.message : `${now.reason}: ${now.message}` }];
}

const namesOf = ({ addresses }: AllocationDecision): string => addresses.map(formatIpAddress).join(', ');
const announcedOf = (standing: Standing | undefined): Condition | undefined =>
  standing?.conditions.find(({ type }) => type === 'clarion.dev/Announced');
