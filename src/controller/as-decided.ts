import type { AllocationDecision } from '../allocation/decision.ts';
import { sameIpAddress } from '../base/ip-address.ts';
import type { ServiceKey, ServiceRequest } from '../inventory/service-request.ts';

type Services = ReadonlyMap<ServiceKey, ServiceRequest>;
type Decisions = readonly AllocationDecision[];

/**
 * The Services as they will stand once what was decided is written: so the first status of a Service says already whether it
 * can be announced, and needs no second write. The same map where everything stands; what did not change is the same object.
 */
export function servicesAsDecided(): (services: Services, decisions: Decisions) => Services {
  let last: { readonly services: Services; readonly decisions: Decisions; readonly result: Services } | undefined;
  const made = new WeakMap<ServiceRequest, { readonly of: AllocationDecision; readonly request: ServiceRequest }>();

  const requestAsDecided = (request: ServiceRequest, decision: AllocationDecision): ServiceRequest => {
    const known = made.get(request);
    if (known?.of === decision) return known.request;
    const changed = { ...request, assigned: decision.addresses, assignedPool: decision.pool };
    made.set(request, { of: decision, request: changed });
    return changed;
  };

  return (services, decisions) => {
    if (last?.services === services && last.decisions === decisions) return last.result;
    let decided: Map<ServiceKey, ServiceRequest> | undefined;
    for (const decision of decisions) {
      const request = services.get(decision.service);
      if (request === undefined || stands(request, decision)) continue;
      decided ??= new Map(services);
      decided.set(decision.service, requestAsDecided(request, decision));
    }
    last = { services, decisions, result: decided ?? services };
    return last.result;
  };
}

/** A plain loop: it runs for ten thousand Services. */
function stands({ assigned }: ServiceRequest, { addresses }: AllocationDecision): boolean {
  if (assigned.length !== addresses.length) return false;
  for (let i = 0; i < addresses.length; i++) if (!sameIpAddress(assigned[i]!, addresses[i]!)) return false;
  return true;
}
