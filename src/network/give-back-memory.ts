import { Session } from 'node:inspector';
import { performance } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { afterThisTurn, type Clock, seconds, type Timer } from '../base/clock.ts';
import { loadAddon } from './addon.ts';

/**
 * Gives memory back to the system when a storm is over. V8 collects when it needs room, so a process that has read ten
 * thousand Services and then has nothing to do keeps several times what it needs, for ever. Ours is mostly idle and shares its
 * node with others. Each thread sees to its own heap, at three looks that find it idle: two that collect, since the first
 * leaves a tenth more behind (pages that it could not move yet), and one that trims what the C library keeps.
 */
const LOOK_EVERY = seconds(2);
const QUIET_SHARE = 0.1;
const WORTH_IT_OCTETS = 4 << 20;

/**
 * `at-once` collects all that V8 can find and holds up the thread for a fifth of a second at most, with ten thousand Services;
 * `in-steps` goes on in the background and holds it up for a few milliseconds. Returns how to stop it.
 */
export function giveBackMemory(clock: Clock, how: 'at-once' | 'in-steps'): () => void {
  const addon = loadAddon();
  const collect = how === 'at-once' ? collectAtOnce : () => addon.ok && addon.value.collectInSteps();
  let left = 0;
  let next: 'nothing' | 'collect-again' | 'trim' = 'nothing';
  let timer: Timer | undefined;
  let before = performance.eventLoopUtilization();
  const giveBack = (): void => {
    const used = getHeapStatistics().used_heap_size;
    if (next === 'trim') {
      if (addon.ok) addon.value.trimMemory();
      left = used;
      next = 'nothing';
    } else if (next === 'collect-again' || used > left + WORTH_IT_OCTETS) {
      collect();
      next = next === 'nothing' ? 'collect-again' : 'trim';
    }
  };
  const look = (): void => {
    if (performance.eventLoopUtilization(before).utilization < QUIET_SHARE) giveBack();
    before = performance.eventLoopUtilization();
    timer = clock.startTimer('memory', LOOK_EVERY, look);
  };
  timer = clock.startTimer('memory', LOOK_EVERY, look);
  return () => timer?.stop();
}

/**
 * For all threads, and to be called before there is much in memory. On a machine with much memory V8 lets a heap grow to four
 * times what is alive in it before it collects; ours would have 700 MB for 80, and a container's limit counts them all. It has no
 * limit of its own with this: a process that really needs more gets more.
 */
export const collectEarly = (): void => setFlagsFromString('--heap-growing-percent=50');

/** The one documented way to ask V8 for all that it can free, without a flag. */
function collectAtOnce(): void {
  const session = new Session();
  session.connect();
  session.post('HeapProfiler.collectGarbage', () => {
    // Node 20 hangs for ever where a session is disconnected in its own callback.
    afterThisTurn(() => session.disconnect());
  });
}
