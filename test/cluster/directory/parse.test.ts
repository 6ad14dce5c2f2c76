import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../../src/cluster/directory/parse.ts';
import { serviceText } from './folder.ts';

const read = (text: string) => parseManifest('f.yaml', text);
const names = (text: string): string[] =>
  read(text).objects.map((o) => `${o.kind} ${o.namespace}/${o.name}:${o.origin.line}`);
const places = (text: string): string[] => read(text).problems.map((p) => `${p.line}:${p.column}: ${p.code}`);
const messages = (text: string): string =>
  read(text)
    .problems.map((p) => p.message)
    .join('\n');

describe('objects of a text', () => {
  const node = 'apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n';
  const rows: readonly (readonly [string, string, readonly string[]])[] = [
    ['one', serviceText('web'), ['Service shop/web:1']],
    [
      'several, with comments and markers',
      `# a\n---\n${node}---\n# b\n---\n${serviceText('web')}...\n`,
      ['Node /n1:3', 'Service shop/web:9'],
    ],
    ['a directive', `%YAML 1.2\n---\n${node}`, ['Node /n1:3']],
    ['content behind the marker', '--- {apiVersion: v1, kind: Node, metadata: {name: n1}}\n', ['Node /n1:1']],
    [
      'windows line ends and a byte order mark',
      `\uFEFF${node}---\n${serviceText('web')}`.replaceAll('\n', '\r\n'),
      ['Node /n1:1', 'Service shop/web:5'],
    ],
    ['JSON', '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}', ['Namespace /shop:1']],
    [
      'a List',
      `apiVersion: v1\nkind: List\nitems:\n  - ${node.trimEnd().replaceAll('\n', '\n    ')}\n`,
      ['Node /n1:4'],
    ],
    [
      'a ServiceList whose items do not say what they are',
      'kind: ServiceList\napiVersion: v1\nitems:\n- metadata: {name: web}\n',
      ['Service default/web:4'],
    ],
    [
      'a merge key',
      'x: &m {name: web}\napiVersion: v1\nkind: Service\nmetadata: {<<: *m, namespace: a}\n',
      ['Service a/web:1'],
    ],
    [
      'kinds of others',
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {}\n---\napiVersion: serving.knative.dev/v1\nkind: Service\n',
      [],
    ],
    [
      'an indented marker is text',
      `${serviceText('web')}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: |\n    ---\n    x\n`,
      ['Service shop/web:1', 'ConfigMap default/c:11'],
    ],
  ];
  it.each(rows)('%s', (_title, text, expected) => {
    expect(names(text)).toEqual(expected);
    expect(read(text).problems).toEqual([]);
  });

  it('gives a ConfigMap its text on the lines of the file, even out of a list', () => {
    const text = `${serviceText('web')}---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: clarion}\n  data: {config: "pools: []"}\n`;
    const [, configMap] = read(text).objects;
    const lines = configMap!.origin.text!.split('\n');
    expect(lines[configMap!.origin.line - 1]).toBe('  apiVersion: v1');
    expect(
      lines
        .slice(0, configMap!.origin.line - 1)
        .join('')
        .trim(),
    ).toBe('');
    expect(read(configMap!.origin.text!).objects[0]?.body).toEqual(configMap!.body);
  });

  it('moves with its document, and is not parsed again', () => {
    const first = read(`${serviceText('a')}---\n${serviceText('b')}`);
    const second = parseManifest(
      'f.yaml',
      `# one\n# two\n---\n${serviceText('b')}---\n${serviceText('a')}`,
      first.documents,
    );
    expect(second.objects.map((o) => `${o.name}:${o.origin.line}`)).toEqual(['b:4', 'a:14']);
    expect(second.objects[0]?.body).toBe(first.objects[1]?.body);
  });
});

describe('problems of a text', () => {
  const rows: readonly (readonly [string, string, readonly string[]])[] = [
    ['syntax, with its place in the file', `${serviceText('web')}---\na: [1, 2\nb: 3\n`, ['12:1: yaml-syntax']],
    ['one slip that the parser stumbles over twice', 'kind: Service\n metadata: x\nspec: {}\n', ['1:7: yaml-syntax']],
    ['a key twice', 'apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  name: b\n', ['5:3: yaml-syntax']],
    ['no kind', 'pools: []\n', ['1:1: not-an-object']],
    ['a scalar', 'hello\n', ['1:1: not-an-object']],
    ['a list of lists', '- - a\n', ['1:1: not-an-object']],
    ['kind is no string', 'kind: [Service]\n', ['1:1: invalid-object']],
    ['no apiVersion', '\nkind: Service\nmetadata: {name: a}\n', ['2:1: invalid-object']],
    [
      'an old apiVersion',
      'apiVersion: discovery.k8s.io/v1beta1\nkind: EndpointSlice\nmetadata: {name: a}\n',
      ['1:1: invalid-object'],
    ],
    ['no metadata', 'apiVersion: v1\nkind: Service\n', ['1:1: invalid-object']],
    ['a name that is a number', 'apiVersion: v1\nkind: Service\nmetadata: {name: 12}\n', ['1:1: invalid-object']],
    ['a name that climbs', 'apiVersion: v1\nkind: Service\nmetadata: {name: ..}\n', ['1:1: invalid-object']],
    [
      'a namespace with a slash',
      'apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: ../b}\n',
      ['1:1: invalid-object'],
    ],
    ['bytes', 'a\0b', ['1:1: binary-file']],
    ['an alias to nothing', 'kind: *a\n', ['1:1: yaml-syntax']],
    [
      'an object in itself',
      'apiVersion: v1\nkind: Service\nmetadata: &m {name: a, labels: *m}\n',
      ['1:1: yaml-syntax'],
    ],
    ['JSON that breaks off', '{"apiVersion": "v1",\n"kind": ', ['2:9: yaml-syntax']],
  ];
  it.each(rows)('%s', (_title, text, expected) => {
    expect(places(text)).toEqual(expected);
    expect(names(text).filter((name) => !name.includes('web'))).toEqual([]);
  });

  it('an alias bomb is refused at once', () => {
    const bomb = Array.from('bcdefghij').map((c, i) =>
      `${c}: [${Array(9).fill(`*${'abcdefghij'[i]}`).join(',')}]`.replace(': ', `: &${c} `),
    );
    const started = performance.now();
    expect(messages(`a: &a [x,x,x,x,x,x,x,x,x]\n${bomb.join('\n')}\n`)).toMatch(/alias/i);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('nesting without end, and a hundred thousand keys, cost little', () => {
    const started = performance.now();
    expect(read('['.repeat(100_000)).broken).toBe(true);
    expect(
      read(
        `{"kind":"Service","apiVersion":"v1","metadata":{"name":"a"},"x":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
      ).broken,
    ).toBe(true);
    expect(read(Array.from({ length: 100_000 }, (_, i) => `k${i}: 1`).join('\n')).broken).toBe(false);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('a long JSON text is not read again as YAML; its place is told all the same', () => {
    const items = Array.from(
      { length: 9000 },
      (_, i) => `{"apiVersion":"v1","kind":"Node","metadata":{"name":"n${i}"}}`,
    );
    const text = `{"kind":"List","apiVersion":"v1","items":[\n${items.join(',\n')}\n}`;
    expect(places(text)).toEqual(['9002:1: json-syntax']);
  });
});

describe('properties', () => {
  it('no text throws, and problems and objects lie inside of the text', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc
        .array(
          fc.constantFrom(
            '---\n',
            '- ',
            '{',
            '}',
            '[',
            ']',
            ': ',
            'kind',
            '&a ',
            '*a ',
            '|\n',
            '  ',
            '\n',
            '"',
            '\t',
            '%',
            '#',
            '!!x ',
            '<<',
            '\0',
          ),
          { maxLength: 60 },
        )
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(hostile, (text) => {
        const { objects, problems } = read(text);
        const lines = text.split('\n').length;
        for (const line of [...objects.map((o) => o.origin.line), ...problems.map((p) => p.line)]) {
          expect(line).toBeGreaterThan(0);
          expect(line).toBeLessThanOrEqual(lines);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('JSON and its pretty form give the same objects', () => {
    const label = fc.dictionary(fc.string(), fc.string({ maxLength: 8 }), { maxKeys: 3 });
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 4 }), (labels) => {
        const items = labels.map((each, i) => ({
          apiVersion: 'v1',
          kind: 'Node',
          metadata: { name: `n${i}`, labels: each },
        }));
        const bodies = (text: string) => read(text).objects.map((object) => object.body);
        const short = bodies(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
        expect(short).toHaveLength(items.length);
        expect(bodies(items.map((item) => JSON.stringify(item, undefined, 2)).join('\n---\n'))).toEqual(short);
      }),
    );
  });
});
