import type { AllocationDecision } from '../allocation/decision.ts';
import { sameIpAddress } from '../base/ip-address.ts';
import { Follower, TrackedMap } from '../base/tracked-map.ts';
import type { ServiceKey, ServiceRequest } from '../inventory/service-request.ts';

type Services = ReadonlyMap<ServiceKey, ServiceRequest>;
type Decisions = ReadonlyMap<ServiceKey, AllocationDecision>;

/**
 * The Services as they will stand once what was decided is written: so the first status of a Service says already whether it
 * can be announced, and needs no second write. It is the same map always; what did not change in it is not touched.
 */
export function servicesAsDecided(): (services: Services, decisions: Decisions) => Services {
  const followServices = new Follower<ServiceKey, ServiceRequest>();
  const followDecisions = new Follower<ServiceKey, AllocationDecision>();
  const asDecided = new TrackedMap<ServiceKey, ServiceRequest>();

  return (services, decisions) => {
    for (const key of new Set([...followServices.changed(services), ...followDecisions.changed(decisions)])) {
      const request = services.get(key);
      const decision = decisions.get(key);
      if (request === undefined) asDecided.delete(key);
      else if (decision === undefined || stands(request, decision)) asDecided.set(key, request);
      else asDecided.set(key, { ...request, assigned: decision.addresses, assignedPool: decision.pool });
    }
    followServices.seen();
    followDecisions.seen();
    return asDecided;
  };
}

const stands = ({ assigned }: ServiceRequest, { addresses }: AllocationDecision): boolean =>
  assigned.length === addresses.length && assigned.every((address, i) => sameIpAddress(address, addresses[i]!));
