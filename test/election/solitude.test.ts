import { expect, test } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import { Solitude } from '../../src/election/solitude.ts';

const PATIENCE = ms(1000);
const eth0 = new Set(['eth0']);

test('heard at once after all members were lost: the link works', () => {
  const solitude = new Solitude(PATIENCE);
  expect(solitude.note(true, ms(5000))).toBe(true);
  expect(solitude.trustedFrom('eth0')).toBe(Number.POSITIVE_INFINITY);
  solitude.heard(eth0, ms(5100));
  expect(solitude.trustedFrom('eth0')).toBe(5100);
});

test('heard only later: the link has come back, and the members get their time', () => {
  const solitude = new Solitude(PATIENCE);
  solitude.note(true, ms(5000));
  solitude.heard(eth0, ms(6000));
  expect(solitude.trustedFrom('eth0')).toBe(7000);
});

test('heard on a link that has just returned, which may not send yet: they get more', () => {
  const solitude = new Solitude(PATIENCE);
  solitude.note(true, ms(5000));
  solitude.linkReturned('eth0', ms(5200));
  solitude.heard(eth0, ms(5300));
  expect(solitude.trustedFrom('eth0')).toBe(7300);
});

test('a link that returned long before says nothing of this loss', () => {
  const solitude = new Solitude(PATIENCE);
  solitude.linkReturned('eth0', ms(1000));
  solitude.note(true, ms(5000));
  solitude.heard(eth0, ms(5100));
  expect(solitude.trustedFrom('eth0')).toBe(5100);
});
