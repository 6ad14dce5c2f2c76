import { describe, expect, test } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import { ipAddress } from '../../src/base/ip-address.ts';
import type { FactInterface } from '../../src/election/facts.ts';
import { DEFAULT_LIVENESS, InterfaceLiveness } from '../../src/election/interface-liveness.ts';
import { cable } from './rig.ts';

const eth1 = (number: number): FactInterface =>
  cable(number, {
    name: 'eth1',
    addresses: [{ address: ipAddress('ipv4', 0x0a09_0000n + BigInt(number)), prefixLength: 24 }],
  });
const watching = (peers: number): InterfaceLiveness => {
  const liveness = new InterfaceLiveness(DEFAULT_LIVENESS);
  liveness.watch(
    [eth1(1)],
    Array.from({ length: peers }, (_, i) => [cable(i + 2), eth1(i + 2)]),
    ms(0),
  );
  return liveness;
};

describe('an interface that carries addresses but no membership', () => {
  test('asks its neighbours in the same subnet, at most three a period, all in turn', () => {
    const asked = new Set<bigint>();
    const liveness = watching(5);
    for (const at of [100, 200]) {
      const { questions } = liveness.tick(ms(at));
      expect(questions).toHaveLength(3);
      for (const { interfaceName, to } of questions) {
        expect(interfaceName).toBe('eth1');
        asked.add(to.value & 0xffn);
      }
    }
    expect(asked).toEqual(new Set([2n, 3n, 4n, 5n, 6n]));
  });

  test('dies of silence', () => {
    const liveness = watching(2);
    expect(liveness.tick(ms(400)).changed).toBe(false);
    expect(liveness.tick(ms(500)).changed).toBe(true);
    expect(liveness.isAlive('eth1')).toBe(false);
    expect(liveness.tick(ms(600)).changed).toBe(false);
  });

  test('any sign keeps it alive', () => {
    const liveness = watching(2);
    for (let at = 100; at < 5000; at += 100) {
      if (at % 300 === 0) liveness.sign('eth1', ms(at));
      expect(liveness.tick(ms(at)).changed).toBe(false);
    }
    expect(liveness.isAlive('eth1')).toBe(true);
  });

  test('lives again only after a second without silence', () => {
    const liveness = watching(2);
    liveness.tick(ms(500));
    expect(liveness.sign('eth1', ms(600))).toBe(false);
    liveness.tick(ms(1100));
    for (let at = 1200; at < 2200; at += 100) {
      expect(liveness.sign('eth1', ms(at))).toBe(false);
      liveness.tick(ms(at));
    }
    expect(liveness.sign('eth1', ms(2200))).toBe(true);
    expect(liveness.isAlive('eth1')).toBe(true);
  });

  test('without a neighbour nothing can be said, so it counts as alive', () => {
    const liveness = watching(0);
    expect(liveness.tick(ms(5000))).toEqual({ questions: [], changed: false });
    expect(liveness.isAlive('eth1')).toBe(true);
  });

  test('a first neighbour has time to answer', () => {
    const liveness = watching(0);
    liveness.watch([eth1(1)], [[eth1(2)]], ms(5000));
    expect(liveness.tick(ms(5300)).changed).toBe(false);
    expect(liveness.tick(ms(5500)).changed).toBe(true);
  });

  test('its neighbours gone, it is alive again', () => {
    const liveness = watching(1);
    liveness.tick(ms(500));
    liveness.watch([eth1(1)], [], ms(600));
    expect(liveness.isAlive('eth1')).toBe(true);
  });
});
