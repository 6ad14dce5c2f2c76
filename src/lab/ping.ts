import { createInterface } from 'node:readline';
import { type Milliseconds, ms, seconds, systemClock } from '../base/clock.ts';
import { environmentError } from '../base/errors.ts';
import { Feed } from './feed.ts';
import { ended, type Lab } from './lab.ts';

/** What a host's own `ping` saw. */
export interface PingResult {
  readonly sent: number;
  readonly lost: number;
  /** The longest time between two answers, milliseconds; infinite where there were not two. */
  readonly gap: number;
}

export interface Ping {
  /** One more than the number of answers so far has come; throws (exit 1) when it does not in five seconds. */
  answered(): Promise<void>;
  stop(): Promise<PingResult>;
}

/** Answers at the start, before anything is done to what answers. */
const STEADY = 20;

/** Returns when it is answered steadily. */
export async function startPing(lab: Lab, host: string, address: string, every: Milliseconds): Promise<Ping> {
  const child = lab.spawn(host, ['ping', '-n', '-D', '-i', `${every / 1000}`, address], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const answers = new Feed<Answer>();
  let words = '';
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null)
      createInterface(stream).on('line', (line) => {
        const answer = readAnswer(line);
        if (answer === undefined) words += `${line}\n`;
        else answers.push(answer);
      });
  await answers.first(`${address} answers ${host}'s ping`, STEADY, seconds(5), () => true);
  return {
    async answered() {
      await answers.first(`${address} answers ${host}'s ping again`, answers.mark(), seconds(5), () => true);
    },
    async stop() {
      child.kill('SIGINT');
      const overdue = systemClock.startTimer('ping ends', seconds(5), () => child.kill('SIGKILL'));
      await ended(child);
      overdue.stop();
      const sent = Number(/(\d+) packets transmitted/.exec(words)?.[1]);
      if (!Number.isFinite(sent)) throw environmentError(`ping in ${host}: ${words.trim()}`);
      return pingResult(answers.since(0), sent);
    },
  };
}

interface Answer {
  readonly sequence: number;
  readonly at: number;
}

function readAnswer(line: string): Answer | undefined {
  const { at, sequence } = /^\[(?<at>[\d.]+)\] \d+ bytes from .* icmp_seq=(?<sequence>\d+) /.exec(line)?.groups ?? {};
  return at === undefined ? undefined : { at: Number(at) * 1000, sequence: Number(sequence) };
}

/** The very last one may still have been on its way when the ping was ended. */
function pingResult(answers: readonly Answer[], transmitted: number): PingResult {
  const answered = new Set(answers.map(({ sequence }) => sequence));
  const sent = answered.has(transmitted) ? transmitted : transmitted - 1;
  let gap = answers.length < 2 ? Number.POSITIVE_INFINITY : 0;
  for (const [i, { at }] of answers.entries()) if (i > 0) gap = Math.max(gap, at - answers[i - 1]!.at);
  return { sent, lost: sent - answered.size, gap: ms(gap) };
}
