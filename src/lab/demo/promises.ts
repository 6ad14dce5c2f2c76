import { ClarionError, ExitCode } from '../../base/errors.ts';
import { formatMs } from '../../terminal/progress.ts';
import { formatTable, type Style } from '../../terminal/table.ts';

/**
 * What the demo promises, decided before anything is measured. A promise that was not measured is a broken one.
 * The bounds are for a busy machine with two cores; what a quiet one does is in bench/README.md.
 */
const PROMISES = {
  ready: { name: 'standalone runs, after its start', promised: 500, unit: 'ms' },
  assigned: { name: 'address in the status, after the Service is written', promised: 20, unit: 'ms' },
  announced4: { name: 'first gratuitous ARP, after its endpoint is written', promised: 20, unit: 'ms' },
  announced6: { name: 'first unsolicited NA, after its endpoint is written', promised: 20, unit: 'ms' },
  lost: { name: 'requests lost while the pool is edited', promised: 0, unit: 'count' },
  moved: { name: 'addresses moved by the edits', promised: 0, unit: 'count' },
  withdrawn: { name: 'last answer, after the last endpoint is gone', promised: 50, unit: 'ms' },
  returned: { name: 'announced again, after the endpoint is back', promised: 20, unit: 'ms' },
  reported: { name: 'conflict reported with its MAC, after the rival speaks', promised: 500, unit: 'ms' },
  defended: { name: "client's neighbour entry ours again", promised: 500, unit: 'ms' },
  stopped: { name: 'process gone, after SIGTERM', promised: 1000, unit: 'ms' },
  answersAfter: { name: 'answers after the stop', promised: 0, unit: 'count' },
  processesAfter: { name: 'processes left on the node', promised: 0, unit: 'count' },
} as const satisfies Record<string, PromiseEntry>;

interface PromiseEntry {
  readonly name: string;
  /** At most this; of what is counted, exactly this. */
  readonly promised: number;
  readonly unit: 'ms' | 'count';
}
export type PromiseKey = keyof typeof PROMISES;

/** One row of the closing table and of `demo --json`. */
export interface PromiseOutcome extends PromiseEntry {
  readonly measured: number | null;
  readonly kept: boolean;
}

export class Promises {
  readonly #measured = new Map<PromiseKey, number>();

  /** Of several measurements the worst counts. */
  measured(key: PromiseKey, value: number): void {
    this.#measured.set(key, Math.max(value, this.#measured.get(key) ?? 0));
  }

  outcomes(without: readonly PromiseKey[]): readonly PromiseOutcome[] {
    const keys = (Object.keys(PROMISES) as PromiseKey[]).filter((key) => !without.includes(key));
    return keys.map((key) => {
      const entry: PromiseEntry = PROMISES[key];
      const measured = this.#measured.get(key);
      if (measured === undefined) return { ...entry, measured: null, kept: false };
      const kept = entry.unit === 'ms' ? measured <= entry.promised : measured === entry.promised;
      return { ...entry, measured: entry.unit === 'ms' ? Math.round(measured * 10) / 10 : measured, kept };
    });
  }
}

export function formatOutcomes(outcomes: readonly PromiseOutcome[], style: Style): string {
  const amount = ({ unit }: PromiseOutcome, value: number): string => (unit === 'ms' ? formatMs(value) : `${value}`);
  const rows = outcomes.map((outcome) => [
    outcome.name,
    `${outcome.unit === 'ms' ? '<= ' : ''}${amount(outcome, outcome.promised)}`.padStart(10),
    (outcome.measured === null ? 'not seen' : amount(outcome, outcome.measured)).padStart(8),
    outcome.kept ? style.good('kept') : style.bad('BROKEN'),
  ]);
  return formatTable(rows, '   ');
}

/** A step that did not do what it should: the story ends there, with what is known. */
export const stepFailed = (message: string): ClarionError => new ClarionError(ExitCode.problems, message);
