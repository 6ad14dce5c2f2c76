import { request } from 'node:http';
import { type Milliseconds, machineTime, ms, seconds, systemClock, type Timer } from '../base/clock.ts';
import type { Lab } from './lab.ts';
import { startTool } from './tool-process.ts';

/**
 * A host that makes a new TCP connection every few milliseconds and asks for a page on it, as users of a Service do; a ping
 * would say nothing where kube-proxy answers for its ports only.
 */
export interface ConnectionsResult {
  readonly made: number;
  /** Refused, or without a whole answer in time (`PATIENCE`). */
  readonly failed: number;
  /**
   * Made, and reset before they had their answer: such a one was open when the address went to another node, whose kube-proxy
   * does not know it.
   */
  readonly reset: number;
  /** The longest time from the start of one that was answered to the start of the next that was, milliseconds. */
  readonly gap: number;
  /** What was answered, and how often. */
  readonly answers: Readonly<Record<string, number>>;
}

export interface Connections {
  /** One that was begun after this call has been answered; throws (exit 1) when none is in ten seconds. */
  answered(): Promise<void>;
  stop(): Promise<ConnectionsResult>;
}

/** Below the second after which a kernel asks again by itself: a lost packet is a failure. */
const PATIENCE = ms(900);
/** Answers at the start, before anything is done to what answers. */
const STEADY = 20;

type Told = { readonly steady: true } | { readonly answered: true } | { readonly result: ConnectionsResult };

/** Returns when it is answered steadily. */
export async function startConnections(lab: Lab, host: string, url: string, every: Milliseconds): Promise<Connections> {
  const tool = await startTool<Told>(lab, host, ['connections', url, String(every)]);
  await tool.seen.first(`${url} answers ${host} steadily`, 0, seconds(10), (told) => 'steady' in told);
  return {
    async answered() {
      const mark = tool.seen.mark();
      tool.send({ ask: 'answered' });
      await tool.seen.first(`${url} answers ${host} again`, mark, seconds(10), (told) => 'answered' in told);
    },
    async stop() {
      const mark = tool.seen.mark();
      tool.send({ ask: 'stop' });
      const told = await tool.seen.first(`${host} ends its connections`, mark, seconds(5), (one) => 'result' in one);
      return (told as { readonly result: ConnectionsResult }).result;
    },
  };
}

/** The part that runs in the host. */
export function runConnections([url = '', every = '5']: readonly string[], emit: (line: object) => void): void {
  const answeredAt: number[] = [];
  const answers: Record<string, number> = {};
  const counts = { made: 0, failed: 0, reset: 0, open: 0, inRow: 0 };
  let waitsSince: number | undefined;
  let stopping = false;
  let timer: Timer;

  const finish = (started: number, outcome: 'failed' | 'reset' | { readonly text: string }): void => {
    counts.open--;
    if (typeof outcome === 'string') {
      counts[outcome]++;
      counts.inRow = 0;
    } else {
      const { text } = outcome;
      answeredAt.push(started);
      answers[text] = (answers[text] ?? 0) + 1;
      if (++counts.inRow === STEADY) emit({ steady: true } satisfies Told);
      if (waitsSince !== undefined && started > waitsSince) {
        waitsSince = undefined;
        emit({ answered: true } satisfies Told);
      }
    }
    if (stopping && counts.open === 0) emit({ result: result() } satisfies Told);
  };
  const result = (): ConnectionsResult => {
    const inOrder = answeredAt.toSorted((a, b) => a - b);
    const gaps = inOrder.slice(1).map((at, index) => at - inOrder[index]!);
    const gap = gaps.reduce((longest, one) => Math.max(longest, one), inOrder.length < 2 ? PATIENCE : 0);
    return { made: counts.made, failed: counts.failed, reset: counts.reset, gap, answers };
  };
  const connect = (): void => {
    const started = machineTime();
    counts.made++;
    counts.open++;
    let over = false;
    let connected = false;
    const end = (outcome: Parameters<typeof finish>[1]): void => {
      if (!over) finish(started, outcome);
      over = true;
    };
    const failed = (error: NodeJS.ErrnoException): void =>
      end(connected && error.code === 'ECONNRESET' ? 'reset' : 'failed');
    const asked = request(url, { agent: false, signal: AbortSignal.timeout(PATIENCE) }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => end(response.statusCode === 200 ? { text: body.trim() } : 'failed'));
      response.on('error', failed);
    });
    asked.on('socket', (socket) => socket.once('connect', () => (connected = true)));
    asked.on('error', failed).end();
  };
  let due = machineTime() + Number(every);
  const next = (): void => {
    connect();
    const now = machineTime();
    // On a machine that is late none is made up for.
    due = Math.max(due + Number(every), now);
    timer = systemClock.startTimer('next connection', ms(due - now), next);
  };
  process.stdin.setEncoding('utf8').on('data', (text: string) => {
    if (text.includes('"answered"')) waitsSince = machineTime();
    if (!text.includes('"stop"')) return;
    stopping = true;
    timer.stop();
    if (counts.open === 0) emit({ result: result() } satisfies Told);
  });
  emit({ ready: true });
  next();
}
