import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { type Clock, seconds, type Timer } from '../base/clock.ts';
import { type Decoded, decoded } from '../base/decoded.ts';
import { messageOf, systemCodeOf } from '../base/errors.ts';
import { encodeEvent } from '../base/event-stream.ts';
import { Followers, type Sink } from '../base/followers.ts';
import { parseIpAddress } from '../base/ip-address.ts';
import type { Logger } from '../base/logger.ts';
import { type ClusterStatus, clusterStatus } from './cluster-status.ts';
import type { Metrics } from './metrics.ts';
import { PAGE_HEADERS, PAGE_SCRIPT, PAGE_STYLE, statusBody, statusPage } from './page.ts';
import type { StatusQuery, StatusReport } from './report.ts';

/** A check that fails says why; an empty list is well. */
export type Check = () => Promise<readonly string[]> | readonly string[];

export interface StatusServerDeps {
  readonly metrics: Metrics;
  /** Is the process itself alive, every thread of it? Not: is anything else. A failure means: restart me. */
  readonly healthy: Check;
  /** May it be counted on: configuration read, objects read, wire thread up? A failure means: not yet. */
  readonly ready: Check;
  readonly status: (query: StatusQuery) => StatusReport;
  /** Of a speaker in a cluster: tells its report, and every change of it, until the reader goes. False: too many read already. */
  readonly followReport?: ((sink: Sink) => boolean) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The page is made anew so often while somebody looks at it: with ten thousand addresses that costs a tenth of a second. */
const PAGE_EVERY = seconds(5);

/**
 * /healthz, /readyz, /metrics, /status, a page for people at / and, of a speaker in a cluster, /report, over TCP and over the node's
 * unix socket. The port being taken is a warning, not an end: announcing addresses matters more than being scraped.
 */
export class StatusServer {
  readonly #deps: StatusServerDeps;
  readonly #servers: Server[] = [];
  readonly #watchers: Followers<string>;
  #next: Timer | undefined;

  constructor(deps: StatusServerDeps) {
    this.#deps = deps;
    const news = (data: string): string => encodeEvent({ event: 'status', data });
    this.#watchers = new Followers({ clock: deps.clock, nothingTold: () => ({ news }) });
  }

  /** `where`: a port on all addresses, or the path of a unix socket. */
  async listen(where: number | string): Promise<void> {
    let failure = await this.#tryToListen(where);
    if (typeof where === 'string' && systemCodeOf(failure) === 'EADDRINUSE' && (await isAbandoned(where)))
      failure = remove(where) ?? (await this.#tryToListen(where));
    if (failure !== undefined)
      this.#deps.logger.warn('status server not started; everything else goes on', { where, why: failure.message });
  }

  async #tryToListen(where: number | string): Promise<Error | undefined> {
    const server = createServer((request, response) => void this.#serve(request, response));
    const failure = await new Promise<Error | undefined>((resolve) => {
      server.once('error', resolve);
      server.listen(typeof where === 'number' ? { port: where } : { path: where }, () => resolve(undefined));
    });
    if (failure !== undefined) return failure;
    server.on('error', (error) => this.#deps.logger.warn('status server', { where, why: error.message }));
    this.#servers.push(server);
    return undefined;
  }

  async stop(): Promise<void> {
    this.#watchers.stop();
    this.#next?.stop();
    await Promise.all(
      this.#servers.map((server) => {
        server.closeAllConnections();
        return new Promise((resolve) => server.close(resolve));
      }),
    );
  }

  /** Only as long as somebody looks. */
  #tellWatchers(): void {
    this.#next?.stop();
    this.#next = undefined;
    if (this.#watchers.count === 0) return;
    const report = this.#deps.status({});
    this.#watchers.publish(statusBody(report, seenFrom(report)));
    this.#next = this.#deps.clock.startTimer('status page', PAGE_EVERY, () => this.#tellWatchers());
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
    };
    try {
      const { metrics, healthy, ready, status } = this.#deps;
      const url = new URL(request.url ?? '/', 'http://status');
      switch (url.pathname) {
        case '/healthz':
          return checked(await healthy(), answer);
        case '/readyz':
          return checked(await ready(), answer);
        case '/metrics':
          return answer(200, metrics.contentType, await metrics.text());
        case '/status': {
          const query = statusQuery(url.searchParams);
          if (!query.ok) return answer(400, 'text/plain', `${query.error}\n`);
          return answer(200, 'application/json', `${JSON.stringify(status(query.value))}\n`);
        }
        case '/report': {
          const { followReport } = this.#deps;
          if (followReport === undefined)
            return answer(404, 'text/plain', 'only a speaker in a cluster has a report\n');
          return stream(response, followReport);
        }
        case '/': {
          const report = status({});
          response.writeHead(200, { ...PAGE_HEADERS, 'cache-control': 'no-store' });
          response.end(statusPage(report, seenFrom(report)));
          return;
        }
        case '/page.js':
          return answer(200, 'text/javascript; charset=utf-8', PAGE_SCRIPT);
        case '/page.css':
          return answer(200, 'text/css; charset=utf-8', PAGE_STYLE);
        case '/events':
          stream(response, (sink) => this.#watchers.add(sink));
          this.#tellWatchers();
          return;
        default:
          return answer(404, 'text/plain', 'there are /, /healthz, /readyz, /metrics, /status and /report\n');
      }
    } catch (thrown) {
      this.#deps.logger.error('a bug: a status request failed', { url: request.url, err: thrown });
      answer(500, 'text/plain', `${messageOf(thrown)}\n`);
    }
  }
}

/** How it looks from one process alone. */
const seenFrom = (report: StatusReport): ClusterStatus => clusterStatus([{ name: report.node, ok: true, report }]);

function stream(response: ServerResponse, follow: (sink: Sink) => boolean): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.flushHeaders();
  if (!follow(response)) response.destroy();
}

/** A process that was killed leaves the file of its socket behind: nobody listens there. */
function isAbandoned(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path }, () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error) => resolve(systemCodeOf(error) === 'ECONNREFUSED'));
  });
}

function remove(path: string): Error | undefined {
  try {
    rmSync(path, { force: true });
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error ? thrown : new Error(String(thrown));
  }
}

function checked(failures: readonly string[], answer: (status: number, type: string, body: string) => void): void {
  if (failures.length === 0) answer(200, 'text/plain', 'ok\n');
  else answer(503, 'text/plain', `${failures.join('\n')}\n`);
}

function statusQuery(parameters: URLSearchParams): Decoded<StatusQuery, string> {
  const holder = parameters.get('holder') ?? undefined;
  const service = parameters.get('service') ?? undefined;
  const text = parameters.get('address');
  if (text === null) return decoded({ holder, service });
  const address = parseIpAddress(text);
  return address.ok ? decoded({ address: address.value, holder, service }) : address;
}
