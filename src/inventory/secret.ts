import { type Decoded, decoded, malformed } from '../base/decoded.ts';
import type { ClusterObject } from '../cluster/ports.ts';

/** A Secret by name, as BGP peers and BFD profiles refer to one. */
export interface SecretRef {
  /** Undefined: whichever namespace has one of that name; the first in order where several have. */
  readonly namespace: string | undefined;
  readonly name: string;
}

/**
 * The value of one key: `stringData` wins over `data`, which is base64 (core/v1 Secret). The error names the Secret and never
 * shows what is in it.
 */
export function secretValue(
  secrets: readonly ClusterObject[],
  { namespace, name }: SecretRef,
  key: string,
): Decoded<string, string> {
  const named = secrets
    .filter((one) => one.name === name && (namespace === undefined || one.namespace === namespace))
    .sort((a, b) => (a.namespace < b.namespace ? -1 : 1));
  const text = `Secret ${namespace === undefined ? '' : `${namespace}/`}${name}`;
  const [secret] = named;
  if (secret === undefined) return malformed(`${text} is not there`);
  const { data, stringData } = secret.body;
  const plain = field(stringData, key);
  if (typeof plain === 'string') return plain === '' ? malformed(`${text}: ${key} is empty`) : decoded(plain);
  const encoded = field(data, key);
  if (typeof encoded !== 'string') return malformed(`${text} has no key "${key}"`);
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(encoded)) return malformed(`${text}: ${key} is not base64`);
  const value = Buffer.from(encoded, 'base64').toString('utf8');
  return value === '' ? malformed(`${text}: ${key} is empty`) : decoded(value);
}

const field = (record: unknown, key: string): unknown =>
  typeof record === 'object' && record !== null ? (record as Readonly<Record<string, unknown>>)[key] : undefined;
