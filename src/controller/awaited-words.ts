import { isDeepStrictEqual } from 'node:util';
import { type Milliseconds, ms, seconds } from '../base/clock.ts';
import type { Condition } from '../cluster/ports.ts';
import type { ServiceKey } from '../inventory/service-request.ts';
import type { Standing } from './service-events.ts';

/** Speakers say something within milliseconds, probes and an election within a second. */
const PATIENCE = seconds(2);

/**
 * When the endpoints of a Service have come, no speaker can have said anything of its address yet. What its status says stands
 * until one does, for two seconds at most: else every such change would be written twice, and first that nothing is known.
 */
export class AwaitedWords {
  /** In the order of their times. */
  readonly #until = new Map<ServiceKey, Milliseconds>();

  /** The conditions to show now. */
  conditions(
    before: Standing | undefined,
    { decision, conditions }: Standing,
    now: Milliseconds,
  ): readonly Condition[] {
    const { service, addresses } = decision;
    const stood = before === undefined ? undefined : announcedIn(before.conditions);
    const said = announcedIn(conditions);
    const until = this.#until.get(service) ?? ms(now + PATIENCE);
    const waits = isPending(said) && stood !== undefined && !isPending(stood) && now < until;
    if (!waits || !isDeepStrictEqual(before?.decision.addresses, addresses)) {
      this.#until.delete(service);
      return conditions;
    }
    this.#until.set(service, until);
    return conditions.map((condition) => (condition === said ? stood : condition));
  }

  forget(service: ServiceKey): void {
    this.#until.delete(service);
  }

  /** Whose time is over. */
  overdue(now: Milliseconds): readonly ServiceKey[] {
    const over: ServiceKey[] = [];
    for (const [service, until] of this.#until) {
      if (until > now) break;
      over.push(service);
    }
    return over;
  }

  nextDue(): Milliseconds | undefined {
    return this.#until.values().next().value;
  }
}

const announcedIn = (conditions: readonly Condition[]): Condition | undefined =>
  conditions.find(({ type }) => type === 'clarion.dev/Announced');
const isPending = (condition: Condition | undefined): boolean => condition?.reason === 'Pending';
