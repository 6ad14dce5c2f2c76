import { seconds } from '../../base/clock.ts';
import { environmentError } from '../../base/errors.ts';
import { fieldsOf } from '../../base/fields.ts';
import type { LeaseRecord, LeaseStore } from '../ports.ts';
import type { ApiClient, ApiFailure } from './api-client.ts';
import { forbidden, type Right, SERVER_TIMEOUT } from './write-outcome.ts';

/**
 * A lease must be renewed within 10 s, and tried every 2 s: a server that does not answer leaves time for a second one behind the
 * same address.
 */
const TIMEOUT = seconds(4.5);

/**
 * Leases of coordination.k8s.io/v1 with client-go's fields, so that `kubectl get lease` shows who is the active controller.
 * A write carries the resourceVersion that was read: of several, one succeeds.
 */
export class Leases implements LeaseStore {
  readonly #client: ApiClient;
  readonly #namespace: string;
  /** As last read: labels and whatever else others wrote there stay. */
  readonly #metadata = new Map<string, Readonly<Record<string, unknown>>>();

  constructor(client: ApiClient, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  /** Rejects where the server cannot be asked. */
  async read(name: string): Promise<{ readonly record: LeaseRecord; readonly version: string } | undefined> {
    const answer = await this.#client.request({ method: 'GET', path: this.#path(name), timeout: TIMEOUT });
    if (answer.kind === 'status' && answer.code === 404) return undefined;
    if (answer.kind !== 'ok') throw this.#error(answer, 'get');
    const metadata = fieldsOf(fieldsOf(answer.body)['metadata']);
    this.#metadata.set(name, metadata);
    return { record: recordOf(fieldsOf(answer.body)['spec']), version: textOf(metadata['resourceVersion']) };
  }

  async write(name: string, record: LeaseRecord, version: string | undefined): Promise<'written' | 'conflict'> {
    const { holder, durationSeconds, acquired, renewed, transitions } = record;
    const spec = {
      holderIdentity: holder,
      leaseDurationSeconds: durationSeconds,
      acquireTime: acquired || renewed,
      renewTime: renewed,
      leaseTransitions: transitions,
    };
    const create = version === undefined;
    const metadata = create
      ? { name, namespace: this.#namespace }
      : { ...this.#metadata.get(name), name, namespace: this.#namespace, resourceVersion: version };
    const answer = await this.#client.request({
      method: create ? 'POST' : 'PUT',
      path: `${create ? this.#path() : this.#path(name)}?${SERVER_TIMEOUT}`,
      body: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec },
      timeout: TIMEOUT,
    });
    if (answer.kind === 'ok') return 'written';
    // 404: it was deleted since; it is made anew after the next look.
    if (answer.kind === 'status' && (answer.code === 409 || (answer.code === 404 && !create))) return 'conflict';
    throw this.#error(answer, create ? 'create' : 'update');
  }

  #path(name?: string): string {
    const all = `/apis/coordination.k8s.io/v1/namespaces/${this.#namespace}/leases`;
    return name === undefined ? all : `${all}/${name}`;
  }

  #error(failure: ApiFailure, verb: Right['verb']): Error {
    const right = { verb, resource: 'leases', group: 'coordination.k8s.io', namespace: this.#namespace };
    const { message } = failure;
    return environmentError(failure.kind === 'status' && failure.code === 403 ? forbidden(message, right) : message);
  }
}

/** Whatever somebody made of it by hand: what is missing is as good as given back. */
function recordOf(spec: unknown): LeaseRecord {
  const { holderIdentity, leaseDurationSeconds, acquireTime, renewTime, leaseTransitions } = fieldsOf(spec);
  return {
    holder: textOf(holderIdentity),
    durationSeconds: numberOf(leaseDurationSeconds),
    acquired: textOf(acquireTime),
    renewed: textOf(renewTime),
    transitions: numberOf(leaseTransitions),
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0);
