import { type Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { afterThisTurn, type Clock, type Milliseconds, ms, seconds, type Timer } from '../../base/clock.ts';
import { messageOf, systemCodeOf } from '../../base/errors.ts';
import { parseBody, statusFailure } from './api-answer.ts';
import type {
  ApiAccess,
  ApiAnswer,
  ApiClient,
  ApiRequest,
  ApiStream,
  StreamEnd,
  StreamHandlers,
  StreamOptions,
  Unreachable,
} from './api-client.ts';
import { LineSplitter } from './line-splitter.ts';

/**
 * HTTP/1.1 on connections that are kept. Sent a second time, at once, is what no server can have acted on: a request that was
 * refused as 401 or whose server's certificate we do not trust, if looking again gives other credentials (tokens of a Pod are
 * renewed each hour, certificates each year); and a GET on a kept connection that the server had already closed.
 */
export interface ApiClientOptions {
  readonly access: ApiAccess;
  readonly clock: Clock;
  /** For the API server's audit log: `clarion-controller/1.0`. */
  readonly userAgent: string;
}

const REQUEST_TIMEOUT = seconds(30);
/** Of an answer that is read as a whole. A page of 500 objects is 1 MB; one object is at most 1.5 MiB in etcd. */
const BODY_LIMIT = 64 * 1024 * 1024;
/** Of an error's body; what is behind it tells nobody anything. */
const ERROR_BODY_LIMIT = 1024 * 1024;
/** Of one event of a watch, in characters. */
const LINE_LIMIT = 16 * 1024 * 1024;

export function openApiClient(options: ApiClientOptions): ApiClient {
  return new HttpApiClient(options);
}

interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

interface Hooks {
  answered(response: IncomingMessage): void;
  failed(failure: Unreachable): void;
}

class HttpApiClient implements ApiClient {
  readonly #options: ApiClientOptions;
  readonly #server: URL;
  readonly #underWay = new Set<(failure: Unreachable) => void>();
  #closed = false;

  constructor(options: ApiClientOptions) {
    this.#options = options;
    this.#server = new URL(options.access.server);
  }

  request({ method, path, body, contentType, timeout = REQUEST_TIMEOUT }: ApiRequest): Promise<ApiAnswer> {
    const { clock } = this.#options;
    const headers = {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
    };
    return new Promise((resolve) => {
      const call = this.#send(
        { method, path, headers, body: body === undefined ? undefined : JSON.stringify(body) },
        {
          answered: (response) => readWhole(response, finish),
          failed: (failure) => finish(failure),
        },
      );
      const cancel = (failure: Unreachable): void => {
        finish(failure);
        call.abort();
      };
      const timer = clock.startTimer('api request', timeout, () =>
        cancel(this.#unreachable(`no answer within ${timeout / 1000} s`)),
      );
      const finish = (answer: ApiAnswer): void => {
        timer.stop();
        this.#underWay.delete(cancel);
        resolve(answer);
      };
      this.#underWay.add(cancel);
    });
  }

  stream(path: string, handlers: StreamHandlers, options: StreamOptions): ApiStream {
    const { accept = 'application/json', idleTimeout } = options;
    let over = false;
    const end = (how: StreamEnd): void => {
      if (over) return;
      close();
      handlers.ended(how);
    };
    const unanswered = ms(Math.min(idleTimeout, REQUEST_TIMEOUT));
    const idle = new IdleTimer(this.#options.clock, unanswered, (limit) =>
      end(this.#unreachable(`not a word within ${limit / 1000} s`)),
    );
    const call = this.#send(
      { method: 'GET', path, headers: { accept }, body: undefined },
      {
        answered: (response) => {
          idle.heard();
          if (response.statusCode === 200) idle.limit = idleTimeout;
          else {
            readWhole(response, (answer) => end(answer.kind === 'ok' ? { kind: 'closed' } : answer));
            return;
          }
          handlers.opened?.();
          const lines = new LineSplitter(LINE_LIMIT);
          response.setEncoding('utf8');
          response.on('data', (text: string) => {
            idle.heard();
            const complete = lines.push(text);
            if (complete === undefined)
              end({ ...this.#unreachable('a line of the stream is longer than we take'), tooLarge: true });
            for (const line of complete ?? []) {
              // A handler may have closed the stream.
              if (over) return;
              handlers.line(line);
            }
          });
          response.on('end', () => end({ kind: 'closed' }));
          response.on('error', (error) => end(this.#unreachable(messageOf(error))));
          response.on('close', () => end(this.#unreachable('the connection was cut')));
        },
        failed: end,
      },
    );
    const close = (): void => {
      over = true;
      idle.stop();
      this.#underWay.delete(end);
      call.abort();
    };
    this.#underWay.add(end);
    return { close };
  }

  close(): void {
    this.#closed = true;
    for (const cancel of [...this.#underWay]) cancel(this.#unreachable('the client was closed'));
  }

  #unreachable(why: string): Unreachable {
    return { kind: 'unreachable', message: `${this.#options.access.server}: ${why}` };
  }

  /** Exactly one of the hooks is called, later, unless it is aborted first. */
  #send(outgoing: Outgoing, hooks: Hooks): { abort(): void } {
    let current: { destroy(): unknown } | undefined;
    let aborted = false;
    let mayLookAgain = true;
    let mayRepeat = outgoing.method === 'GET';
    const { access, userAgent } = this.#options;

    const failed = (why: string): void => {
      if (!aborted) hooks.failed(this.#unreachable(why));
    };
    const attempt = async (refresh: boolean, before?: Sent): Promise<void> => {
      const credentials = await access.credentials(refresh);
      if (aborted) return;
      if (this.#closed) return failed('the client was closed');
      if (!credentials.ok) return failed(credentials.error);
      const { agent, authorization } = credentials.value;
      // Looking again gave nothing new: the answer that made us look is the answer.
      if (before?.agent === agent && before.authorization === authorization) return before.otherwise();
      before?.discard();
      transmit({ agent, authorization });
    };
    const again = (sent: Sent): void => {
      mayLookAgain = false;
      void attempt(true, sent);
    };
    const transmit = ({ agent, authorization }: Pick<Sent, 'agent' | 'authorization'>): void => {
      const send = this.#server.protocol === 'https:' ? httpsRequest : httpRequest;
      const url = new URL(this.#server.pathname.replace(/\/$/, '') + outgoing.path, this.#server);
      const headers = {
        ...outgoing.headers,
        'user-agent': userAgent,
        ...(authorization === undefined ? {} : { authorization }),
        ...(outgoing.body === undefined ? {} : { 'content-length': Buffer.byteLength(outgoing.body) }),
      };
      const request = send(url, { method: outgoing.method, agent, headers });
      current = request;
      let answered = false;
      request.on('response', (response) => {
        answered = true;
        const hand = (): void => {
          if (!aborted) hooks.answered(response);
        };
        // Before a reader is attached the connection may already fail; that is seen by 'close' then.
        response.on('error', () => {});
        if (response.statusCode === 401 && mayLookAgain)
          again({ agent, authorization, otherwise: hand, discard: () => response.resume() });
        else hand();
      });
      request.on('error', (error) => {
        if (aborted || answered) return;
        const why = explain(error);
        if (isDistrust(error) && mayLookAgain) {
          again({ agent, authorization, otherwise: () => failed(why), discard() {} });
        } else if (request.reusedSocket && mayRepeat) {
          mayRepeat = false;
          dropIdle(agent);
          transmit({ agent, authorization });
        } else failed(why);
      });
      request.end(outgoing.body);
    };
    attempt(false).catch((thrown: unknown) => failed(messageOf(thrown)));
    return {
      abort() {
        aborted = true;
        current?.destroy();
      },
    };
  }
}

/** A request that was not accepted: with what, and what to do once it is known whether there is anything better. */
interface Sent {
  readonly agent: Agent;
  readonly authorization: string | undefined;
  otherwise(): void;
  discard(): void;
}

function readWhole(response: IncomingMessage, done: (answer: ApiAnswer) => void): void {
  const code = response.statusCode ?? 0;
  const ok = code >= 200 && code < 300;
  const limit = ok ? BODY_LIMIT : ERROR_BODY_LIMIT;
  const chunks: Buffer[] = [];
  let length = 0;
  const cut = (): void => done({ kind: 'unreachable', message: `the answer (HTTP ${code}) was cut off` });
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= limit) chunks.push(chunk);
    else if (ok) {
      const message = `the answer has more than ${limit / 1024 / 1024} MiB`;
      done({ kind: 'unreachable', message, tooLarge: true });
      response.destroy();
    }
  });
  response.on('end', () => {
    if (!response.complete) return cut();
    const body = parseBody(Buffer.concat(chunks).toString('utf8'), response.headers['content-type']);
    if (!ok) done(statusFailure(code, response.headers['retry-after'], body.ok ? body.value : ''));
    else if (body.ok) done({ kind: 'ok', code, body: body.value });
    else done({ kind: 'unreachable', message: body.error });
  });
  // After 'end' the promise is settled already, and this says nothing any more.
  response.on('close', cut);
}

/** Fires when nothing was heard for the time. Whatever waits in the socket is read first: we may be what slept. */
class IdleTimer {
  readonly #clock: Clock;
  readonly #fire: (limit: Milliseconds) => void;
  /** Looked at when the one of before is over. */
  limit: Milliseconds;
  #last: Milliseconds;
  #timer: Timer;

  constructor(clock: Clock, limit: Milliseconds, fire: (limit: Milliseconds) => void) {
    this.#clock = clock;
    this.limit = limit;
    this.#fire = fire;
    this.#last = clock.now();
    this.#timer = this.#start(limit);
  }

  heard(): void {
    this.#last = this.#clock.now();
  }

  stop(): void {
    this.#timer.stop();
  }

  #start(after: Milliseconds): Timer {
    return this.#clock.startTimer('api stream idle', after, () => {
      this.#timer = afterThisTurn(() => {
        const left = ms(this.#last + this.limit - this.#clock.now());
        if (left > 0) this.#timer = this.#start(left);
        else this.#fire(this.limit);
      });
    });
  }
}

/** A certificate that we do not trust, or ours that the server does not. */
const isDistrust = (error: Error): boolean =>
  /CERT|SELF_SIGNED|ISSUER|LEAF_SIGNATURE|^ERR_TLS|^ERR_SSL|^EPROTO/.test(systemCodeOf(error) ?? '');

function explain(error: Error): string {
  if (isDistrust(error)) return `its certificate is not accepted: ${error.message}`;
  // A host with several addresses fails once for each; the message of the whole is empty then.
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  return error.message;
}

/** What the server closed once it has most likely closed on all idle connections. */
function dropIdle(agent: Agent): void {
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}
