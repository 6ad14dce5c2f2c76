import type { Logger } from '../base/logger.ts';
import type { Problem } from '../base/problem.ts';

/** More of them are told as a count: a folder of nonsense must not become a flood. */
const TOLD_AT_ONCE = 50;

/**
 * Logs each problem once while it lasts, and that it is over; call it with all there are, after each pass. Returns those that
 * were not there before.
 */
export function problemLog(logger: Logger): (problems: readonly Problem[]) => readonly Problem[] {
  let known = new Map<string, Problem>();
  let last: readonly Problem[] = [];
  return (problems) => {
    if (problems.length === last.length && problems.every((problem, i) => problem === last[i])) return [];
    last = problems;
    const current = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
    const fresh = [...current].filter(([key]) => !known.has(key)).map(([, problem]) => problem);
    for (const problem of fresh.slice(0, TOLD_AT_ONCE)) {
      if (problem.severity === 'error') logger.error('problem', { ...problem });
      else logger.warn('problem', { ...problem });
    }
    if (fresh.length > TOLD_AT_ONCE) logger.warn('more problems, not listed', { count: fresh.length - TOLD_AT_ONCE });
    const over = [...known.keys()].filter((key) => !current.has(key)).length;
    if (over > 0) logger.info('problems mended', { count: over, left: current.size });
    known = current;
    return fresh;
  };
}
