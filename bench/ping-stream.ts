import { createInterface } from 'node:readline';
import { seconds } from '../src/base/clock.ts';
import { Feed } from '../src/lab/feed.ts';
import { ended, type Lab } from '../src/lab/lab.ts';
import { tool } from './harness.ts';

/** An echo request of the client every 5 ms, exactly, whatever comes back. */
const EVERY_US = 5000;
/** Answers at the start, before anything is done to what answers. */
const STEADY = 20;

interface Answer {
  readonly sequence: number;
  /** Machine time. */
  readonly at: number;
}

export interface Stream {
  readonly sent: number;
  readonly lost: number;
  /** The longest time between two answers. */
  readonly gap: number;
  /** Of those that were lost, how many were sent after that gap. */
  readonly lostAfter: number;
}

export interface PingStream {
  /** It is answered now; throws when it is not within 20 s. */
  answered(): Promise<void>;
  stop(): Promise<Stream>;
}

/** Returns when it is answered steadily. */
export async function startPings(lab: Lab, address: string): Promise<PingStream> {
  const child = lab.spawn('client', [tool('pinger'), address, String(EVERY_US)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers = new Feed<Answer>();
  let sent = 0;
  if (child.stdout !== null)
    createInterface(child.stdout).on('line', (line) => {
      const [word, value] = line.split(' ');
      if (word === 'sent') sent = Number(value);
      else answers.push({ sequence: Number(word), at: Number(value) });
    });
  await answers.first(`${address} answers`, STEADY, seconds(10), () => true);
  return {
    async answered() {
      await answers.first(`${address} answers again`, answers.mark(), seconds(20), () => true);
    },
    async stop() {
      child.stdin?.end();
      await ended(child);
      return judge(answers.since(0), sent);
    },
  };
}

/** What was lost before the first answer was the client's own search for the address. */
function judge(answers: readonly Answer[], total: number): Stream {
  const answered = new Set(answers.map(({ sequence }) => sequence));
  const from = answers[0]?.sequence ?? total;
  let gap = 0;
  let first = from;
  for (const [i, { at, sequence }] of answers.entries()) {
    if (i === 0 || at - answers[i - 1]!.at <= gap) continue;
    gap = at - answers[i - 1]!.at;
    first = sequence;
  }
  const lostFrom = (start: number): number =>
    total - start + 1 - [...answered].filter((sequence) => sequence >= start).length;
  return { sent: total - from + 1, lost: lostFrom(from), gap, lostAfter: lostFrom(first) };
}
