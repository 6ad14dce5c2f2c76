import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import { closest } from '../../src/config/closest.ts';
import { parseCommunity } from '../../src/config/community.ts';
import { formatDuration, parseDuration } from '../../src/config/duration.ts';

describe('durations, as Go writes them', () => {
  it.each([
    ['90s', 90_000],
    ['1m30s', 90_000],
    ['300ms', 300],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['1h0m1s', 3_601_000],
    ['250us', 0.25],
    ['250µs', 0.25],
    ['1000000ns', 1],
    ['+1s', 1000],
    ['0', 0],
    ['0s', 0],
  ])('%s', (text, expected) => {
    expect(parseDuration(text)).toEqual({ ok: true, value: expected });
  });

  it.each([
    ['', 'not a duration'],
    ['90', 'no unit'],
    ['1d', 'not a duration'],
    ['1s ', 'not a duration'],
    ['s', 'not a duration'],
    ['1s1', 'not a duration'],
    ['1 s', 'not a duration'],
    ['-1s', 'negative'],
    ['1e3s', 'not a duration'],
    ['9'.repeat(100), 'not a duration'],
  ])('refused: %j', (text, reason) => {
    const read = parseDuration(text);
    expect(read.ok ? 'accepted' : read.error).toContain(reason);
  });

  it('are written as they are read', () => {
    fc.assert(
      fc.property(fc.nat(100_000_000), (duration) => {
        expect(parseDuration(formatDuration(ms(duration)))).toEqual({ ok: true, value: duration });
      }),
    );
  });
});

describe('what was probably meant', () => {
  const fields = ['addresses', 'autoAssign', 'avoidBuggyIPs', 'name', 'labels', 'reserved'];
  it.each([
    ['adresses', 'addresses'],
    ['autoassign', 'autoAssign'],
    ['auto-assign', 'autoAssign'],
    ['nmae', 'name'],
    ['label', 'labels'],
    ['protocol', undefined],
    ['x', undefined],
    ['', undefined],
    ['y'.repeat(100_000), undefined],
  ])('%s', (word, expected) => {
    expect(closest(word, fields)).toBe(expected);
  });

  it('is never the word itself, and always one of the candidates', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string()), (word, candidates) => {
        const found = closest(word, candidates);
        expect(found === undefined || (candidates.includes(found) && found !== word)).toBe(true);
      }),
    );
  });
});

describe('communities', () => {
  it.each([
    ['64512:1234', { kind: 'standard', value: 0xfc0004d2 }],
    ['1234:2345', { kind: 'standard', value: 0x04d20929 }],
    ['65535:65535', { kind: 'standard', value: 0xffffffff }],
    ['large:1:2:4294967295', { kind: 'large', global: 1, local1: 2, local2: 4_294_967_295 }],
    ['no-export', { kind: 'standard', value: 0xffffff01 }],
    ['blackhole', { kind: 'standard', value: 0xffff029a }],
  ])('%s', (text, expected) => {
    expect(parseCommunity(text)).toEqual(expected);
  });

  it.each([
    '',
    ':',
    '1',
    '1:',
    ':1',
    '1:65536',
    '65536:1',
    '1:2:3',
    'large:1:2',
    'large:1:2:4294967296',
    '-1:1',
    '1:0x1',
    ' 1:1',
    'No-Export',
    'toString',
  ])('none: %j', (text) => {
    expect(parseCommunity(text)).toBeUndefined();
  });
});
