import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ms } from '../../../src/base/clock.ts';
import { objectKey } from '../../../src/cluster/directory/claims.ts';
import { ManifestSet } from '../../../src/cluster/directory/manifest-set.ts';
import { parseManifest } from '../../../src/cluster/directory/parse.ts';
import { serviceText } from './folder.ts';

/** A set of files on a time line; times are milliseconds. */
class Folder {
  readonly set = new ManifestSet();

  text(file: string, text: string, at: number) {
    const manifest = parseManifest(file, text, this.set.documentsOf(file));
    return this.set.read(file, { is: 'text', manifest }, ms(at));
  }
  gone(file: string, at: number) {
    return this.set.read(file, { is: 'gone' }, ms(at));
  }
  advance(to: number) {
    return this.set.advance(ms(to));
  }
  service(name: string) {
    return this.set.winner(objectKey('Service', 'shop', name));
  }
  port(name: string): unknown {
    return (this.service(name)?.body as { spec?: { ports?: { port: number }[] } } | undefined)?.spec?.ports?.[0]?.port;
  }
  codes(): string[] {
    return this.set.problems().map((problem) => problem.code);
  }
}

const both = `${serviceText('a')}---\n${serviceText('b')}`;
const BAD = 'a: [\n';

function settled(files: Readonly<Record<string, string>>): Folder {
  const folder = new Folder();
  for (const [file, text] of Object.entries(files)) folder.text(file, text, 0);
  folder.advance(500);
  return folder;
}

describe('a disappearance', () => {
  it('of one object of a file counts after 500 ms without a change of that file', () => {
    const folder = settled({ 'x.yaml': both });
    folder.text('x.yaml', serviceText('a'), 1000);
    folder.advance(1499);
    expect(folder.service('b')).toBeDefined();
    expect(folder.set.nextDue(ms(1499))).toBe(1500);
    const changed = folder.advance(1500);
    expect([...changed.keys]).toEqual(['Service/shop/b']);
    expect(folder.service('b')).toBeUndefined();
    expect(folder.set.nextDue(ms(1500))).toBeUndefined();
  });

  it('waits anew after every write of the file', () => {
    const folder = settled({ 'x.yaml': both });
    for (const at of [1000, 1400, 1800]) {
      folder.text('x.yaml', serviceText('a', at), at);
      folder.advance(at + 399);
      expect(folder.service('b')).toBeDefined();
    }
    folder.advance(2300);
    expect(folder.service('b')).toBeUndefined();
  });

  it('is none where the object comes back in time: not even its identity changes', () => {
    const folder = settled({ 'x.yaml': both });
    const before = folder.service('b');
    folder.text('x.yaml', '', 1000);
    const changed = folder.text('x.yaml', both, 1100);
    expect(changed.keys.size).toBe(0);
    expect(folder.service('b')).toBe(before);
  });

  it('of a deleted file counts after 500 ms, and a file made anew in between loses nothing', () => {
    const folder = settled({ 'x.yaml': both });
    folder.gone('x.yaml', 1000);
    folder.advance(1300);
    expect(folder.service('a')).toBeDefined();
    folder.text('x.yaml', both, 1300);
    folder.advance(2000);
    expect(folder.service('a')).toBeDefined();
    folder.gone('x.yaml', 3000);
    expect([...folder.advance(3500).keys].toSorted()).toEqual(['Service/shop/a', 'Service/shop/b']);
  });

  it('from one file into another one is a change, counted at once and no duplicate', () => {
    const folder = settled({ 'a.yaml': serviceText('web', 80) });
    folder.text('a.yaml', '', 1000);
    folder.text('b.yaml', serviceText('web', 443), 1001);
    expect(folder.port('web')).toBe(443);
    expect(folder.codes()).toEqual([]);
    folder.advance(2000);
    expect(folder.port('web')).toBe(443);
  });
});

describe('an addition or a change', () => {
  it('counts at once, and touches only its own object', () => {
    const folder = settled({ 'x.yaml': both });
    expect([...folder.text('x.yaml', both.replace('port: 80', 'port: 81'), 1000).keys]).toEqual(['Service/shop/a']);
    expect(folder.port('a')).toBe(81);
    expect([...folder.text('y.yaml', serviceText('c'), 1001).keys]).toEqual(['Service/shop/c']);
  });

  it('is none where only a comment changed', () => {
    const folder = settled({ 'x.yaml': serviceText('a') });
    expect(folder.text('x.yaml', `${serviceText('a')}# a word\n`, 1000).keys.size).toBe(0);
  });
});

describe('fields that are missing in the last object of a file', () => {
  it('count after 50 ms of quiet, since a file cut short looks just like that', () => {
    const folder = settled({ 'x.yaml': serviceText('a') });
    folder.text('x.yaml', serviceText('a').split('  ports:')[0]!, 1000);
    expect(folder.set.nextDue(ms(1000))).toBe(1050);
    folder.advance(1049);
    expect(folder.port('a')).toBe(80);
    folder.advance(1050);
    expect(folder.port('a')).toBeUndefined();
  });

  it('in any other object count at once: a cut would have taken what follows', () => {
    const folder = settled({ 'x.yaml': both });
    folder.text('x.yaml', both.replace('  type: LoadBalancer\n', ''), 1000);
    expect(folder.service('a')?.body['spec']).not.toHaveProperty('type');
  });
});

describe('a file that does not parse', () => {
  it('keeps the objects it had until it is mended, and is reported after 500 ms', () => {
    const folder = settled({ 'x.yaml': both });
    folder.text('x.yaml', BAD, 1000);
    expect(folder.codes()).toEqual([]);
    expect(folder.advance(1500).problems).toBe(true);
    expect(new Set(folder.codes())).toEqual(new Set(['yaml-syntax']));
    folder.advance(60_000);
    expect(folder.service('a')).toBeDefined();
    expect(folder.set.doubtful).toBe(true);

    expect(folder.text('x.yaml', serviceText('a'), 70_000).problems).toBe(true);
    expect(folder.codes()).toEqual([]);
    folder.advance(70_500);
    expect(folder.service('b')).toBeUndefined();
    expect(folder.set.doubtful).toBe(false);
  });

  it('hides no good document beside the bad one', () => {
    const folder = settled({ 'x.yaml': `${serviceText('a')}---\n${BAD}---\n${serviceText('b')}` });
    expect(folder.service('a')).toBeDefined();
    expect(folder.service('b')).toBeDefined();
    expect(folder.codes()).toContain('yaml-syntax');
  });

  it('keeps its objects while it cannot be read, and loses them when it is deleted', () => {
    const folder = settled({ 'x.yaml': serviceText('a') });
    const problem = {
      severity: 'error',
      file: 'x.yaml',
      line: 1,
      column: 1,
      code: 'unreadable-file',
      message: 'no',
    } as const;
    folder.set.read('x.yaml', { is: 'unreadable', problem }, ms(1000));
    folder.advance(9000);
    expect(folder.service('a')).toBeDefined();
    expect(folder.codes()).toEqual(['unreadable-file']);
    folder.gone('x.yaml', 10_000);
    folder.advance(10_500);
    expect(folder.service('a')).toBeUndefined();
    expect(folder.codes()).toEqual([]);
  });
});

describe('the same object in two files', () => {
  it('is the one of the first file by name, and a problem that names both places', () => {
    const folder = settled({ 'b.yaml': serviceText('web', 2), 'a.yaml': `# here\n${serviceText('web', 1)}` });
    expect(folder.port('web')).toBe(1);
    expect(folder.set.problems()).toEqual([
      expect.objectContaining({
        code: 'duplicate-object',
        file: 'b.yaml',
        line: 1,
        object: 'Service shop/web',
        message: expect.stringContaining('a.yaml:2'),
      }),
    ]);
    folder.gone('a.yaml', 1000);
    expect(folder.port('web')).toBe(2);
    folder.advance(2000);
    expect(folder.codes()).toEqual([]);
  });
});

describe('properties', () => {
  const file = `${serviceText('a')}---\n${serviceText('b', 8080)}---
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Service, metadata: {name: c, namespace: shop}, spec: {type: LoadBalancer}}
  - apiVersion: v1
    kind: Service
    metadata: {name: d, namespace: shop}
    spec: {type: LoadBalancer, loadBalancerClass: "x: y"}
`;

  it('a file cut at any byte loses no object and no field of its Services before it is quiet', () => {
    const bytes = Buffer.from(file);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const folder = settled({ 'x.yaml': file });
      folder.text('x.yaml', bytes.subarray(0, cut).toString('utf8'), 1000);
      folder.advance(1049);
      for (const name of ['a', 'b', 'c', 'd'])
        expect(folder.service(name)?.body['spec'], `${name} at ${cut}`).toMatchObject({ type: 'LoadBalancer' });
      folder.text('x.yaml', file, 1049);
      folder.advance(1600);
      expect(folder.port('b')).toBe(8080);
      expect(folder.codes()).toEqual([]);
    }
  });

  it('after any sequence of writes and quiet, the set says what the files say', () => {
    const texts = ['', BAD, serviceText('a'), serviceText('b', 443), both, file, '# nothing\n'];
    const write = fc.record({
      file: fc.constantFrom('x.yaml', 'y.yaml', 'z.yaml'),
      text: fc.option(fc.constantFrom(...texts)),
      wait: fc.nat(700),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 12 }), (writes) => {
        const folder = new Folder();
        const last = new Map<string, string>();
        let now = 0;
        for (const { file: name, text, wait } of writes) {
          if (text === null) folder.gone(name, now);
          else folder.text(name, text, now);
          if (text === null) last.delete(name);
          else last.set(name, text);
          now += wait;
          folder.advance(now);
        }
        folder.advance(now + 500);
        expect(folder.set.nextDue(ms(now + 500))).toBeUndefined();
        if ([...last.values()].includes(BAD)) return;
        const fresh = new Folder();
        for (const [name, text] of last) fresh.text(name, text, 0);
        for (const name of ['a', 'b', 'c', 'd']) expect(folder.service(name)).toEqual(fresh.service(name));
      }),
    );
  });
});
