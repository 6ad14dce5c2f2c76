import type { ClusterObject } from '../cluster/ports.ts';
import { POOL_ANNOTATION } from '../cluster/status-difference.ts';
import { type ServiceKey, serviceKey } from '../inventory/service-request.ts';

/** Services that carry our annotation and are no LoadBalancer any more. */
export const leftovers = (services: readonly ClusterObject[]): readonly ServiceKey[] =>
  services.filter(isLeftover).map(({ namespace, name }) => serviceKey(namespace, name));

function isLeftover({ body }: ClusterObject): boolean {
  const metadata = body['metadata'] as { readonly annotations?: Readonly<Record<string, unknown>> } | undefined;
  const spec = body['spec'] as { readonly type?: unknown } | undefined;
  return spec?.type !== 'LoadBalancer' && metadata?.annotations?.[POOL_ANNOTATION] !== undefined;
}
