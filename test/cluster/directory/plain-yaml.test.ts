import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDocument, stringify } from 'yaml';
import { readPlainYaml } from '../../../src/cluster/directory/plain-yaml.ts';
import { serviceText } from './folder.ts';

/** Where it reads a text at all, it must say what the whole parser says, and that one must find no fault. */
function agrees(text: string): boolean {
  const plain = readPlainYaml(text);
  if (plain === undefined) return false;
  const whole = parseDocument(text, { merge: true });
  expect(whole.errors).toEqual([]);
  expect(plain.value).toEqual(whole.toJS());
  return true;
}

describe('plain YAML', () => {
  const plain: readonly (readonly [string, string])[] = [
    ['a Service', serviceText('web')],
    ['a marker and comments', `---\n# one\n\n${serviceText('web')}  # two\n`],
    ['items as far left as their key', 'a:\n- b: 1\n  c: 2\n- d\nb:\n  - - x\n    - y\n  -\n    z: 1\n  -\n'],
    ['nothing behind a key', 'a:\nb:\n  c:\n'],
    [
      'scalars',
      'a: 10.0.0.1\nb: 2001:db8::1\nc: 192.0.2.0/24\nd: 0\ne: 443\nf: "1"\ng: \'no\'\nh: {}\ni: []\nj: yes\nk: True\nl: 2026-01-01T00:00:00Z\nm: a b\n',
    ],
    ['an odd first indent', '  a: 1\n  b: 2\n'],
  ];
  it.each(plain)('%s is read', (_title, text) => {
    expect(agrees(text)).toBe(true);
  });

  const others: readonly string[] = [
    '',
    '- a\n',
    'a: |\n  x\n',
    'a: &x 1\n',
    'a: [1]\n',
    'a: 1 # one\n',
    'a: b\n  c\n',
    'a: 1\na: 2\n',
    'a: 1\n  b: 2\n',
    'a:\n    b: 1\n  c: 2\n',
    'a: 0x10\n',
    'a: 1e3\n',
    'a: 1.5\n',
    'a: nUll\n',
    'null: 1\n',
    '__proto__: 1\n',
    'a: ä\n',
    'a:\t1\n',
    'a: b: c\n',
    "a: 'it''s'\n",
    '%YAML 1.2\n---\na: 1\n',
    'a: 1\n...\n',
    'a: -1\n',
    'a:\n- b\n c: 1\n',
  ];
  it.each(others)('%j is left to the whole parser', (text) => {
    expect(readPlainYaml(text)).toBeUndefined();
  });

  const plainWord = fc.constantFrom('a', 'b', 'c', 'name', 'x.io/y', 'd-e', 'f g');
  const specialWord = fc.constantFrom(
    'true',
    'null',
    '10',
    '1.5',
    '0x1',
    '1e2',
    '10.0.0.1',
    '::1',
    'a: b',
    '- a',
    '#',
    '',
    '~',
    'yes',
    '__proto__',
    '<<',
  );
  const word = fc.oneof(
    { weight: 20, arbitrary: plainWord },
    { weight: 2, arbitrary: specialWord },
    { weight: 1, arbitrary: fc.string({ maxLength: 6 }) },
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      word,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(word, tie('tree'), { maxKeys: 3 }),
    ),
  }));

  it('agrees with the whole parser on whatever that one writes, damaged or not', () => {
    const damage = fc.array(
      fc.record({
        at: fc.nat(300),
        remove: fc.nat(3),
        insert: fc.constantFrom('', ' ', '\n', '- ', ':', ': ', '  ', '#', '"', "'", 'a', '-', '|'),
      }),
      { maxLength: 3 },
    );
    let read = 0;
    fc.assert(
      fc.property(fc.dictionary(word, tree, { minKeys: 1, maxKeys: 4 }), damage, (value, damages) => {
        let text = stringify(value);
        for (const { at, remove, insert } of damages) {
          const place = at % (text.length + 1);
          text = text.slice(0, place) + insert + text.slice(place + remove);
        }
        if (agrees(text)) read++;
      }),
      { numRuns: 2000 },
    );
    expect(read).toBeGreaterThan(100);
  });

  it('agrees with the whole parser on lines put together at random', () => {
    const line = fc.tuple(
      fc.nat(4),
      fc.constantFrom(
        'a:',
        'b:',
        'c: 1',
        'd: x',
        '-',
        '- a',
        '- b: 1',
        '- - c',
        '- e:',
        'f: "x"',
        '# c',
        '',
        'a: b:',
        '-a: 1',
        '- "q: r"',
        'k: - v',
        'x',
      ),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        const text = lines.map(([indent, content]) => ' '.repeat(indent) + content).join('\n');
        expect(agrees(text)).toBe(readPlainYaml(text) !== undefined);
      }),
      { numRuns: 3000 },
    );
  });
});
