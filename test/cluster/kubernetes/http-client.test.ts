import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Clock, ms, seconds, systemClock } from '../../../src/base/clock.ts';
import type { ApiAccess, ApiAnswer, ApiClient, StreamEnd } from '../../../src/cluster/kubernetes/api-client.ts';
import { openApiClient } from '../../../src/cluster/kubernetes/http-client.ts';
import { inClusterIdentity } from '../../../src/cluster/kubernetes/in-cluster.ts';
import { firstCertificate, secondCertificate } from '../../support/certificates.ts';
import { accessTo } from '../../support/fake-api-server.ts';
import { until } from '../../support/until.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const undo of cleanUp.splice(0).reverse()) undo();
});

interface Listening {
  readonly server: Server;
  readonly port: number;
  readonly sockets: Set<Socket>;
}

async function listening(server: Server, port = 0): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  cleanUp.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { server, port: (server.address() as AddressInfo).port, sockets };
}

function clientOf(access: ApiAccess, clock: Clock = systemClock): ApiClient {
  const client = openApiClient({ access, clock, userAgent: 'clarion-test/1' });
  cleanUp.push(() => client.close());
  return client;
}

async function serving(
  handler: RequestListener,
  clock?: Clock,
  token?: string,
): Promise<Listening & { readonly client: ApiClient }> {
  const server = await listening(createServer({ keepAliveTimeout: 60_000 }, handler));
  return { ...server, client: clientOf(accessTo(`http://127.0.0.1:${server.port}`, undefined, token), clock) };
}

const get = (client: ApiClient, path = '/x'): Promise<ApiAnswer> => client.request({ method: 'GET', path });
const json = (code: number, body: unknown, headers: Record<string, string> = {}): RequestListener => {
  return (_request, response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
};

describe('request', () => {
  test('says who asks, sends JSON, and parses what is called JSON', async () => {
    const seen: unknown[] = [];
    const { client } = await serving(
      (request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const { 'user-agent': agent, authorization, accept, 'content-type': type } = request.headers;
          seen.push([
            request.method,
            request.url,
            agent,
            authorization,
            accept,
            type,
            Buffer.concat(chunks).toString(),
          ]);
          json(201, { text: 'größer' })(request, response);
        });
      },
      undefined,
      'secret',
    );
    const contentType = 'application/merge-patch+json';
    const answer = await client.request({ method: 'PATCH', path: '/api/v1/x?y=1', body: { a: 'ü' }, contentType });
    expect(answer).toEqual({ kind: 'ok', code: 201, body: { text: 'größer' } });
    expect(seen).toEqual([
      ['PATCH', '/api/v1/x?y=1', 'clarion-test/1', 'Bearer secret', 'application/json', contentType, '{"a":"ü"}'],
    ]);
  });

  test('text stays text', async () => {
    const { client } = await serving((_request, response) => response.end('ok'));
    expect(await get(client, '/readyz')).toEqual({ kind: 'ok', code: 200, body: 'ok' });
  });

  test('many requests in turn are one connection', async () => {
    const { client, sockets, server } = await serving(json(200, {}));
    let connections = 0;
    server.on('connection', () => connections++);
    for (let i = 0; i < 20; i++) await get(client);
    expect([connections, sockets.size]).toEqual([1, 1]);
  });

  test.each<[string, RequestListener, object]>([
    [
      'a Status',
      json(409, { kind: 'Status', reason: 'Conflict', message: 'changed\nmeanwhile', code: 409 }),
      {
        code: 409,
        reason: 'Conflict',
        message: 'HTTP 409: changed meanwhile',
        retryAfter: undefined,
      },
    ],
    [
      'Retry-After',
      json(429, { reason: 'TooManyRequests' }, { 'retry-after': '3' }),
      {
        code: 429,
        message: 'HTTP 429',
        retryAfter: 3000,
      },
    ],
    [
      'the time in the Status',
      json(504, { reason: 'Timeout', details: { retryAfterSeconds: 1 } }),
      { retryAfter: 1000 },
    ],
    ['a Retry-After of a year', json(503, {}, { 'retry-after': '31536000' }), { retryAfter: 120_000 }],
    [
      'a Retry-After that is a date',
      json(503, {}, { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }),
      {
        retryAfter: undefined,
      },
    ],
    [
      'what a proxy in between says',
      (_request, response) => {
        response.writeHead(502, { 'content-type': 'text/html' });
        response.end('<h1>Bad\n Gateway</h1>');
      },
      { code: 502, reason: '', message: 'HTTP 502: <h1>Bad Gateway</h1>' },
    ],
    [
      'JSON that is none, of an error',
      (_request, response) => {
        response.writeHead(500, { 'content-type': 'application/json' });
        response.end('{"kind"');
      },
      { code: 500, message: 'HTTP 500' },
    ],
    [
      'a redirect is not followed',
      (_request, response) => {
        response.writeHead(302, { location: '/elsewhere' });
        response.end();
      },
      { code: 302 },
    ],
  ])('a failure of the server: %s', async (_what, handler, expected) => {
    const { client } = await serving(handler);
    expect(await get(client)).toMatchObject({ kind: 'status', ...expected });
  });

  test.each<[string, RequestListener, RegExp]>([
    ['reset', (request) => request.socket.resetAndDestroy(), /127\.0\.0\.1:\d+: /],
    [
      'no JSON',
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end('{"items": [');
      },
      /no JSON/,
    ],
    [
      'cut off',
      (request, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
        response.write('{"items": [');
        setImmediate(() => request.socket.destroy());
      },
      /cut off/,
    ],
    ['no HTTP', (request) => request.socket.end('SSH-2.0-OpenSSH_9.2\r\n'), /./],
  ])('no answer that is one: %s', async (_what, handler, message) => {
    const { client } = await serving(handler);
    const answer = await get(client);
    expect(answer).toMatchObject({ kind: 'unreachable', message: expect.stringMatching(message) as string });
  });

  test('nobody listens', async () => {
    const { port, server } = await listening(createServer());
    await new Promise((resolve) => server.close(resolve));
    const answer = await get(clientOf(accessTo(`http://127.0.0.1:${port}`)));
    expect(answer).toMatchObject({ kind: 'unreachable', message: expect.stringMatching(/ECONNREFUSED/) as string });
  });

  test('an answer of more than 64 MiB is not taken, and said to be that', async () => {
    const { client } = await serving((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const chunk = Buffer.alloc(1024 * 1024, 32);
      response.on('error', () => {});
      const write = (): void => {
        while (!response.destroyed && response.write(chunk));
        response.once('drain', write);
      };
      write();
    });
    expect(await get(client)).toMatchObject({ kind: 'unreachable', tooLarge: true });
  });

  test('a server that does not answer is given up after the time, whatever it began', async () => {
    const clock = new VirtualClock();
    let asked = 0;
    const { client } = await serving((_request, response) => {
      if (++asked === 2) response.writeHead(200).write('a');
    }, clock);
    const silent = client.request({ method: 'GET', path: '/silent', timeout: seconds(5) });
    const begun = client.request({ method: 'GET', path: '/begun', timeout: seconds(5) });
    await until('both have arrived', seconds(5), () => asked === 2);
    clock.advance(5000);
    for (const answer of [await silent, await begun])
      expect(answer).toMatchObject({ kind: 'unreachable', message: expect.stringMatching(/within 5 s/) as string });
    expect(clock.pending()).toEqual([]);
  });

  test('a kept connection that the server closed meanwhile: a GET is sent again, a write is not', async () => {
    let cut = false;
    const { client } = await serving((request, response) => {
      if (cut) request.socket.resetAndDestroy();
      else json(200, {})(request, response);
      cut = false;
    });
    await get(client);
    cut = true;
    expect((await get(client)).kind).toBe('ok');
    cut = true;
    expect((await client.request({ method: 'POST', path: '/x', body: {} })).kind).toBe('unreachable');
    expect((await client.request({ method: 'POST', path: '/x', body: {} })).kind).toBe('ok');
  });

  test('closed: what is under way ends, and nothing begins', async () => {
    const { client } = await serving(() => {});
    const under = get(client);
    client.close();
    expect(await under).toMatchObject({ kind: 'unreachable' });
    expect(await get(client)).toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/closed/) as string,
    });
  });
});

describe('stream', () => {
  interface Read {
    readonly lines: string[];
    readonly ends: StreamEnd[];
    opened: number;
  }
  function reading(client: ApiClient, idleTimeout = seconds(60)): Read & { close(): void } {
    const read: Read = { lines: [], ends: [], opened: 0 };
    const handlers = {
      opened: () => void read.opened++,
      line: (line: string) => void read.lines.push(line),
      ended: (how: StreamEnd) => void read.ends.push(how),
    };
    const stream = client.stream('/watch', handlers, { idleTimeout });
    return Object.assign(read, { close: () => stream.close() });
  }

  test('lines come as they are complete, in whatever pieces they were sent; an unfinished one is dropped', async () => {
    const { client } = await serving((_request, response) => {
      const bytes = Buffer.from('{"a":"ü€😀"}\r\n\n{"b":2}\nhalf');
      let at = 0;
      const next = (): void => {
        if (at < bytes.length) response.write(bytes.subarray(at, ++at), () => setImmediate(next));
        else response.end();
      };
      next();
    });
    const read = reading(client);
    await until('it has ended', seconds(5), () => read.ends.length > 0);
    expect(read.lines).toEqual(['{"a":"ü€😀"}', '', '{"b":2}']);
    expect(read).toMatchObject({ opened: 1, ends: [{ kind: 'closed' }] });
  });

  test('a refusal is an end with the reason', async () => {
    const { client } = await serving(json(410, { reason: 'Expired', message: 'too old' }));
    const read = reading(client);
    await until('it has ended', seconds(5), () => read.ends.length > 0);
    expect(read).toMatchObject({ opened: 0, ends: [{ kind: 'status', code: 410, reason: 'Expired' }] });
  });

  test('a connection that is cut is an end', async () => {
    const { client, sockets } = await serving((_request, response) => response.write('{}\n'));
    const read = reading(client);
    await until('the first line', seconds(5), () => read.lines.length > 0);
    for (const socket of sockets) socket.resetAndDestroy();
    await until('it has ended', seconds(5), () => read.ends.length > 0);
    expect(read.ends).toMatchObject([{ kind: 'unreachable' }]);
  });

  test('silence: 30 s before the answer, the given time after it; each line begins it anew', async () => {
    const clock = new VirtualClock();
    const answers: (() => void)[] = [];
    const writes: ((text: string) => void)[] = [];
    const { client } = await serving((_request, response) => {
      answers.push(() => response.writeHead(200).flushHeaders());
      writes.push((text) => response.write(text));
    }, clock);
    const unanswered = reading(client);
    await until('it was asked', seconds(5), () => answers.length === 1);
    clock.advance(30_000);
    await until('it was given up', seconds(5), () => unanswered.ends.length === 1);
    const read = reading(client);
    await until('it was asked', seconds(5), () => answers.length === 2);
    answers[1]!();
    await until('it is open', seconds(5), () => read.opened === 1);
    for (let i = 1; i <= 3; i++) {
      clock.advance(50_000);
      writes[1]!('word\n');
      await until('it was heard', seconds(5), () => read.lines.length === i);
    }
    clock.advance(59_000);
    expect(read.ends).toEqual([]);
    clock.advance(1000);
    await until('it was given up', seconds(5), () => read.ends.length === 1);
    expect(read.ends).toMatchObject([{ kind: 'unreachable', message: expect.stringMatching(/60 s/) as string }]);
    expect(clock.pending()).toEqual([]);
  });

  test('a line without an end does not fill memory', async () => {
    const { client } = await serving((_request, response) => {
      const chunk = Buffer.alloc(1024 * 1024, 120);
      response.on('error', () => {});
      const write = (): void => {
        while (!response.destroyed && response.write(chunk));
        response.once('drain', write);
      };
      write();
    });
    const read = reading(client);
    await until('it has ended', seconds(10), () => read.ends.length > 0);
    expect(read.ends).toMatchObject([{ kind: 'unreachable', tooLarge: true }]);
  });

  test('after close no handler is called', async () => {
    const { client, sockets } = await serving((_request, response) => response.write('a\nb\nc\n'));
    const lines: string[] = [];
    let ended = 0;
    const stream = client.stream(
      '/watch',
      {
        line: (line) => {
          lines.push(line);
          stream.close();
        },
        ended: () => void ended++,
      },
      { idleTimeout: seconds(60) },
    );
    await until('the first line', seconds(5), () => lines.length > 0);
    await until('the connection is given up', seconds(5), () => sockets.size === 0);
    expect([lines, ended]).toEqual([['a'], 0]);
  });
});

describe('in a Pod', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'clarion-sa-'));
    cleanUp.push(() => rmSync(directory, { recursive: true }));
  });
  const write = (files: Readonly<Record<string, string>>): void => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  };
  const account = (port: number, clock: Clock = systemClock) =>
    inClusterIdentity({
      clock,
      directory,
      environment: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) },
    });
  /** Takes one token, and says which ones it saw. */
  const tlsServer = async (certificate: { cert: string; key: string }, port = 0, tokens: () => string = () => 'a') => {
    const seen: string[] = [];
    const server = createTlsServer(certificate, (request, response) => {
      const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
      seen.push(token);
      json(token === tokens() ? 200 : 401, token === tokens() ? {} : { reason: 'Unauthorized' })(request, response);
    });
    return { ...(await listening(server, port)), seen };
  };

  test('token, certificate authority and namespace are those of the ServiceAccount', async () => {
    const { port, seen } = await tlsServer(firstCertificate);
    write({ token: 'a\n', 'ca.crt': firstCertificate.cert, namespace: 'clarion-system\n' });
    const identity = account(port);
    if (!identity.ok) throw new Error(identity.error);
    expect(identity.value.namespace).toBe('clarion-system');
    expect(await get(clientOf(identity.value.access))).toMatchObject({ kind: 'ok' });
    expect(seen).toEqual(['a']);
  });

  test('a token that is not taken any more is read again at once, once', async () => {
    let wanted = 'a';
    const clock = new VirtualClock();
    const { port, seen } = await tlsServer(firstCertificate, 0, () => wanted);
    write({ token: 'a', 'ca.crt': firstCertificate.cert, namespace: 'x' });
    const identity = account(port, clock);
    if (!identity.ok) throw new Error(identity.error);
    const client = clientOf(identity.value.access);
    await get(client);
    wanted = 'b';
    write({ token: 'b' });
    expect(await get(client)).toMatchObject({ kind: 'ok' });
    wanted = 'c';
    expect(await get(client)).toMatchObject({ kind: 'status', code: 401, reason: 'Unauthorized' });
    expect(seen).toEqual(['a', 'a', 'b', 'b']);
  });

  test('a token that was replaced is used within a second, before anybody refuses the old one', async () => {
    const clock = new VirtualClock();
    const { port, seen } = await tlsServer(firstCertificate);
    write({ token: 'a', 'ca.crt': firstCertificate.cert, namespace: 'x' });
    const identity = account(port, clock);
    if (!identity.ok) throw new Error(identity.error);
    const client = clientOf(identity.value.access);
    await get(client);
    write({ token: 'other' });
    clock.advance(1000);
    await get(client);
    expect(seen).toEqual(['a', 'other']);
  });

  test('a server with another certificate: the authority is read again; where that is the old one, it is said', async () => {
    const before = await tlsServer(firstCertificate);
    write({ token: 'a', 'ca.crt': firstCertificate.cert, namespace: 'x' });
    const identity = account(before.port, new VirtualClock());
    if (!identity.ok) throw new Error(identity.error);
    const client = clientOf(identity.value.access);
    await get(client);
    await new Promise<void>((resolve) => {
      before.server.close(() => resolve());
      for (const socket of before.sockets) socket.destroy();
    });
    await tlsServer(secondCertificate, before.port);
    expect(await get(client)).toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/certificate is not accepted/) as string,
    });
    write({ 'ca.crt': secondCertificate.cert });
    expect(await get(client)).toMatchObject({ kind: 'ok' });
  });

  test('files that vanish for a moment are no reason to stop', async () => {
    const clock = new VirtualClock();
    const { port } = await tlsServer(firstCertificate);
    write({ token: 'a', 'ca.crt': firstCertificate.cert, namespace: 'x' });
    const identity = account(port, clock);
    if (!identity.ok) throw new Error(identity.error);
    rmSync(join(directory, 'token'));
    clock.advance(ms(5000));
    expect(await get(clientOf(identity.value.access))).toMatchObject({ kind: 'ok' });
  });

  test.each([
    ['no Pod', {}, {}, /not in a Pod.*KUBERNETES_SERVICE_HOST/],
    ['no token', { 'ca.crt': 'x', namespace: 'x' }, undefined, /token cannot be read.*automountServiceAccountToken/],
    ['an empty token', { token: '\n', 'ca.crt': 'x', namespace: 'x' }, undefined, /token.*empty/],
    ['no namespace', { token: 'x', 'ca.crt': 'x' }, undefined, /namespace cannot be read/],
    ['no address', {}, { KUBERNETES_SERVICE_HOST: 'a b', KUBERNETES_SERVICE_PORT: '1' }, /no address/],
  ])('%s is said in words', (_what, files, environment, message) => {
    write(files);
    const given = environment ?? { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
    const identity = inClusterIdentity({ clock: systemClock, directory, environment: given });
    expect(identity).toMatchObject({ ok: false, error: expect.stringMatching(message) as string });
  });

  test('an IPv6 address is put in brackets', () => {
    write({ token: 'x', 'ca.crt': 'x', namespace: 'x' });
    const environment = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
    const identity = inClusterIdentity({ clock: systemClock, directory, environment });
    expect(identity).toMatchObject({ ok: true, value: { access: { server: 'https://[fd00::1]:443' } } });
  });
});
