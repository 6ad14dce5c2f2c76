import { machineTime } from '../../base/clock.ts';
import { ClarionError, ExitCode, messageOf } from '../../base/errors.ts';
import type { Progress, Scene } from '../../terminal/progress.ts';
import type { PromiseOutcome, Promises } from './promises.ts';

/** What `clarion demo --json` prints, with `kept`, `of` and `seconds` counted. */
export interface DemoResult {
  readonly scenes: readonly Scene[];
  readonly promises: readonly PromiseOutcome[];
  readonly kept: number;
  readonly of: number;
  readonly seconds: number;
  /** The step that did not do what it should, and what the programs wrote last. */
  readonly failure?: { readonly message: string; readonly log: readonly string[] };
}

export interface Story<Key extends string> {
  readonly steps: readonly (() => Promise<void>)[];
  readonly progress: Progress;
  readonly promises: Promises<Key>;
  readonly lastWords: () => readonly string[];
}

/** One step after another, and what came of the promises. A step that fails ends the story. */
export async function tellStory<Key extends string>({
  steps,
  progress,
  promises,
  lastWords,
}: Story<Key>): Promise<DemoResult> {
  const started = machineTime();
  let failure: DemoResult['failure'];
  try {
    for (const step of steps) await step();
  } catch (thrown) {
    // The machine's fault is the caller's to report; a step that failed ends the story and breaks what it had yet to show.
    if (thrown instanceof ClarionError && thrown.exitCode === ExitCode.environment) throw thrown;
    failure = { message: messageOf(thrown), log: lastWords() };
  }
  const outcomes = promises.outcomes();
  const kept = outcomes.filter((outcome) => outcome.kept).length;
  const seconds = Math.round((machineTime() - started) / 100) / 10;
  const result = { scenes: progress.scenes, promises: outcomes, kept, of: outcomes.length, seconds };
  return failure === undefined ? result : { ...result, failure };
}
