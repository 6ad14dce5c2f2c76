import { formatIpAddress } from '../base/ip-address.ts';
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
export function keptThough(pools: PoolMap, { request, held }: Applicant): Refusal | undefined {
  for (const address of held) {
    const text = formatIpAddress(address);
    const entry = pools.poolOf(address);
    const next = 'it is kept because it is in use; change that, or create the Service anew for another address';
    if (entry === undefined) return refusal('address-outside-pools', `no pool contains ${text} any more; ${next}`);
    const pool = `pool "${entry.pool.name}"`;
    if (entry.pool.retired)
      return refusal('address-outside-pools', `${pool} of ${text} is not in the configuration any more; ${next}`);
    const excluded = pools.exclusionOf(entry, address, request);
    if (excluded === 'reserved') return refusal('address-outside-pools', `${text} is reserved in ${pool}; ${next}`);
    if (excluded === 'buggy')
      return refusal('address-outside-pools', `${pool} does not give ${text} (avoidBuggyIPs); ${next}`);
    if (!pools.allows(entry, request))
      return refusal('pool-not-allowed', `${pool} of ${text} does not serve this Service (serviceAllocation); ${next}`);
    if (request.wantedPool !== undefined && request.wantedPool !== entry.pool.name)
      return refusal(
        'pool-not-allowed',
        `${text} is in ${pool}, but annotation address-pool names "${request.wantedPool}"; ${next}`,
      );
  }
  return undefined;
}

/** The same refusal, saying that nothing is lost meanwhile. */
export function whileKeeping({ held }: Applicant, why: Refusal): Refusal {
  return held.length === 0
    ? why
    : { ...why, message: `${why.message}. Until then the Service keeps ${addressNames(held)}` };
}
