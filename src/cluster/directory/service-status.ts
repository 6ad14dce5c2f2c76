import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import { messageOf } from '../../base/errors.ts';
import type { ClusterObject, Condition, ServiceStatus } from '../ports.ts';
import { POOL_ANNOTATION } from '../status-difference.ts';
import { isMapping } from './identify.ts';

/** What we said about a Service, as it lies in `.clarion/status/NAMESPACE/NAME.json`, and merged into the owner's Service. */
export interface StatusRecord {
  readonly namespace: string;
  readonly name: string;
  /** ISO 8601, of the last write. */
  readonly time: string;
  readonly ingress: readonly string[];
  readonly pool: string | undefined;
  readonly conditions: readonly DatedCondition[];
}
interface DatedCondition extends Condition {
  readonly lastTransitionTime: string;
}

/** The next record; `previous` itself where nothing is new. A condition keeps its time while its status is the same. */
export function nextRecord(
  previous: StatusRecord | undefined,
  namespace: string,
  name: string,
  status: ServiceStatus,
  time: string,
): StatusRecord {
  const conditions = status.conditions.map((condition): DatedCondition => {
    const before = previous?.conditions.find(({ type }) => type === condition.type);
    const { type, status: value, reason, message } = condition;
    const lastTransitionTime = before?.status === value ? before.lastTransitionTime : time;
    return { type, status: value, reason, message, lastTransitionTime };
  });
  const record = { namespace, name, time, ingress: [...status.ingress], pool: status.pool, conditions };
  return previous !== undefined && contentOf(previous) === contentOf(record) ? previous : record;
}

const contentOf = ({ ingress, pool, conditions }: StatusRecord): string =>
  JSON.stringify([ingress, pool ?? null, conditions]);

export const encodeRecord = (record: StatusRecord): string => `${JSON.stringify(record, undefined, 1)}\n`;

export function decodeRecord(text: string): Decoded<StatusRecord, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    return malformed(messageOf(thrown));
  }
  if (!isMapping(value)) return malformed('no JSON object');
  const { namespace, name, time, ingress, pool, conditions } = value as Readonly<Record<keyof StatusRecord, unknown>>;
  if (!isText(namespace) || !isText(name) || !isText(time)) return malformed('namespace, name or time is missing');
  if (!Array.isArray(ingress) || !ingress.every(isText)) return malformed('"ingress" is no list of addresses');
  if (pool !== undefined && !isText(pool)) return malformed('"pool" is no string');
  if (!Array.isArray(conditions) || !conditions.every(isDatedCondition))
    return malformed('"conditions" is no list of them');
  return decoded({ namespace, name, time, ingress, pool, conditions });
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isDatedCondition = (value: unknown): value is DatedCondition =>
  isMapping(value) &&
  ['type', 'status', 'reason', 'message', 'lastTransitionTime'].every((key) => isText(value[key])) &&
  ['True', 'False', 'Unknown'].includes(value['status'] as string);

/**
 * The Service as an API server would show it: what its owner wrote, with our status and annotation over it. A status in the
 * owner's own file (copied out of a cluster) is what we start from; once we said something, that counts.
 */
export function mergeStatus(service: ClusterObject, record: StatusRecord): ClusterObject {
  const { body } = service;
  const metadata = mapping(body['metadata']);
  const status = mapping(body['status']);
  const { [POOL_ANNOTATION]: _, ...annotations } = mapping(metadata['annotations']);
  const ours = new Set(record.conditions.map(({ type }) => type));
  const foreign = Array.isArray(status['conditions'])
    ? status['conditions'].filter((condition) => !isMapping(condition) || !ours.has(condition['type'] as string))
    : [];
  // Not by spreading: V8 gives every object made that way a hidden class of its own, which weighs more than the object.
  const { kind, namespace, name, origin } = service;
  const merged = {
    metadata: Object.assign({}, metadata, {
      annotations: record.pool === undefined ? annotations : { ...annotations, [POOL_ANNOTATION]: record.pool },
    }),
    status: Object.assign({}, status, {
      loadBalancer: Object.assign({}, mapping(status['loadBalancer']), {
        ingress: record.ingress.map((ip) => ({ ip, ipMode: 'VIP' })),
      }),
      conditions: foreign.length === 0 ? record.conditions : [...foreign, ...record.conditions],
    }),
  };
  return { kind, namespace, name, body: Object.assign({}, body, merged), origin };
}

const mapping = (value: unknown): Readonly<Record<string, unknown>> => (isMapping(value) ? value : {});
