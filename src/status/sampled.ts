import { Counter, Gauge, type Registry } from 'prom-client';

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [Labels, number];
type Register<F> = (name: string, help: string, labelNames: string[], read: (of: F) => readonly Sample[]) => void;

/**
 * Metrics whose samples are made anew at each scrape from what is known then: of what is gone (a session, a resource) there are no
 * samples any more.
 */
export function sampled<F>(
  registry: Registry,
  facts: () => F,
): { readonly gauge: Register<F>; readonly counter: Register<F> } {
  return {
    gauge: (name, help, labelNames, read) => {
      const one = new Gauge({
        name,
        help,
        labelNames,
        registers: [registry],
        collect() {
          one.reset();
          for (const [labels, value] of read(facts())) one.set(labels, value);
        },
      });
    },
    counter: (name, help, labelNames, read) => {
      const one = new Counter({
        name,
        help,
        labelNames,
        registers: [registry],
        collect() {
          one.reset();
          for (const [labels, value] of read(facts())) one.inc(labels, value);
        },
      });
    },
  };
}
