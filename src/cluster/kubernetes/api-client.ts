import type { Agent } from 'node:http';
import type { Milliseconds } from '../../base/clock.ts';
import type { Decoded } from '../../base/decoded.ts';

/**
 * What everything in this folder says to an API server, and what comes back: values, never an exception. http-client.ts speaks
 * it over node:https; in-cluster.ts and kubeconfig.ts know the way to a server and who we are there.
 *
 * Deliberately missing: retries (reflector and writers have rules of their own; only what no server can have seen is sent a
 * second time), generated types (bodies are JSON as the server sent it, judged by inventory and config), protobuf, HTTP/2.
 */
export interface ApiClient {
  /** Answers always, at the latest after `timeout`. */
  request(request: ApiRequest): Promise<ApiAnswer>;
  /** A GET whose answer has no end, line by line: a watch, or text/event-stream through `pods/NAME:PORT/proxy/...`. */
  stream(path: string, handlers: StreamHandlers, options: StreamOptions): ApiStream;
  /** Whatever is under way ends as unreachable. */
  close(): void;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From the server's root, query included: `/api/v1/services?limit=500`. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Of the body; default application/json. A PATCH names its kind here. */
  readonly contentType?: string;
  /** For all of it, from the call to the last byte; default 30 s. */
  readonly timeout?: Milliseconds;
}

export type ApiAnswer =
  /** `body` is parsed where the server calls it JSON, else the text. */
  { readonly kind: 'ok'; readonly code: number; readonly body: unknown } | ApiFailure;

export type ApiFailure = StatusFailure | Unreachable;

/** The server (or something before it) said no: HTTP 3xx to 5xx, mostly with a metav1.Status. */
export interface StatusFailure {
  readonly kind: 'status';
  readonly code: number;
  /** Of the Status: Conflict, Expired, TooManyRequests, ...; '' where it is none. */
  readonly reason: string;
  /** One line for people. */
  readonly message: string;
  /** Ask no earlier than after this time. */
  readonly retryAfter: Milliseconds | undefined;
  /** As in ApiAnswer: a 410 on a page of a list has a token for the rest in it. */
  readonly body: unknown;
}

/** No answer, or none that can be read: refused, reset, timed out, a certificate that we do not trust, no credentials, too large. */
export interface Unreachable {
  readonly kind: 'unreachable';
  readonly message: string;
  /** The answer came and is larger than we take: to ask for less is worth a try. */
  readonly tooLarge?: true;
}

/** None of them is called during the call of `stream` itself, nor after `close`. */
export interface StreamHandlers {
  /** The server has said 200. */
  opened?(): void;
  /** Without its end (LF or CR LF); empty lines too, which end an event of text/event-stream. */
  line(line: string): void;
  /** Exactly once, the last call. An unfinished line is dropped. */
  ended(how: StreamEnd): void;
}
export type StreamEnd = { readonly kind: 'closed' } | ApiFailure;

export interface StreamOptions {
  /** Ended as unreachable when not a byte came for so long; for the answer itself it waits 30 s at most. */
  readonly idleTimeout: Milliseconds;
  /** Default application/json. */
  readonly accept?: string;
}

export interface ApiStream {
  close(): void;
}

/** Where the server is and who we are there. */
export interface ApiAccess {
  /** https://HOST:PORT or http://..., maybe with a path before all others; for messages too. */
  readonly server: string;
  /** `refresh`: what was given last was not accepted; look again, now. The error is a sentence. */
  credentials(refresh: boolean): Promise<Decoded<ApiCredentials, string>>;
}

export interface ApiCredentials {
  /** The value of the header Authorization. */
  readonly authorization: string | undefined;
  /** Holds the certificates that we trust or show. The same one until those change; kept connections live in it. */
  readonly agent: Agent;
}
