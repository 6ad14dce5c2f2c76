import { Session } from 'node:inspector';
import { performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { afterThisTurn, type Clock, seconds, type Timer } from '../base/clock.ts';

/**
 * Gives memory back to the system when a storm is over. V8 collects when it needs room, so a process that has read ten
 * thousand Services and then has nothing to do keeps several times what it needs, for ever. Ours is mostly idle and shares its
 * node with others. A collection holds up the control thread for a fifth of a second at most, and the wire thread not at all.
 */
const LOOK_EVERY = seconds(2);
const QUIET_SHARE = 0.1;
const WORTH_IT_OCTETS = 4 << 20;

/** Returns how to stop it. */
export function giveBackMemory(clock: Clock): () => void {
  let leftLast = 0;
  let timer: Timer | undefined;
  let before = performance.eventLoopUtilization();
  const look = (): void => {
    const { utilization } = performance.eventLoopUtilization(before);
    if (utilization < QUIET_SHARE && getHeapStatistics().used_heap_size > leftLast + WORTH_IT_OCTETS) {
      collect(() => {
        leftLast = getHeapStatistics().used_heap_size;
      });
    }
    before = performance.eventLoopUtilization();
    timer = clock.startTimer('memory', LOOK_EVERY, look);
  };
  timer = clock.startTimer('memory', LOOK_EVERY, look);
  return () => timer?.stop();
}

/** The one documented way to ask V8 for all that it can free, without a flag. */
function collect(collected: () => void): void {
  const session = new Session();
  session.connect();
  session.post('HeapProfiler.collectGarbage', () => {
    // Node 20 hangs for ever where a session is disconnected in its own callback.
    afterThisTurn(() => session.disconnect());
    collected();
  });
}
