import { readFileSync, statSync } from 'node:fs';
import type { Agent } from 'node:http';
import { join } from 'node:path';
import { type Clock, type Milliseconds, seconds } from '../../base/clock.ts';
import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import { messageOf } from '../../base/errors.ts';
import { keepAliveAgent } from './agent.ts';
import type { ApiAccess, ApiCredentials } from './api-client.ts';

/**
 * Who a Pod is to its cluster: two environment variables and three files that the kubelet keeps up to date. The token is good
 * for an hour and is replaced at four fifths of that; the certificate authority changes once in years, and must not need a
 * restart then.
 *
 * Standards: Kubernetes, "Accessing the Kubernetes API from a Pod"; KEP-1205 (bound service account tokens).
 */
export interface InCluster {
  readonly access: ApiAccess;
  /** Of the ServiceAccount, which is that of the Pod. */
  readonly namespace: string;
}

export interface InClusterOptions {
  readonly clock: Clock;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly directory?: string;
}

const DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';
/** A file is looked at no more often. */
const LOOK_EVERY = seconds(1);

/** The error says in a sentence why this is no Pod, or no complete one. */
export function inClusterIdentity(options: InClusterOptions): Decoded<InCluster, string> {
  const { clock, environment = process.env, directory = DIRECTORY } = options;
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
  if (!host || !port)
    return malformed('this process is not in a Pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set');
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  if (!URL.canParse(server)) return malformed(`KUBERNETES_SERVICE_HOST and _PORT make no address: ${server}`);
  const token = new KeptFile(join(directory, 'token'), clock);
  const authority = new KeptFile(join(directory, 'ca.crt'), clock);
  const namespace = new KeptFile(join(directory, 'namespace'), clock).read(false);
  for (const text of [token.read(false), authority.read(false), namespace])
    if (!text.ok)
      return malformed(
        `${text.error}. A Pod finds it there unless its ServiceAccount or its spec says automountServiceAccountToken: false`,
      );
  let trusted: string | undefined;
  let agent: Agent | undefined;
  const access: ApiAccess = {
    server,
    async credentials(refresh): Promise<Decoded<ApiCredentials, string>> {
      const ca = authority.read(refresh);
      if (!ca.ok) return ca;
      const bearer = token.read(refresh);
      if (!bearer.ok) return bearer;
      // Requests that are under way keep the agent that they began with.
      if (agent === undefined || trusted !== ca.value) agent = keepAliveAgent('https:', { ca: ca.value });
      trusted = ca.value;
      return decoded({ authorization: `Bearer ${bearer.value}`, agent });
    },
  };
  return decoded({ access, namespace: namespace.ok ? namespace.value : '' });
}

/** The text of a file that somebody else replaces now and then. Once read it is never lost: the old text may still be good. */
class KeptFile {
  readonly #path: string;
  readonly #clock: Clock;
  #text: string | undefined;
  #stamp = '';
  #looked: Milliseconds | undefined;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  read(refresh: boolean): Decoded<string, string> {
    const now = this.#clock.now();
    if (!refresh && this.#text !== undefined && this.#looked !== undefined && now - this.#looked < LOOK_EVERY)
      return decoded(this.#text);
    this.#looked = now;
    try {
      const { mtimeMs, ino, size } = statSync(this.#path);
      const stamp = `${mtimeMs} ${ino} ${size}`;
      if (refresh || stamp !== this.#stamp || this.#text === undefined) {
        const text = readFileSync(this.#path, 'utf8').trim();
        if (text === '') throw new Error('it is empty');
        this.#text = text;
        this.#stamp = stamp;
      }
    } catch (thrown) {
      if (this.#text === undefined) return malformed(`${this.#path} cannot be read: ${messageOf(thrown)}`);
    }
    return decoded(this.#text);
  }
}
