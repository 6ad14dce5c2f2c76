import type { WriteOutcome } from '../ports.ts';
import type { ApiFailure } from './api-client.ts';

/** A right as a rule of a Role or ClusterRole gives it, for people who have to add it. */
export interface Right {
  readonly verb: 'get' | 'list' | 'create' | 'update' | 'patch';
  /** With the subresource: `services/status`. */
  readonly resource: string;
  /** '' for core. */
  readonly group: string;
  /** Undefined: a ClusterRole, for all namespaces. */
  readonly namespace: string | undefined;
}

/** A write must have ended before another controller can be the active one: the margin of the lease is 5 s. */
export const SERVER_TIMEOUT = 'timeout=4s';

/**
 * What follows from a write that failed. A right that is missing is the environment's fault: who gives it changes none of our
 * objects, so it has to be tried again. `refused` is what only a change of the object itself can mend.
 */
export function outcomeOf(failure: ApiFailure, right: Right): WriteOutcome {
  if (failure.kind === 'unreachable') return { kind: 'retry', message: failure.message };
  const { code, message, retryAfter } = failure;
  if (code === 403) return { kind: 'retry', message: forbidden(message, right) };
  // 408 and 504: not within the time; 409: somebody else was faster; 429 and 5xx: the server's trouble.
  if (code === 401 || code === 408 || code === 409 || code === 429 || code >= 500 || code < 400)
    return { kind: 'retry', message, ...(retryAfter === undefined ? {} : { after: retryAfter }) };
  return { kind: 'refused', message };
}

/** RBAC says "cannot VERB resource"; an admission policy that says no gives reasons of its own. */
export const forbidden = (message: string, right: Right): string =>
  /cannot \w+ resource/.test(message) ? `${missing(right)} (${message})` : message;

const missing = ({ verb, resource, group, namespace }: Right): string =>
  `a right is missing: ${namespace === undefined ? 'the ClusterRole' : `the Role in namespace ${namespace}`} needs ` +
  `{apiGroups: ["${group}"], resources: ["${resource}"], verbs: ["${verb}"]}`;
