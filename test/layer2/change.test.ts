import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatIpAddress } from '../../src/base/ip-address.ts';
import { emptyConfig } from '../../src/config/settings.ts';
import type { Layer2Entry } from '../../src/layer2/table.ts';
import { hold, prepare, type Scene, scene } from './scene.ts';

const SETTINGS = emptyConfig().layer2;
const NAMES = ['192.0.2.200', '192.0.2.201', '203.0.113.9', '2001:db8::200'] as const;
type Wish = 'hold' | 'prepare' | 'gone';

const entryOf = (name: string, wish: Wish): readonly Layer2Entry[] =>
  wish === 'gone' ? [] : [wish === 'hold' ? hold(name) : prepare(name)];
const statesOf = ({ layer2 }: Scene): unknown =>
  layer2.reports().map(({ address, state }) => [formatIpAddress(address), state]);

test('telling what changed comes to the same as telling the whole table', () => {
  const step = fc.record({
    wishes: fc.dictionary(fc.constantFrom(...NAMES), fc.constantFrom<Wish>('hold', 'prepare', 'gone'), { minKeys: 1 }),
    wait: fc.nat({ max: 200 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const [whole, parts] = [scene(), scene()];
      const table = new Map<string, Wish>();
      parts.layer2.apply([], SETTINGS);
      for (const { wishes, wait } of steps) {
        const changed = Object.entries(wishes);
        for (const [name, wish] of changed) table.set(name, wish);
        whole.layer2.apply(
          [...table].flatMap(([name, wish]) => entryOf(name, wish)),
          SETTINGS,
        );
        parts.layer2.change(
          changed.flatMap(([name, wish]) => entryOf(name, wish)),
          changed.flatMap(([name, wish]) => (wish === 'gone' ? [hold(name).address] : [])),
        );
        for (const one of [whole, parts]) one.clock.advance(wait);
        expect(new Map(statesOf(parts) as [string, unknown][])).toEqual(
          new Map(statesOf(whole) as [string, unknown][]),
        );
      }
      for (const one of [whole, parts]) one.layer2.stop();
    }),
    { numRuns: 60 },
  );
});
