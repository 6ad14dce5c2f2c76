import { type Milliseconds, seconds } from '../../base/clock.ts';
import { environmentError } from '../../base/errors.ts';
import { fieldsOf } from '../../base/fields.ts';
import type { ApiClient, ApiFailure } from './api-client.ts';
import { forbidden, type Right, SERVER_TIMEOUT } from './write-outcome.ts';

const NAME = 'clarion-membership';
const KEY = 'membership-key';
const TIMEOUT = seconds(10);

/**
 * The Secret with the keys of the group of speakers, in the form of a key file. It is read by name and made by the controller
 * where there is none. What it is for is decided where it is read.
 */
export interface MembershipSecret {
  readonly where: string;
  read(): Promise<string | undefined>;
  create(text: string): Promise<string>;
  readonly mayPass: true;
  readonly lookAgain: Milliseconds;
  readonly lookForChange: Milliseconds;
}

export function membershipSecret(client: ApiClient, namespace: string): MembershipSecret {
  const where = `Secret ${namespace}/${NAME}`;
  const folder = `/api/v1/namespaces/${namespace}/secrets`;
  const failed = (failure: ApiFailure, verb: Right['verb']): Error => {
    const right = { verb, resource: 'secrets', group: '', namespace };
    const { message } = failure;
    const why = failure.kind === 'status' && failure.code === 403 ? forbidden(message, right) : message;
    return environmentError(`membership key: ${where} cannot be ${verb === 'get' ? 'read' : 'made'}: ${why}`);
  };
  const read = async (): Promise<string | undefined> => {
    const answer = await client.request({ method: 'GET', path: `${folder}/${NAME}`, timeout: TIMEOUT });
    if (answer.kind === 'status' && answer.code === 404) return undefined;
    if (answer.kind !== 'ok') throw failed(answer, 'get');
    const encoded = fieldsOf(fieldsOf(answer.body)['data'])[KEY];
    if (typeof encoded !== 'string' || encoded === '')
      throw environmentError(
        `membership key: ${where} has no key "${KEY}"; delete the Secret, and the controller makes a new one`,
      );
    return Buffer.from(encoded, 'base64').toString('utf8');
  };
  const create = async (text: string): Promise<string> => {
    const answer = await client.request({
      method: 'POST',
      path: `${folder}?fieldManager=clarion&${SERVER_TIMEOUT}`,
      body: {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: NAME, namespace, labels: { 'app.kubernetes.io/name': 'clarion' } },
        type: 'Opaque',
        data: { [KEY]: Buffer.from(text).toString('base64') },
      },
      timeout: TIMEOUT,
    });
    if (answer.kind === 'ok') return text;
    // Somebody else was faster: then everybody uses that one.
    if (answer.kind === 'status' && answer.code === 409) return (await read()) ?? create(text);
    throw failed(answer, 'create');
  };
  return { where, read, create, mayPass: true, lookAgain: seconds(1), lookForChange: seconds(60) };
}
