import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import type { ServiceReason } from '../base/reason.ts';
import type { ServiceRequest } from '../inventory/service-request.ts';
import type { Applicant } from './offer.ts';
import type { PoolMap } from './pool-map.ts';
import { addressNames, type Refusal, refusal } from './refusal.ts';

/** Why the Service gets no address from us, whatever the pools have. `ours`: our class; undefined: Services without one. */
export function barredFrom(request: ServiceRequest, ours: string | undefined): Refusal | undefined {
  const { loadBalancer, loadBalancerClass, headless } = request;
  if (!loadBalancer)
    return refusal('not-load-balancer', 'spec.type is not LoadBalancer, so the Service has no address');
  if (loadBalancerClass !== ours) {
    const theirs =
      loadBalancerClass === undefined
        ? 'the Service has no loadBalancerClass'
        : `spec.loadBalancerClass is "${loadBalancerClass}"`;
    return refusal(
      'other-class',
      `${theirs}, and this controller serves ${ours === undefined ? 'Services without one' : `"${ours}"`}`,
    );
  }
  if (!headless) return undefined;
  return refusal(
    'no-cluster-ip',
    'clusterIP is None, so nothing would forward traffic for an address; create the Service anew without it',
  );
}

/** What is wrong with an address that would not be given today and is kept, because it is in use. */
export function keptThough(pools: PoolMap, applicant: Applicant): Refusal | undefined {
  for (const address of applicant.held) {
    const wrong = wrongWith(pools, applicant, address);
    if (wrong === undefined) continue;
    const { reason, what, mend } = wrong;
    return refusal(
      reason,
      `${what}; it is kept because it is in use. ${mend}, or create the Service anew for another address`,
    );
  }
  return undefined;
}

interface Wrong {
  readonly reason: ServiceReason;
  readonly what: string;
  readonly mend: string;
}

function wrongWith(pools: PoolMap, { request }: Applicant, address: IpAddress): Wrong | undefined {
  const text = formatIpAddress(address);
  const entry = pools.poolOf(address);
  const outside = 'address-outside-pools';
  if (entry === undefined) return { reason: outside, what: `no pool contains ${text}`, mend: 'Add it to a pool' };
  const pool = `pool "${entry.pool.name}"`;
  if (entry.pool.retired)
    return {
      reason: outside,
      what: `${pool} of ${text} is not in the configuration any more`,
      mend: 'Mend the configuration if it cannot be read, or add the pool again',
    };
  switch (pools.exclusionOf(entry, address, request)) {
    case 'reserved':
      return { reason: outside, what: `${text} is reserved in ${pool}`, mend: 'End the reservation' };
    case 'buggy':
      return {
        reason: outside,
        what: `${pool} does not give ${text} (avoidBuggyIPs)`,
        mend: 'Switch avoidBuggyIPs off',
      };
    case undefined:
  }
  if (!pools.allows(entry, request))
    return {
      reason: 'pool-not-allowed',
      what: `${pool} of ${text} does not serve this Service`,
      mend: 'Widen its serviceAllocation',
    };
  if (request.wantedPool === undefined || request.wantedPool === entry.pool.name) return undefined;
  return {
    reason: 'pool-not-allowed',
    what: `${text} is in ${pool}, but annotation address-pool names "${request.wantedPool}"`,
    mend: 'Correct the annotation',
  };
}

/** The same refusal, saying that nothing is lost meanwhile. */
export function whileKeeping({ held }: Applicant, why: Refusal): Refusal {
  return held.length === 0
    ? why
    : { ...why, message: `${why.message}. Until then the Service keeps ${addressNames(held)}` };
}
