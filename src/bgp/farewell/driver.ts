import { type Clock, type Milliseconds, ms } from '../../base/clock.ts';
import type { Stream } from '../../network/ports.ts';

const POLL = ms(10);

/** Resolves when the work is done, or the time is over. */
export function within(clock: Clock, limit: Milliseconds, work: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.startTimer('bgp stop', limit, resolve);
    void work.then(() => {
      timer.stop();
      resolve();
    });
  });
}

/** Until the routers have acknowledged what was said last: the process may end after that. */
export async function delivered(clock: Clock, limit: Milliseconds, streams: readonly Stream[]): Promise<void> {
  const end = clock.now() + limit;
  while (streams.some((stream) => stream.unacknowledged() > 0) && clock.now() < end)
    await new Promise<void>((resolve) => void clock.startTimer('bgp farewell', POLL, resolve));
}
