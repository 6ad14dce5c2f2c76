import { ClarionError, ExitCode } from '../../base/errors.ts';
import { formatMs } from '../../terminal/progress.ts';
import { formatTable, type Style } from '../../terminal/table.ts';

/**
 * What the demo promises, decided before anything is measured; one that was not measured is broken.
 * The bounds leave room for a busy machine with two cores; bench/README.md has the figures of a quiet one.
 */
const PROMISES = {
  ready: { name: 'standalone started, running', promised: 1000, unit: 'ms' },
  assigned: { name: 'Service written, address in its status', promised: 50, unit: 'ms' },
  announced: { name: 'endpoint written, gratuitous ARP and NA', promised: 50, unit: 'ms' },
  lost: { name: 'requests lost while the pool is edited', promised: 0, unit: 'count' },
  moved: { name: 'addresses moved by the edits', promised: 0, unit: 'count' },
  withdrawn: { name: 'endpoint gone, last answer', promised: 50, unit: 'ms' },
  reported: { name: 'other host speaks, conflict reported', promised: 100, unit: 'ms' },
  defended: { name: "other host speaks, client's entry ours again", promised: 100, unit: 'ms' },
  stopped: { name: 'SIGTERM, process gone', promised: 1000, unit: 'ms' },
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
  readonly #measured = new Map<PromiseKey, number[]>();

  measured(key: PromiseKey, value: number): void {
    this.#measured.set(key, [...(this.#measured.get(key) ?? []), value]);
  }

  /** Of what was measured several times the median counts (of two, the worse). */
  outcomes(without: readonly PromiseKey[]): readonly PromiseOutcome[] {
    const keys = (Object.keys(PROMISES) as PromiseKey[]).filter((key) => !without.includes(key));
    return keys.map((key) => {
      const entry: PromiseEntry = PROMISES[key];
      const measured = median(this.#measured.get(key) ?? []);
      if (measured === undefined) return { ...entry, measured: null, kept: false };
      const kept = entry.unit === 'ms' ? measured <= entry.promised : measured === entry.promised;
      return { ...entry, measured: entry.unit === 'ms' ? Math.round(measured * 10) / 10 : measured, kept };
    });
  }
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
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
