import { ClarionError, ExitCode } from '../../base/errors.ts';
import { formatMs } from '../../terminal/progress.ts';
import { formatTable, type Style } from '../../terminal/table.ts';

/**
 * What the demo promises, decided before anything is measured; one that was not measured is broken.
 * The bounds leave room for a busy machine with two cores; bench/README.md has the figures of a quiet one.
 */
export const PROMISES = {
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
  cableGap: { name: "holder's cable pulled, gap of the pings", promised: 500, unit: 'ms' },
  returnMoves: { name: 'cable is back, addresses moved', promised: 0, unit: 'count' },
  returnLost: { name: 'cable is back, pings lost', promised: 0, unit: 'count' },
  killTaken: { name: 'speaker killed, another announces', promised: 500, unit: 'ms' },
  killGap: { name: 'speaker killed, gap of the pings', promised: 500, unit: 'ms' },
  restartMoves: { name: 'speaker started again, addresses moved', promised: 0, unit: 'count' },
  freezeTaken: { name: 'speaker frozen, another announces', promised: 500, unit: 'ms' },
  freezeGap: { name: 'speaker frozen, gap of the pings', promised: 500, unit: 'ms' },
  thawAnswers: { name: 'speaker thawed, its answers for what others hold', promised: 0, unit: 'count' },
  drainLost: { name: 'drain and undrain, pings lost', promised: 0, unit: 'count' },
  undrainMoves: { name: 'undrained, addresses moved', promised: 0, unit: 'count' },
  moveLost: { name: 'move, pings lost', promised: 0, unit: 'count' },
  cutGap: { name: 'holder cut off, gap of the pings', promised: 500, unit: 'ms' },
  healed: { name: 'healed, only one answers', promised: 1000, unit: 'ms' },
  routerKnows: { name: 'router configured, three paths in its table', promised: 5000, unit: 'ms' },
  weightSeen: { name: 'endpoints change, weight at the router', promised: 500, unit: 'ms' },
  routerDrainLost: { name: 'drain behind the router, pings lost', promised: 0, unit: 'count' },
  routedGap: { name: 'node loses power, gap of the pings by the router', promised: 500, unit: 'ms' },
  stopLost: { name: 'SIGTERM to a speaker, pings lost', promised: 0, unit: 'count' },
} as const satisfies PromiseTable;

export type PromiseTable = Readonly<Record<string, PromiseEntry>>;

interface PromiseEntry {
  readonly name: string;
  /** At most this; of what is counted, exactly this. */
  readonly promised: number;
  readonly unit: 'ms' | 'count';
}
export type PromiseKey = keyof typeof PROMISES;

/** One row of the closing table and of `demo --json`. */
export interface PromiseOutcome extends PromiseEntry {
  /** Stays the same when the words of `name` change. */
  readonly key: string;
  readonly measured: number | null;
  readonly kept: boolean;
}

export class Promises<Key extends string> {
  readonly #table: Readonly<Record<Key, PromiseEntry>>;
  readonly #measured = new Map<Key, number[]>();
  readonly #left = new Set<Key>();

  constructor(table: Readonly<Record<Key, PromiseEntry>>) {
    this.#table = table;
  }

  /** What cannot be shown on this machine is not promised here. */
  leave(...keys: readonly Key[]): void {
    for (const key of keys) this.#left.add(key);
  }

  measured(key: Key, value: number): void {
    this.#measured.set(key, [...(this.#measured.get(key) ?? []), value]);
  }

  /** Of times that were measured several times the median counts (of two, the worse); of what is counted, the sum. */
  outcomes(): readonly PromiseOutcome[] {
    const shown = (Object.keys(this.#table) as Key[]).filter((key) => !this.#left.has(key));
    return shown.map((key) => {
      const entry: PromiseEntry & { readonly key: Key } = { key, ...this.#table[key] };
      const values = this.#measured.get(key) ?? [];
      const measured = entry.unit === 'ms' ? median(values) : sum(values);
      if (measured === undefined) return { ...entry, measured: null, kept: false };
      const kept = entry.unit === 'ms' ? measured <= entry.promised : measured === entry.promised;
      return { ...entry, measured: entry.unit === 'ms' ? Math.round(measured * 10) / 10 : measured, kept };
    });
  }
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

const sum = (values: readonly number[]): number | undefined =>
  values.length === 0 ? undefined : values.reduce((total, value) => total + value, 0);

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
