import { type Fields, fieldsOf, isFields } from '../base/fields.ts';
import type { ClusterObject, Condition, ServiceStatus } from './ports.ts';

/** What a Service would have to get for its status to be the wanted one. */
export interface StatusDifference {
  readonly ingress: boolean;
  readonly pool: boolean;
  /** New, or not as they are shown. */
  readonly conditions: readonly DatedCondition[];
  /** Types of ours that are shown and no longer wanted. */
  readonly obsolete: readonly string[];
}
/** `since` is when the status of the condition became what it is; undefined where it becomes so now. */
export interface DatedCondition extends Condition {
  readonly since: string | undefined;
}

export const POOL_ANNOTATION = 'clarion.dev/ip-allocated-from-pool';
const OUR_CONDITIONS = 'clarion.dev/';

/**
 * Undefined where the status stands already: then nothing is to be written. `ipMode: VIP` is what an API server fills in, and what
 * an older one does not keep: neither is a difference. Conditions of others, and the order of all, do not matter.
 */
export function statusDifference({ body }: ClusterObject, wanted: ServiceStatus): StatusDifference | undefined {
  const status = fieldsOf(body['status']);
  const annotations = fieldsOf(fieldsOf(body['metadata'])['annotations']);
  const ours = new Map(
    listOf(status['conditions']).flatMap((shown) => {
      const { type } = shown;
      return typeof type === 'string' && type.startsWith(OUR_CONDITIONS) ? [[type, shown] as const] : [];
    }),
  );
  const conditions = wanted.conditions.flatMap((condition) => {
    const shown = ours.get(condition.type);
    ours.delete(condition.type);
    const { status: value, reason, message } = condition;
    if (shown?.['status'] === value && shown['reason'] === reason && shown['message'] === message) return [];
    const time = shown?.['lastTransitionTime'];
    return [{ ...condition, since: shown?.['status'] === value && typeof time === 'string' ? time : undefined }];
  });
  const difference = {
    ingress: !isIngress(listOf(fieldsOf(status['loadBalancer'])['ingress']), wanted.ingress),
    pool: annotations[POOL_ANNOTATION] !== wanted.pool,
    conditions,
    obsolete: [...ours.keys()],
  };
  const { ingress, pool, obsolete } = difference;
  return ingress || pool || conditions.length > 0 || obsolete.length > 0 ? difference : undefined;
}

const isIngress = (shown: readonly Fields[], addresses: readonly string[]): boolean =>
  shown.length === addresses.length &&
  shown.every(
    ({ ip, hostname, ipMode = 'VIP' }, i) => ip === addresses[i] && !hostname && (ipMode === 'VIP' || ipMode === ''),
  );

/** `metadata.resourceVersion`: changes with every change of the object. Undefined in a folder of manifests. */
export function versionOf({ body }: ClusterObject): string | undefined {
  const version = fieldsOf(body['metadata'])['resourceVersion'];
  return typeof version === 'string' ? version : undefined;
}

const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isFields) : []);
