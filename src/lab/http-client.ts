import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { machineTime, seconds } from '../base/clock.ts';
import type { Lab } from './lab.ts';
import { startTool } from './tool-process.ts';

/** A client in the lab. It stays, so that a request costs a request and not the start of a program. */
export interface HttpAnswer {
  readonly id: number;
  readonly ok: boolean;
  /** The body, or why there is none. */
  readonly text: string;
  /** How long it took, milliseconds. */
  readonly took: number;
}

interface HttpQuestion {
  readonly id: number;
  readonly url: string;
  /** Milliseconds. */
  readonly limit: number;
}

export interface HttpClient {
  get(url: string, limit?: number): Promise<HttpAnswer>;
}

export async function startHttpClient(lab: Lab, host: string): Promise<HttpClient> {
  const tool = await startTool<HttpAnswer>(lab, host, ['http-client']);
  let next = 0;
  return {
    get(url, limit = 2000) {
      const id = ++next;
      const mark = tool.seen.mark();
      tool.send({ id, url, limit } satisfies HttpQuestion);
      return tool.seen.first(
        `the client's request to ${url} ends`,
        mark,
        seconds(limit / 1000 + 5),
        (answer) => answer.id === id,
      );
    },
  };
}

/** The part that runs in the client: a question a line, an answer a line, each with a connection of its own. */
export function runHttpClient(emit: (line: object) => void): void {
  createInterface(process.stdin).on('line', (line) => {
    const { id, url, limit } = JSON.parse(line) as HttpQuestion;
    const started = machineTime();
    const answer = (ok: boolean, text: string): void =>
      emit({ id, ok, text, took: machineTime() - started } satisfies HttpAnswer);
    const signal = AbortSignal.timeout(limit);
    const failed = (error: Error): void =>
      answer(false, signal.aborted ? `no answer within ${limit} ms` : error.message);
    const asked = request(url, { agent: false, signal }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => answer(response.statusCode === 200, body.trim())).on('error', failed);
    });
    asked.on('error', failed);
    asked.end();
  });
  emit({ ready: true });
}
