import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { keepAliveAgent } from '../../src/cluster/kubernetes/agent.ts';
import type { ApiAccess } from '../../src/cluster/kubernetes/api-client.ts';
import { answerWrite } from './fake-api-writes.ts';

/**
 * A small API server in memory over HTTP: lists in pages, watches with bookmarks, resource versions, 410 for what it forgot.
 * It judges nothing. `fault` comes before everything and says what goes wrong; `watches` are the open ones, to be cut, ended
 * or fed by hand. Writes are in fake-api-writes.ts.
 */
export type Body = Readonly<Record<string, unknown>>;

/** Where a request goes: `/apis/GROUP/VERSION/namespaces/NS/RESOURCE/NAME/SUB`. */
export interface FakeRequest {
  readonly method: string;
  readonly url: URL;
  /** GROUP/VERSION, or `v1`. */
  readonly apiVersion: string;
  /** In the plural, lower case. */
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
  readonly at: number;
}

export interface FakeAnswer {
  readonly code: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** `hang`: never answered. `reset`: the connection is cut. `pass`: as usual. */
export type Fault = FakeAnswer | 'hang' | 'reset' | 'pass';

interface LoggedEvent {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resource: string;
  readonly object: Body;
}

export interface OpenWatch {
  readonly request: FakeRequest;
  send(type: string, object: Body): void;
  /** Any text, for what no server should send. */
  raw(text: string): void;
  /** Ends it as a server does whose time is up. */
  end(): void;
  /** Cuts the connection. */
  cut(): void;
}

export const metadataOf = (object: Body): Record<string, unknown> =>
  (object['metadata'] ?? {}) as Record<string, unknown>;
const keyOf = (namespace: unknown, name: unknown): string =>
  `${typeof namespace === 'string' ? namespace : ''}/${String(name)}`;

/** What is stored, by resource (`services`), and what happened to it since the last compaction. */
export class FakeStore {
  readonly #objects = new Map<string, Map<string, Body>>();
  readonly #told = new Set<(event: LoggedEvent) => void>();
  #log: LoggedEvent[] = [];
  #compacted = 0;
  #uids = 0;
  version = 100;

  get(resource: string, namespace: string | undefined, name: string): Body | undefined {
    return this.#objects.get(resource)?.get(keyOf(namespace, name));
  }

  list(resource: string): readonly Body[] {
    const all = [...(this.#objects.get(resource) ?? new Map<string, Body>())];
    return all.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  /** Stores it whole with a new resourceVersion; uid and creationTimestamp stay what they were, or are made. */
  put(resource: string, object: Body): Body {
    const { namespace, name } = metadataOf(object);
    const before = this.get(resource, namespace as string | undefined, String(name));
    const old = before === undefined ? {} : metadataOf(before);
    const stored = {
      ...object,
      metadata: {
        ...metadataOf(object),
        uid: old['uid'] ?? `uid-${++this.#uids}`,
        creationTimestamp: old['creationTimestamp'] ?? '2026-01-01T00:00:00Z',
        resourceVersion: String(++this.version),
      },
    };
    const objects = this.#objects.get(resource) ?? new Map<string, Body>();
    this.#objects.set(resource, objects.set(keyOf(namespace, name), stored));
    this.#happened(before === undefined ? 'ADDED' : 'MODIFIED', resource, stored);
    return stored;
  }

  remove(resource: string, namespace: string | undefined, name: string): Body | undefined {
    const before = this.get(resource, namespace, name);
    if (before === undefined) return undefined;
    this.#objects.get(resource)?.delete(keyOf(namespace, name));
    const last = { ...before, metadata: { ...metadataOf(before), resourceVersion: String(++this.version) } };
    this.#happened('DELETED', resource, last);
    return last;
  }

  /** Forgets what happened until now, as etcd does every five minutes. */
  compact(): void {
    this.#log = [];
    this.#compacted = this.version;
  }

  /** Undefined: that was so long ago that nobody knows. */
  since(version: number): readonly LoggedEvent[] | undefined {
    return version < this.#compacted ? undefined : this.#log.filter((event) => event.version > version);
  }

  follow(told: (event: LoggedEvent) => void): () => void {
    this.#told.add(told);
    return () => this.#told.delete(told);
  }

  #happened(type: LoggedEvent['type'], resource: string, object: Body): void {
    const event = { version: this.version, type, resource, object };
    this.#log.push(event);
    for (const told of [...this.#told]) told(event);
  }
}

export const statusBody = (code: number, reason: string, message: string, more: Body = {}): Body => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message,
  reason,
  code,
  ...more,
});
const gone = (): Body => statusBody(410, 'Expired', 'too old resource version');

export class FakeApiServer {
  readonly store = new FakeStore();
  readonly requests: FakeRequest[] = [];
  readonly watches = new Set<OpenWatch>();
  fault: (request: FakeRequest) => Fault = () => 'pass';
  readonly #server: Server;
  #agent = keepAliveAgent('http:');

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.keepAliveTimeout = 60_000;
  }

  /** On a free port of the loopback; `port` to come back where one was. */
  static async start(port = 0): Promise<FakeApiServer> {
    const fake = new FakeApiServer();
    await new Promise<void>((resolve) => fake.#server.listen(port, '127.0.0.1', resolve));
    return fake;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
  get access(): ApiAccess {
    return accessTo(this.url, this.#agent);
  }

  /** Requests of one kind so far: `count('GET', 'services', 'watch')`. */
  count(method: string, resource: string, what?: 'list' | 'watch'): number {
    return this.requests.filter(
      (request) =>
        request.method === method &&
        request.resource === resource &&
        (what === undefined || (request.url.searchParams.get('watch') === 'true') === (what === 'watch')),
    ).length;
  }

  async stop(): Promise<void> {
    for (const watch of [...this.watches]) watch.cut();
    this.#agent.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    incoming.on('error', () => {});
    response.on('error', () => {});
    const request = await readRequest(incoming);
    this.requests.push(request);
    const fault = this.fault(request);
    if (fault === 'hang') return;
    if (fault === 'reset') {
      incoming.socket.resetAndDestroy();
      return;
    }
    if (fault !== 'pass') return send(response, fault);
    if (request.method !== 'GET') return send(response, answerWrite(this.store, request));
    if (request.name !== undefined && request.subresource === undefined) {
      const object = this.store.get(request.resource, request.namespace, request.name);
      if (object !== undefined) return send(response, { code: 200, body: object });
      return send(response, { code: 404, body: statusBody(404, 'NotFound', `${request.name} not found`) });
    }
    if (request.url.searchParams.get('watch') === 'true') return this.#watch(request, incoming, response);
    send(response, this.#list(request));
  }

  #list(request: FakeRequest): FakeAnswer {
    const { searchParams } = request.url;
    const limit = Number(searchParams.get('limit') ?? 0) || Number.POSITIVE_INFINITY;
    const token = searchParams.get('continue');
    const [from, after, version] =
      token === null ? [0, '', this.store.version] : (JSON.parse(atob(token)) as [number, string, number]);
    if (token !== null && this.store.since(version) === undefined)
      return { code: 410, body: statusBody(410, 'Expired', 'The provided continue parameter is too old') };
    const wanted = this.store.list(request.resource).filter((object) => selects(request, object));
    // Not a snapshot: what is deleted between two pages is not on the second one.
    const rest = wanted.filter((object) => keyOf(metadataOf(object)['namespace'], metadataOf(object)['name']) > after);
    const items = rest.slice(0, limit);
    const last = items.at(-1);
    const more = rest.length > items.length && last !== undefined;
    const metadata = {
      resourceVersion: String(version),
      ...(more
        ? {
            continue: btoa(
              JSON.stringify([
                from + items.length,
                keyOf(metadataOf(last)['namespace'], metadataOf(last)['name']),
                version,
              ]),
            ),
          }
        : {}),
    };
    return { code: 200, body: { kind: 'List', apiVersion: request.apiVersion, metadata, items } };
  }

  #watch(request: FakeRequest, incoming: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const watch: OpenWatch = {
      request,
      send: (type, object) => watch.raw(`${JSON.stringify({ type, object })}\n`),
      raw: (text) => response.write(text),
      end: () => response.end(),
      cut: () => incoming.socket.resetAndDestroy(),
    };
    this.watches.add(watch);
    const version = Number(request.url.searchParams.get('resourceVersion') ?? 0);
    const missed = this.store.since(version);
    const tell = ({ type, resource, object }: LoggedEvent): void => {
      if (resource === request.resource && selects(request, object)) watch.send(type, object);
    };
    let unfollow = (): void => {};
    if (missed === undefined) watch.send('ERROR', gone());
    else {
      for (const event of missed) tell(event);
      unfollow = this.store.follow(tell);
    }
    response.on('close', () => {
      unfollow();
      this.watches.delete(watch);
    });
  }

  /** A bookmark on every open watch, with the version as of now. */
  bookmark(): void {
    for (const watch of this.watches)
      watch.send('BOOKMARK', { metadata: { resourceVersion: String(this.store.version) } });
  }
}

/** The way to a server that asks for nothing; with a token, which it may look at. */
export const accessTo = (server: string, agent = keepAliveAgent('http:'), token?: string): ApiAccess => ({
  server,
  credentials: async () => ({
    ok: true,
    value: { authorization: token === undefined ? undefined : `Bearer ${token}`, agent },
  }),
});

function selects({ namespace, url }: FakeRequest, object: Body): boolean {
  const metadata = metadataOf(object);
  if (namespace !== undefined && metadata['namespace'] !== namespace) return false;
  const name = /^metadata\.name=(.*)$/.exec(url.searchParams.get('fieldSelector') ?? '')?.[1];
  if (name !== undefined && metadata['name'] !== name) return false;
  const labels = (metadata['labels'] ?? {}) as Readonly<Record<string, string>>;
  return (url.searchParams.get('labelSelector') ?? '')
    .split(',')
    .filter((term) => term !== '')
    .every((term) => labels[term.slice(0, term.indexOf('='))] === term.slice(term.indexOf('=') + 1));
}

function send(response: ServerResponse, { code, headers = {}, body }: FakeAnswer): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(code, {
    'content-type': typeof body === 'string' ? 'text/plain' : 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

async function readRequest(incoming: IncomingMessage): Promise<FakeRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const url = new URL(incoming.url ?? '/', 'http://fake');
  const parts = url.pathname
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const core = parts[0] === 'api';
  const rest = parts.slice(core ? 2 : 3);
  const namespaced = rest[0] === 'namespaces' && rest.length > 2;
  const [resource, name, ...sub] = namespaced ? rest.slice(2) : rest;
  return {
    method: incoming.method ?? '',
    url,
    apiVersion: core ? (parts[1] ?? '') : parts.slice(1, 3).join('/'),
    resource: resource ?? '',
    namespace: namespaced ? rest[1] : undefined,
    name,
    subresource: sub.length > 0 ? sub.join('/') : undefined,
    headers: incoming.headers,
    body: text === '' ? undefined : (JSON.parse(text) as unknown),
    at: performance.now(),
  };
}
