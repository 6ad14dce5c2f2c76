import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeConfig, judgeFile } from '../../src/config/judge.ts';
import { codesOf, judge, placesOf } from './judging.ts';

const BAD = 'pools:\n- name: a\n  addresses:\n  - 10.0.0.0/24\n\n  - nonsense   # here\n- {name: b, adresses: []}';
const indented = (text: string, by: number): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? '' : ' '.repeat(by) + line))
    .join('\n');
const configMap = (text: string, key = 'config.yaml'): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: clarion, namespace: lb}\ndata:\n  ${key}: |\n${indented(text, 4)}\n`;

describe('places in the file', () => {
  it('of a bare text', () => {
    expect(placesOf(judge(BAD))).toEqual(['6:5 bad-address', '7:13 unknown-key']);
  });

  it('inside the block scalar of a ConfigMap, with the object named', () => {
    const judgement = judge(configMap(BAD));
    expect(placesOf(judgement)).toEqual(['11:9 bad-address', '12:17 unknown-key']);
    expect(judgement.problems.every(({ object }) => object === 'ConfigMap lb/clarion')).toBe(true);
  });

  it('under a list, in the one of many documents that has the line', () => {
    const text = `kind: Service\napiVersion: v1\n---\n${configMap('pools: 5')}---\n${configMap('pools: x')}`;
    expect(judgeFile({ file: 'f', text }).map(placesOf)).toEqual([['9:12 wrong-type'], ['16:12 wrong-type']]);
    expect(placesOf(judgeConfig({ file: 'f', text, line: 11 }))).toEqual(['16:12 wrong-type']);
  });

  it('in the items of a List', () => {
    const text = `apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  data:\n    config.yaml: |\n        pools: 5\n`;
    expect(placesOf(judge(text))).toEqual(['8:16 wrong-type']);
  });

  it.each([
    ['|-', '  config.yaml: |-\n    pools: 5', '7:12'],
    ['| with a comment', '  config.yaml: |  # ours\n      pools: 5', '7:14'],
    ['|2 (explicit indentation)', '  config.yaml: |2\n      pools: 5', '7:12'],
    ['| after empty lines', '  config.yaml: |\n\n\n    pools: 5', '9:12'],
    ['the key in quotes', '  "config.yaml": |\n    pools: 5', '7:12'],
    ['other keys before', '  more: |\n    a\n    b\n  config.yaml: |\n    pools: 5', '10:12'],
  ])('block scalar: %s', (_what, data, place) => {
    const text = `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n${data}\n`;
    expect(placesOf(judge(text)).map((p) => p.split(' ')[0])).toEqual([
      place === '7:12' && data.includes('|2') ? '7:14' : place,
    ]);
  });

  it('other scalars: the start of the scalar, with the place in the text beside it', () => {
    const text = 'apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: "pools:\\n- name: 5\\n"\n';
    const [first] = judge(text).problems;
    expect(placesOf(judge(text))).toEqual(['4:16 wrong-type', '4:16 missing-field']);
    expect(first?.message).toContain('(line 2, column 9 of the text)');
  });

  it('in JSON', () => {
    const text = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', data: { 'config.yaml': 'pools: 5' } });
    expect(placesOf(judge(text))).toEqual(['1:61 wrong-type']);
  });

  it('with CRLF at the ends of lines', () => {
    expect(placesOf(judge(configMap(BAD).replaceAll('\n', '\r\n')))).toEqual(placesOf(judge(configMap(BAD))));
  });

  it('move with the text, whatever the indentation and whatever stands above it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 20 }),
        fc.integer({ min: 0, max: 9 }),
        fc.boolean(),
        (by, above, second) => {
          const head = `${'# note\n'.repeat(above)}${second ? 'kind: Pod\napiVersion: v1\n---\n' : ''}apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: |\n`;
          const lines = head.split('\n').length - 1;
          const bare = judge(BAD).problems.map(({ line, column, code }) => [line + lines, column + by, code]);
          const inside = judge(head + indented(BAD, by)).problems.map(({ line, column, code }) => [line, column, code]);
          expect(inside).toEqual(bare);
        },
      ),
    );
  });
});

describe('which configuration', () => {
  const withData = (data: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n${data}`;

  it.each([
    [
      'both keys',
      withData('  config: |\n    pools: []\n  config.yaml: |\n    pools: []\n'),
      ['7:3 two-configurations'],
    ],
    ['a key that is nearly ours', withData('  config.yml: |\n    pools: []\n'), ['5:3 no-configuration']],
    ['a ConfigMap of somebody else', withData('  nginx: x\n'), ['1:1 no-configuration']],
    ['no data', 'apiVersion: v1\nkind: ConfigMap\n', ['1:1 no-configuration']],
    ['a mapping instead of a text', withData('  config.yaml:\n    pools: []\n'), ['6:5 wrong-type']],
    ['an empty text', withData('  config.yaml: ""\n'), ['5:16 empty-configuration']],
    ['other objects only', 'apiVersion: v1\nkind: Service\n---\napiVersion: v1\nkind: Pod\n', ['1:1 no-configuration']],
    ['a broken ConfigMap', withData('  config.yaml: |\n    pools: []\n bad: [\n'), ['7:1 not-yaml']],
  ])('%s', (_what, text, expected) => {
    expect(placesOf(judge(text)).map((p) => p)).toEqual(expected);
  });

  it('takes either key, and a bare text that mentions kinds and ConfigMaps', () => {
    expect(codesOf(judge(configMap('pools: [{name: a, addresses: [10.0.0.0/24]}]', 'config')))).toEqual([]);
    expect(
      codesOf(judge('# kind: ConfigMap\npools: [{name: a, addresses: [10.0.0.0/24], labels: {kind: ConfigMap}}]')),
    ).toEqual([]);
  });
});
