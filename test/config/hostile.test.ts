import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Judgement, judgeFile } from '../../src/config/judge.ts';
import { problemCodes } from '../../src/config/problem-codes.ts';
import { codesOf, judge } from './judging.ts';

function expectSound(text: string, judgement: Judgement): void {
  const lines = text.split('\n');
  for (const { line, column, code, severity, message } of judgement.problems) {
    expect(problemCodes).toHaveProperty([code]);
    expect(severity).toBe(problemCodes[code as keyof typeof problemCodes].severity);
    expect(message).not.toMatch(/\[object|undefined|NaN/);
    expect(line >= 1 && line <= lines.length, `line ${line} of ${lines.length}`).toBe(true);
    expect(
      column >= 1 && column <= (lines[line - 1]?.length ?? 0) + 1,
      `column ${column} in "${lines[line - 1]}"`,
    ).toBe(true);
  }
}

const WORDS = [
  'pools',
  'l2Advertisements',
  'bgpAdvertisements',
  'peers',
  'bfdProfiles',
  'communities',
  'layer2',
  'membership',
  'election',
  'bgp',
  'address-pools',
  'bgp-communities',
  'bfd-profiles',
  'my-asn',
  'protocol',
  'name',
  'addresses',
  'labels',
  'serviceAllocation',
  'reserved',
  'ipAddressPools',
  'nodeSelectors',
  'matchLabels',
  'matchExpressions',
  'key',
  'operator',
  'values',
  'myASN',
  'peerASN',
  'peerAddress',
  'holdTime',
  'password',
  'authentication',
  'gratuitous',
  'rebalance',
  'kind',
  'apiVersion',
  'data',
  'config.yaml',
  'ConfigMap',
  '10.0.0.0/24',
  '10.0.0.0-10.0.0.9',
  'layer2',
  '90s',
  'In',
  '__proto__',
  'constructor',
  '<<',
];
const word = fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 8 }));
const { anything } = fc.letrec((tie) => ({
  anything: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    word,
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('anything'), { maxLength: 4 }),
    fc.dictionary(word, tie('anything'), { maxKeys: 5, noNullPrototype: true }),
  ),
}));

describe('whatever is written', () => {
  it('any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc
            .array(fc.constantFrom('pools:', '\n', '- ', '  ', '{', '[', '"', '&a', '*a', ': ', '---', 'x', '|', '\t'))
            .map((parts) => parts.join('')),
        ),
        (text) => {
          const judgements = judgeFile({ file: 'f', text });
          expect(judgements.length).toBeGreaterThan(0);
          for (const judgement of judgements) expectSound(text, judgement);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('any JSON-ish value, as a whole and in every section', () => {
    const sections = fc.dictionary(fc.constantFrom(...WORDS.slice(0, 13)), fc.oneof(anything, fc.array(anything)), {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(fc.oneof(anything, sections), fc.boolean(), (value, asJson) => {
        const text = asJson ? JSON.stringify(value) : stringify(value);
        const judgements = judgeFile({ file: 'f', text });
        expect(judgements.length).toBeGreaterThan(0);
        for (const judgement of judgements) expectSound(text, judgement);
      }),
      { numRuns: 500 },
    );
  });

  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${Array.from('bcdefghi')
    .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`)
    .join('\n')}\n`;
  it.each([
    ['an alias bomb', `${bomb}pools: *i`, 'too-complex'],
    ['an alias of itself', 'pools: &a [*a]', 'too-complex'],
    ['a merge of itself', 'pools:\n- &a {<<: *a, name: b}', 'too-complex'],
    ['an alias of nothing', 'pools: *a', 'not-yaml'],
    ['brackets without end', `pools: ${'['.repeat(100_000)}`, 'too-complex'],
    [
      'indentation without end',
      Array.from({ length: 1500 }, (_, i) => `${' '.repeat(i)}pools:`).join('\n'),
      'too-complex',
    ],
    ['a key of a megabyte', `pools:\n- ${'k'.repeat(1_000_000)}: 1`, 'not-yaml'],
    ['a quoted key of a megabyte', `pools: {? "${'k'.repeat(1_000_000)}" : 1}`, 'wrong-type'],
    ['an address of a megabyte', `pools:\n- {name: a, addresses: ["${'9'.repeat(1_000_000)}"]}`, 'bad-address'],
    ['a duration of a megabyte', `bgp: {drainWait: ${'9'.repeat(1_000_000)}s}`, 'bad-duration'],
    ['two megabytes', `# ${'x'.repeat(2_000_000)}\npools: []`, 'too-large'],
    ['50,000 unknown keys', Array.from({ length: 50_000 }, (_, i) => `k${i}: 1`).join('\n'), 'too-many-problems'],
  ])('%s', (_what, text, code) => {
    const started = performance.now();
    const judgement = judge(text);
    expect(codesOf(judgement)).toContain(code);
    expect(performance.now() - started).toBeLessThan(5000);
    expect(judgement.problems.length).toBeLessThanOrEqual(1001);
    expect(Math.max(...judgement.problems.map(({ message }) => message.length))).toBeLessThan(1000);
  });

  it('an error behind a thousand warnings is still found', () => {
    const pools = Array.from({ length: 1200 }, (_, i) => `- {name: p${i}, addresses: [10.${i >> 8}.${i & 255}.0/24]}`);
    const judgement = judge(`pools:\n${pools.join('\n')}\nl2Advertisements: []\nlayer2: {nonsense: 1}`);
    expect(codesOf(judgement).filter((code) => code === 'pool-not-advertised')).toHaveLength(1000);
    expect(codesOf(judgement)).toContain('too-many-problems');
    expect(codesOf(judgement)).toContain('unknown-key');
  });

  it('every address there is', () => {
    const judgement = judge('pools:\n- {name: all, addresses: ["::/0", 0.0.0.0/0]}');
    expect(codesOf(judgement)).toEqual(['unusual-address', 'unusual-address']);
    expect(judgement.config.pools[0]?.ranges[0]?.last).toBe(2n ** 128n - 1n);
  });

  it('keys with the names of Object’s own', () => {
    const judgement = judge(
      'pools:\n- {name: a, addresses: [10.0.0.0/24], __proto__: {autoAssign: false}, toString: 1}',
    );
    expect(codesOf(judgement)).toEqual(['unknown-key', 'unknown-key']);
    expect(codesOf(judge('__proto__: 1\nconstructor: 2'))).toEqual(['unknown-key', 'unknown-key']);
  });

  it('20,000 ranges, in no order, in time that grows no faster than N log N', () => {
    const text = `pools:\n- name: a\n  addresses:\n${Array.from({ length: 20_000 }, (_, i) => {
      const n = (i * 7919) % 20_000;
      return `  - 10.${n >> 8}.${n & 255}.0/25`;
    }).join('\n')}`;
    const judgement = judge(text);
    expect(judgement.problems).toEqual([]);
    expect(judgement.config.pools[0]?.ranges).toHaveLength(20_000);
  });
});

describe('one bad element', () => {
  const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
  const poolText = (name: string, i: number) => `- {name: ${name}, addresses: [10.${i}.0.0/24]}`;
  const peerText = (name: string, i: number) =>
    `- {name: ${name}, myASN: 1, peerASN: 2, peerAddress: 192.0.2.${i + 1}}`;
  const l2Text = (name: string) => `- {name: ${name}, interfaces: [${name}0]}`;
  const SPOILS = [', nonsense: 1}', ', name: again}', ', 5: {}}', ', "": [] }'];

  it('disables itself and changes no other', () => {
    const section = fc.constantFrom('pools', 'peers', 'l2Advertisements');
    fc.assert(
      fc.property(section, fc.nat(NAMES.length - 1), fc.constantFrom(...SPOILS), (broken, index, spoil) => {
        const write = (spoilt: boolean): string =>
          (['pools', 'peers', 'l2Advertisements'] as const)
            .map((key) => {
              const line = { pools: poolText, peers: peerText, l2Advertisements: l2Text }[key];
              const lines = NAMES.map((name, i) =>
                spoilt && key === broken && i === index ? line(name, i).replace(/\}$/, spoil) : line(name, i),
              );
              return `${key}:\n${lines.join('\n')}\n`;
            })
            .join('');
        const good = judge(write(false)).config;
        const spoilt = judge(write(true));
        expect(spoilt.problems.length).toBeGreaterThan(0);
        const without = <T extends { readonly name: string }>(key: string, list: readonly T[]) =>
          key === broken ? list.filter(({ name }) => name !== NAMES[index]) : list;
        expect(spoilt.config).toStrictEqual({
          ...good,
          pools: without('pools', good.pools),
          peers: without('peers', good.peers),
          l2Advertisements: without('l2Advertisements', good.l2Advertisements),
        });
      }),
    );
  });
});
