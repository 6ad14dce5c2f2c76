import { ms } from '../../src/base/clock.ts';
import type { AnnotationWriter, WriteOutcome } from '../../src/cluster/ports.ts';
import type { Waiting } from '../../src/commands/operation.ts';
import type { Answer } from '../../src/status/cluster-status.ts';
import type { StatusQuery } from '../../src/status/report.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

type Annotated = Parameters<AnnotationWriter['annotate']>;

/** A command that waits, on virtual time, and processes that say what the test wants. */
export class Operated {
  readonly clock = new VirtualClock();
  readonly said: string[] = [];
  readonly annotated: Annotated[] = [];
  outcome: WriteOutcome = { kind: 'done' };
  interrupt: () => void = () => {};
  #answers: (query: StatusQuery) => readonly Answer[];

  constructor(answers: (query: StatusQuery) => readonly Answer[]) {
    this.#answers = answers;
  }

  answer(answers: (query: StatusQuery) => readonly Answer[]): void {
    this.#answers = answers;
  }

  waiting(timeout: number): Waiting {
    return {
      reach: {
        ask: async (query = {}) => this.#answers(query),
        askEvery: ms(50),
        annotate: async (...given) => {
          this.annotated.push(given);
          return this.outcome;
        },
      },
      clock: this.clock,
      timeout: ms(timeout),
      interrupted: new Promise((resolve) => {
        this.interrupt = () => resolve('interrupted');
      }),
      say: (text) => this.said.push(text),
    };
  }

  /** Lets this many virtual milliseconds pass, everything asynchronous included. */
  async run(duration: number): Promise<void> {
    for (let i = 0; i < duration; i += 10) {
      for (let turn = 0; turn < 30; turn++) await Promise.resolve();
      this.clock.advance(10);
    }
    for (let turn = 0; turn < 30; turn++) await Promise.resolve();
  }
}
