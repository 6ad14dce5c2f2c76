import { collectDefaultMetrics, Registry } from 'prom-client';
import { type ApiFacts, registerApiMetrics } from './api-metrics.ts';
import { type ControllerFacts, registerControllerMetrics } from './controller-metrics.ts';
import { registerSpeakerMetrics, type SpeakerFacts } from './speaker-metrics.ts';

/** Prometheus metrics, computed when they are scraped from what the process knows anyway. */
export class Metrics {
  readonly #registry = new Registry();
  #askSpeaker: (() => Promise<SpeakerFacts>) | undefined;
  #speakerFacts: SpeakerFacts | undefined;

  constructor() {
    collectDefaultMetrics({ register: this.#registry, prefix: 'clarion_' });
  }

  /** Of a process in a cluster. */
  api(facts: () => ApiFacts): void {
    registerApiMetrics(this.#registry, facts);
  }

  controller(facts: () => ControllerFacts | undefined): void {
    registerControllerMetrics(this.#registry, facts);
  }

  speaker(facts: () => Promise<SpeakerFacts>): void {
    this.#askSpeaker = facts;
    registerSpeakerMetrics(this.#registry, () => this.#speakerFacts);
  }

  async text(): Promise<string> {
    // One question to the wire thread serves all metrics of a scrape.
    this.#speakerFacts = await this.#askSpeaker?.();
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }
}
