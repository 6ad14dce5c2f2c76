import type { Logger } from '../base/logger.ts';
import type { Problem } from '../base/problem.ts';
import { chooseConfigMap } from '../cluster/config-map.ts';
import type { ClusterObject, ClusterReader, ClusterWriter } from '../cluster/ports.ts';
import { decodeEffective, type EffectiveConfig, encodeEffective, mergeEffective } from '../config/effective.ts';
import { type Judgement, judgeConfig } from '../config/judge.ts';

/**
 * The controller alone judges the configuration: it reads the ConfigMap, merges the last good version of whatever is bad
 * in it, and publishes the result as one object that every speaker follows. So all agree, also after any restart.
 */
export class Configuration {
  readonly #cluster: ClusterReader & ClusterWriter;
  readonly #logger: Logger;
  readonly #again: () => void;
  #effective: EffectiveConfig | undefined;
  #published: EffectiveConfig | undefined;
  /** What was published last; `seen`: the cluster has shown it since, so anything else there is somebody's edit. */
  #told: { readonly text: string; seen: boolean } | undefined;
  #source: ClusterObject | undefined;
  #judgement: Judgement | undefined;
  /** What the configuration in force was last found to follow from. */
  #settledOn: { readonly judgement: Judgement | undefined; readonly poolsInUse: ReadonlySet<string> } | undefined;
  #choiceProblems: readonly Problem[] = [];
  #failing = false;

  /** `again`: asked for after a failure to publish, for another pass in a while. */
  constructor(cluster: ClusterReader & ClusterWriter, logger: Logger, again: () => void) {
    this.#cluster = cluster;
    this.#logger = logger;
    this.#again = again;
    this.#effective = this.#lastPublished();
    this.#published = this.#effective;
  }

  /** What is wrong with the newest text, and with which ConfigMap it is. */
  problems(): readonly Problem[] {
    return [...this.#choiceProblems, ...(this.#effective?.problems ?? [])];
  }

  /** The configuration in force now. `poolsInUse` are those that Services have addresses of: they outlive their removal. */
  update(poolsInUse: ReadonlySet<string>): EffectiveConfig {
    const choice = chooseConfigMap(this.#cluster.list('ConfigMap'));
    this.#choiceProblems = choice.problems;
    const source = choice.chosen;
    if (source !== this.#source) {
      this.#source = source;
      this.#judgement = source === undefined ? undefined : judgeConfig(configSourceOf(source));
    }
    const next = this.#merged(poolsInUse);
    if (next !== this.#effective) this.#report(next);
    this.#effective = next;
    if (next !== this.#published || this.#wasEdited()) this.#publish(next);
    return next;
  }

  /** Compared anew only when something else was said: it costs more than the rest of a pass in which one Service changed. */
  #merged(poolsInUse: ReadonlySet<string>): EffectiveConfig {
    const before = this.#effective;
    const { judgement, poolsInUse: pools } = this.#settledOn ?? {};
    if (before !== undefined && judgement === this.#judgement && pools === poolsInUse) return before;
    const next = mergeEffective(before, this.#judgement, poolsInUse);
    this.#settledOn = next === before ? { judgement: this.#judgement, poolsInUse } : undefined;
    return next;
  }

  /** Somebody changed or deleted what speakers read: one that is started anew would be left without. */
  #wasEdited(): boolean {
    if (this.#told === undefined) return false;
    const same = this.#cluster.effectiveConfig() === this.#told.text;
    const edited = this.#told.seen && !same;
    if (edited) this.#logger.warn('the effective configuration was changed by somebody else and is published again');
    this.#told.seen ||= same;
    return edited;
  }

  #report(next: EffectiveConfig): void {
    this.#logger.info('configuration in force', {
      generation: next.generation,
      pools: next.config.pools.length,
      problems: next.problems.length,
      stale: next.stale.length,
    });
  }

  #publish(next: EffectiveConfig): void {
    this.#published = next;
    const text = encodeEffective(next);
    this.#told = { text, seen: false };
    void this.#cluster.publishEffectiveConfig(text).then((outcome) => {
      const failing = outcome.kind !== 'done';
      if (failing && !this.#failing)
        this.#logger.error('the effective configuration could not be published', { why: outcome.message });
      if (!failing && this.#failing) this.#logger.info('the effective configuration is published after all');
      this.#failing = failing;
      // Speakers go on with the one that they have.
      if (!failing || this.#published !== next) return;
      this.#published = undefined;
      this.#again();
    });
  }

  #lastPublished(): EffectiveConfig | undefined {
    const text = this.#cluster.effectiveConfig();
    if (text === undefined) return undefined;
    const effective = decodeEffective(text);
    if (effective.ok) {
      this.#told = { text, seen: true };
      return effective.value;
    }
    this.#logger.warn('the last effective configuration cannot be read and is not used', { why: effective.error });
    return undefined;
  }
}

function configSourceOf(object: ClusterObject): { file: string; text: string; line: number } {
  const { file, line, text } = object.origin;
  return { file, line, text: text ?? JSON.stringify(object.body) };
}
