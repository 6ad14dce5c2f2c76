import type { ClusterObject } from '../cluster/ports.ts';
import { type ServiceKey, serviceKey } from '../inventory/service-request.ts';

const OUR_POOL = 'clarion.dev/ip-allocated-from-pool';

/** Services that carry our annotation and are no LoadBalancer any more. */
export const leftovers = (services: readonly ClusterObject[]): readonly ServiceKey[] =>
  services.filter(isLeftover).map(({ namespace, name }) => serviceKey(namespace, name));

function isLeftover({ body }: ClusterObject): boolean {
  const metadata = body['metadata'] as { readonly annotations?: Readonly<Record<string, unknown>> } | undefined;
  const spec = body['spec'] as { readonly type?: unknown } | undefined;
  return spec?.type !== 'LoadBalancer' && metadata?.annotations?.[OUR_POOL] !== undefined;
}
