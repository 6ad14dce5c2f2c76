import { gunzipSync, gzipSync } from 'node:zlib';
import { seconds } from '../../base/clock.ts';
import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import { messageOf } from '../../base/errors.ts';
import { fieldsOf } from '../../base/fields.ts';
import type { ClusterObject, WriteOutcome } from '../ports.ts';
import type { ApiClient } from './api-client.ts';
import { outcomeOf, SERVER_TIMEOUT } from './write-outcome.ts';

export const EFFECTIVE_NAME = 'clarion-effective';
const TEXT_KEY = 'effective.json';
const ZIPPED_KEY = 'effective.json.gz';
/** Above that it is worth the hiding: a ConfigMap holds 1 MiB, and every speaker gets it at each change. */
const ZIP_ABOVE = 256 * 1024;
/** Of all values together (core/v1 ConfigMap). */
const LIMIT = 1024 * 1024;
/** A configuration has no more than a ConfigMap holds; what unpacks to more than this is not ours. */
const UNPACKED_LIMIT = 64 * 1024 * 1024;
const TIMEOUT = seconds(5);

/**
 * The effective configuration as a ConfigMap that the controller owns and every speaker reads; its generation stands beside it, for
 * people. What is shown there already is never written. A text that does not fit leaves the one before in force.
 */
export class EffectiveConfigMap {
  readonly #client: ApiClient;
  readonly #namespace: string;
  readonly #find: () => ClusterObject | undefined;
  #read: { readonly object: ClusterObject; readonly text: Decoded<string, string> } | undefined;
  /** What we wrote, until the reader shows another version. */
  #written: { readonly text: string; readonly over: ClusterObject | undefined } | undefined;

  /** `find`: the ConfigMap as the reader shows it now. */
  constructor(client: ApiClient, namespace: string, find: () => ClusterObject | undefined) {
    this.#client = client;
    this.#namespace = namespace;
    this.#find = find;
  }

  /** Undefined: there is none. The error says what is wrong with it. */
  text(): Decoded<string, string> | undefined {
    const object = this.#find();
    if (this.#written !== undefined && this.#written.over === object) return decoded(this.#written.text);
    this.#written = undefined;
    if (object === undefined) return undefined;
    if (this.#read?.object !== object) this.#read = { object, text: textOf(object) };
    return this.#read.text;
  }

  async publish(text: string): Promise<WriteOutcome> {
    const shown = this.text();
    if (shown?.ok === true && shown.value === text) return { kind: 'done' };
    const content = contentOf(text);
    if (!content.ok) return { kind: 'refused', message: content.error };
    const over = this.#find();
    const version = fieldsOf(over?.body['metadata'])['resourceVersion'];
    const path = `/api/v1/namespaces/${this.#namespace}/configmaps`;
    const metadata = {
      name: EFFECTIVE_NAME,
      namespace: this.#namespace,
      labels: { 'app.kubernetes.io/name': 'clarion', 'app.kubernetes.io/managed-by': 'clarion-controller' },
      annotations: { 'clarion.dev/generation': generationIn(text) },
    };
    const answer = await this.#client.request({
      method: over === undefined ? 'POST' : 'PUT',
      path: `${over === undefined ? path : `${path}/${EFFECTIVE_NAME}`}?fieldManager=clarion&${SERVER_TIMEOUT}`,
      body: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: over === undefined ? metadata : { ...metadata, resourceVersion: version },
        ...content.value,
      },
      timeout: TIMEOUT,
    });
    if (answer.kind === 'ok') {
      if (this.#find() === over) this.#written = { text, over };
      return { kind: 'done' };
    }
    // Deleted since: it is made again once the reader has seen that.
    if (answer.kind === 'status' && answer.code === 404 && over !== undefined)
      return { kind: 'retry', message: answer.message };
    const verb = over === undefined ? 'create' : 'update';
    return outcomeOf(answer, { verb, resource: 'configmaps', group: '', namespace: this.#namespace });
  }
}

function contentOf(text: string): Decoded<Readonly<Record<string, unknown>>, string> {
  const size = Buffer.byteLength(text);
  if (size <= ZIP_ABOVE) return decoded({ data: { [TEXT_KEY]: text } });
  const zipped = gzipSync(text);
  if (zipped.length <= LIMIT) return decoded({ binaryData: { [ZIPPED_KEY]: zipped.toString('base64') } });
  return malformed(
    `the effective configuration has ${kibibytes(size)} KiB, compressed ${kibibytes(zipped.length)} KiB, and a ConfigMap holds 1024 KiB; ` +
      'the one before stays in force. Give pools as ranges or prefixes instead of single addresses.',
  );
}

function textOf({ body }: ClusterObject): Decoded<string, string> {
  const plain = fieldsOf(body['data'])[TEXT_KEY];
  if (typeof plain === 'string') return decoded(plain);
  const zipped = fieldsOf(body['binaryData'])[ZIPPED_KEY];
  if (typeof zipped !== 'string') return malformed(`it has neither ${TEXT_KEY} nor ${ZIPPED_KEY}`);
  try {
    const text = gunzipSync(Buffer.from(zipped, 'base64'), { maxOutputLength: UNPACKED_LIMIT });
    return decoded(text.toString('utf8'));
  } catch (thrown) {
    return malformed(`${ZIPPED_KEY} cannot be unpacked: ${messageOf(thrown)}`);
  }
}

const kibibytes = (size: number): number => Math.ceil(size / 1024);

/** It stands near the beginning: the text is not parsed for that. */
const generationIn = (text: string): string => /"generation":\s*(\d+)/.exec(text.slice(0, 500))?.[1] ?? '';
