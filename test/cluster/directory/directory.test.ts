import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  controllerSocketPath,
  nodeSocketPath,
  socketFolder,
  socketsIn,
} from '../../../src/cluster/directory/directory.ts';
import { readDirectory } from '../../../src/cluster/directory/read.ts';
import type { ClusterReader, ServiceStatus } from '../../../src/cluster/ports.ts';
import { privateTree, skipNote } from '../../support/lab.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { until } from '../contract.ts';
import { serviceText, TestFolder } from './folder.ts';

/** Real files and real inotify, so these wait for real; everything about time is in manifest-set.test.ts. */
const portOf = (cluster: ClusterReader, name: string): number | undefined =>
  (
    cluster.list('Service').find((object) => object.name === name)?.body as
      | { spec?: { ports?: { port: number }[] } }
      | undefined
  )?.spec?.ports?.[0]?.port;
const codes = (cluster: ClusterReader): string[] => cluster.problems().map((problem) => problem.code);
const ingressOf = (cluster: ClusterReader, name: string): unknown =>
  (
    cluster.list('Service').find((object) => object.name === name)?.body['status'] as
      | { loadBalancer?: { ingress?: unknown } }
      | undefined
  )?.loadBalancer?.ingress;
const status = (...ingress: readonly string[]): ServiceStatus => ({ ingress, pool: 'public', conditions: [] });
const VIP = [{ ip: '192.0.2.1', ipMode: 'VIP' }];

let folder: TestFolder;
beforeEach(() => {
  folder = new TestFolder();
});
afterEach(() => folder.remove());

describe('a change', () => {
  const ways: readonly (readonly [string, (path: string, text: string) => void])[] = [
    ['written over', (path, text) => writeFileSync(path, text)],
    [
      'truncated, then written in two parts',
      (path, text) => {
        truncateSync(path, 0);
        writeFileSync(path, text.slice(0, 40));
        writeFileSync(path, text.slice(40), { flag: 'a' });
      },
    ],
    [
      'written to another name and renamed',
      (path, text) => {
        writeFileSync(`${path}.tmp`, text);
        renameSync(`${path}.tmp`, path);
      },
    ],
    [
      'deleted and made anew',
      (path, text) => {
        unlinkSync(path);
        writeFileSync(path, text);
      },
    ],
    [
      'moved away as a backup and made anew',
      (path, text) => {
        renameSync(path, `${path}~`);
        writeFileSync(path, text);
      },
    ],
  ];
  it.each(ways)('is seen when the file is %s, and the object is never missing', async (_title, change) => {
    folder.write('web.yaml', serviceText('web', 1));
    const cluster = await folder.open();
    const missing: unknown[] = [];
    cluster.onChange(() => {
      if (portOf(cluster, 'web') === undefined) missing.push('missing');
    });
    for (let port = 2; port < 12; port++) {
      change(folder.at('web.yaml'), serviceText('web', port));
      await until(cluster, () => portOf(cluster, 'web') === port);
    }
    expect(missing).toEqual([]);
    expect(cluster.problems()).toEqual([]);
  });

  it('is told within milliseconds of the write', async () => {
    folder.write('web.yaml', serviceText('web', 1));
    const cluster = await folder.open();
    const took: number[] = [];
    for (let port = 2; port < 102; port++) {
      folder.write('web.yaml', serviceText('web', port));
      const written = performance.now();
      await until(cluster, () => portOf(cluster, 'web') === port);
      took.push(performance.now() - written);
    }
    took.sort((a, b) => a - b);
    // 0.6 ms on an idle machine; the bound is for one that runs everything else at once.
    expect(took[50]).toBeLessThan(10);
  });

  it('is seen in folders made, moved and removed while it runs, and in those that links lead to', async () => {
    const elsewhere = new TestFolder();
    elsewhere.write('linked.yaml', serviceText('linked'));
    const cluster = await folder.open();
    folder.write('a/b/deep.yaml', serviceText('deep'));
    symlinkSync(elsewhere.path, folder.at('link'));
    symlinkSync(folder.path, folder.at('a/loop'));
    await until(cluster, () => portOf(cluster, 'deep') === 80 && portOf(cluster, 'linked') === 80);
    elsewhere.write('linked.yaml', serviceText('linked', 81));
    folder.write('a/b/deep.yaml', serviceText('deep', 81));
    await until(cluster, () => portOf(cluster, 'deep') === 81 && portOf(cluster, 'linked') === 81);
    renameSync(folder.at('a'), folder.at('z'));
    await until(cluster, () => cluster.list('Service').some((o) => o.origin.file === folder.at('z/b/deep.yaml')));
    folder.write('z/b/deep.yaml', serviceText('deep', 82));
    await until(cluster, () => portOf(cluster, 'deep') === 82);
    rmSync(folder.at('z'), { recursive: true });
    await until(cluster, () => portOf(cluster, 'deep') === undefined);
    expect(cluster.problems()).toEqual([]);
    await elsewhere.remove();
  });

  it('is seen when Kubernetes swaps the link of a mounted ConfigMap', async () => {
    folder.write('..v1/web.yaml', serviceText('web', 1));
    symlinkSync('..v1', folder.at('..data'));
    symlinkSync('..data/web.yaml', folder.at('web.yaml'));
    const cluster = await folder.open();
    expect(portOf(cluster, 'web')).toBe(1);
    folder.write('..v2/web.yaml', serviceText('web', 2));
    symlinkSync('..v2', folder.at('..data_tmp'));
    renameSync(folder.at('..data_tmp'), folder.at('..data'));
    rmSync(folder.at('..v1'), { recursive: true });
    await until(cluster, () => portOf(cluster, 'web') === 2);
    expect(cluster.problems()).toEqual([]);
  });

  it('is found by comparing where the kernel gives no watches, with a warning', async () => {
    folder.write('web.yaml', serviceText('web', 1));
    const clock = new VirtualClock();
    const refuse = (): never => {
      throw Object.assign(new Error('ENOSPC: System limit for number of file watchers reached'), { code: 'ENOSPC' });
    };
    const cluster = await folder.open({ clock, watch: refuse });
    expect(cluster.problems()[0]).toMatchObject({ severity: 'warning', code: 'watch-unavailable' });
    folder.write('web.yaml', serviceText('web', 22));
    folder.write('sub/new.yaml', serviceText('new', 5));
    clock.advance(1000);
    await until(cluster, () => portOf(cluster, 'web') === 22 && portOf(cluster, 'new') === 5);
    await cluster.close();
    expect(clock.pending()).toEqual([]);
  });
});

describe('files that are not what they should be', () => {
  it('are problems that name them, and everything else works', async () => {
    folder.write('good.yaml', serviceText('good'));
    folder.write(
      'binary.yaml',
      Uint8Array.from({ length: 4096 }, (_, i) => i % 256),
    );
    folder.write('broken.yaml', 'a: [');
    folder.write('huge.json', '');
    truncateSync(folder.at('huge.json'), 65 * 1024 * 1024);
    execFileSync('sh', ['-c', 'mkfifo "$0"', folder.at('fifo.yaml')]);
    symlinkSync('self.yaml', folder.at('self.yaml'));
    symlinkSync('/nowhere', folder.at('dangling.yaml'));
    symlinkSync('/dev/zero', folder.at('device.yaml'));
    mkdirSync(folder.at('folder.yaml'));
    folder.write('README.md', 'not for us');
    folder.write('.hidden.yaml', serviceText('hidden'));
    const expected = [
      ['binary.yaml', 'binary-file'],
      ['broken.yaml', 'yaml-syntax'],
      ['device.yaml', 'not-a-file'],
      ['fifo.yaml', 'not-a-file'],
      ['huge.json', 'file-too-large'],
      ['self.yaml', 'unreadable-file'],
    ];
    const found = (problems: readonly { file: string; code: string }[]) => [
      ...new Map(problems.map(({ file, code }) => [file.slice(folder.path.length + 1), code])),
    ];
    expect(found(readDirectory(folder.path).problems)).toEqual(expected);
    const cluster = await folder.open();
    expect(found(cluster.problems())).toEqual(expected);
    expect(cluster.list('Service').map((object) => object.name)).toEqual(['good']);
    folder.write('more.yaml', serviceText('more'));
    await until(cluster, () => portOf(cluster, 'more') === 80);
  });

  it('keep their objects while they are in the way of a file that was good', async () => {
    folder.write('web.yaml', serviceText('web'));
    const cluster = await folder.open();
    folder.write('web.yaml', 'kind: {');
    await until(cluster, () => codes(cluster).includes('yaml-syntax'));
    expect(portOf(cluster, 'web')).toBe(80);
    folder.write('web.yaml', serviceText('web', 81));
    await until(cluster, () => portOf(cluster, 'web') === 81 && codes(cluster).length === 0);
  });

  it('a folder that is moved away takes no object with it, and is picked up when it returns', async () => {
    folder.write('in/web.yaml', serviceText('web'));
    const clock = new VirtualClock();
    const cluster = await folder.open({ directory: folder.at('in'), clock });
    renameSync(folder.at('in'), folder.at('away'));
    clock.advance(30_000);
    await until(cluster, () => codes(cluster).includes('unreadable-file'));
    clock.advance(5000);
    expect(portOf(cluster, 'web')).toBe(80);
    folder.write('away/web.yaml', serviceText('web', 81));
    renameSync(folder.at('away'), folder.at('in'));
    clock.advance(1000);
    await until(cluster, () => portOf(cluster, 'web') === 81);
    folder.write('in/web.yaml', serviceText('web', 82));
    await until(cluster, () => portOf(cluster, 'web') === 82);
    expect(cluster.problems()).toEqual([]);
  });

  it('no folder at all is an error of the environment', async () => {
    await expect(folder.open({ directory: folder.at('nowhere') })).rejects.toMatchObject({ exitCode: 3 });
    folder.write('file', '');
    await expect(folder.open({ directory: folder.at('file') })).rejects.toMatchObject({ exitCode: 3 });
    await expect(folder.open({ configFile: folder.at('nowhere') })).rejects.toMatchObject({ exitCode: 3 });
    expect(readDirectory(folder.at('nowhere')).problems[0]?.code).toBe('unreadable-file');
  });
});

describe('our own state', () => {
  const state = (name: string): string => folder.at(`.clarion/${name}`);

  it('survives a restart, and a status in the manifest is only where it starts from', async () => {
    const own = `${serviceText('web')}status: {loadBalancer: {ingress: [{ip: 198.51.100.9}]}, conditions: [{type: Other}]}\n`;
    folder.write('web.yaml', own);
    const first = await folder.open();
    expect(ingressOf(first, 'web')).toEqual([{ ip: '198.51.100.9' }]);
    await first.writeServiceStatus('shop', 'web', {
      ...status('192.0.2.1'),
      conditions: [{ type: 'clarion.dev/Allocated', status: 'True', reason: 'R', message: 'm' }],
    });
    await first.publishEffectiveConfig('{"generation":3}');
    await first.close();
    const second = await folder.open();
    expect(ingressOf(second, 'web')).toEqual(VIP);
    expect(second.effectiveConfig()).toBe('{"generation":3}');
    const conditions = (second.list('Service')[0]!.body['status'] as { conditions: { type: string }[] }).conditions;
    expect(conditions.map(({ type }) => type)).toEqual(['Other', 'clarion.dev/Allocated']);
    expect(readFileSync(folder.at('web.yaml'), 'utf8')).toBe(own);
    expect(readDirectory(folder.path).lists.Service[0]?.body).not.toHaveProperty('metadata.annotations');
  });

  it('is removed with its Service, and not written again for what is unchanged', async () => {
    folder.write('web.yaml', serviceText('web'));
    const cluster = await folder.open();
    await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'));
    const file = state('status/shop/web.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"public"', '"public"  '));
    await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'));
    expect(readFileSync(file, 'utf8')).toContain('"public"  ');
    unlinkSync(folder.at('web.yaml'));
    await until(cluster, () => portOf(cluster, 'web') === undefined);
    await cluster.close();
    expect(existsSync(file)).toBe(false);
  });

  it('of a Service that went while nobody looked is removed a minute later, unless a file is in doubt', async () => {
    folder.write('web.yaml', serviceText('web'));
    folder.write('api.yaml', serviceText('api'));
    const first = await folder.open();
    await first.writeServiceStatus('shop', 'web', status('192.0.2.1'));
    await first.close();
    const restart = async (): Promise<void> => {
      const clock = new VirtualClock();
      const cluster = await folder.open({ clock });
      await cluster.publishEffectiveConfig('{}');
      clock.advance(61_000);
      await cluster.close();
    };
    folder.write('web.yaml', 'a: [');
    await restart();
    expect(existsSync(state('status/shop/web.json'))).toBe(true);
    unlinkSync(folder.at('web.yaml'));
    await restart();
    expect(existsSync(state('status/shop/web.json'))).toBe(false);
  });

  it('that makes no sense is set aside and reported, and replaced by the next write', async () => {
    folder.write('web.yaml', serviceText('web'));
    folder.write('.clarion/status/shop/web.json', '{"namespace": "shop"');
    folder.write('.clarion/effective-config.json', 'half');
    folder.write('.clarion/reports/node-a.json', '[]');
    folder.write(
      '.clarion/status/shop/other.json',
      '{"namespace":"shop","name":"web","time":"t","ingress":[],"conditions":[]}',
    );
    const cluster = await folder.open();
    expect(codes(cluster)).toEqual(Array(4).fill('corrupt-state'));
    expect(existsSync(state('effective-config.json.corrupt'))).toBe(true);
    expect(cluster.effectiveConfig()).toBeUndefined();
    expect(await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'))).toEqual({ kind: 'done' });
    expect(codes(cluster)).toHaveLength(3);
  });

  it('that cannot be written is in force all the same, and written as soon as it can be', async () => {
    folder.write('web.yaml', serviceText('web'));
    // A file in the place of the folder: refused to root as well.
    folder.write('.clarion/status', 'in the way');
    const cluster = await folder.open();
    const outcome = await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'));
    expect(outcome).toMatchObject({ kind: 'retry', message: expect.stringContaining('web.json cannot be written') });
    expect(ingressOf(cluster, 'web')).toEqual(VIP);
    rmSync(state('status'));
    expect(await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'))).toEqual({ kind: 'done' });
    expect(existsSync(state('status/shop/web.json'))).toBe(true);
  });

  it('has nowhere to go where the folder is not ours: the process works without', async () => {
    folder.write('web.yaml', serviceText('web'));
    folder.write('.clarion', 'a file');
    const cluster = await folder.open();
    expect(codes(cluster)).toContain('state-not-writable');
    expect((await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'))).kind).toBe('retry');
    expect(ingressOf(cluster, 'web')).toEqual(VIP);
    cluster.recordEvent({
      regarding: { kind: 'Service', namespace: 'shop', name: 'web' },
      type: 'Normal',
      reason: 'AddressAssigned',
      message: 'm',
    });
    await expect(cluster.write('controller', {} as never, undefined)).rejects.toThrow(/ENOTDIR|EEXIST/);
  });

  it('has nowhere to go where the folder is a link to nowhere', async () => {
    folder.write('web.yaml', serviceText('web'));
    symlinkSync('/nowhere/at-all', folder.at('.clarion'));
    const cluster = await folder.open();
    expect(await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'))).toMatchObject({ kind: 'retry' });
    expect(ingressOf(cluster, 'web')).toEqual(VIP);
  });

  it('never leaves its folder, whatever a Service is called, and two names never share a file', async () => {
    const long = 'n'.repeat(253);
    const names = ['.a', 'a~b', 'A', 'ä', long, `${long.slice(1)}m`];
    for (const [i, name] of names.entries()) folder.write(`${i}.yaml`, serviceText(JSON.stringify(name), 80, '.x'));
    const cluster = await folder.open();
    for (const [i, name] of names.entries())
      expect(await cluster.writeServiceStatus('.x', name, status(`192.0.2.${i}`))).toEqual({ kind: 'done' });
    await cluster.close();
    const again = await folder.open();
    for (const [i, name] of names.entries())
      expect(ingressOf(again, name)).toEqual([{ ip: `192.0.2.${i}`, ipMode: 'VIP' }]);
    expect(readdirSync(folder.at('.clarion'))).toEqual(['status']);
  });

  it('has events on transitions only, in two files of a bounded size', async () => {
    const cluster = await folder.open();
    const event = (message: string) => ({
      regarding: { kind: 'Service', namespace: 'shop', name: 'web' } as const,
      type: 'Normal' as const,
      reason: 'AddressAssigned',
      message,
    });
    for (const message of ['a', 'a', 'b', 'a']) cluster.recordEvent(event(message));
    await new Promise((resolve) => setImmediate(resolve));
    const lines = readFileSync(state('events.jsonl'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(['a', 'b', 'a']);
    for (let i = 0; i < 30; i++) {
      cluster.recordEvent(event(`${i} ${'x'.repeat(100_000)}`));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(readdirSync(folder.at('.clarion')).toSorted()).toEqual(['events.1.jsonl', 'events.jsonl']);
    expect(readFileSync(state('events.jsonl')).length).toBeLessThan(1_100_000);
  });

  it('a lease that makes no sense is set aside, and a slow writer cannot turn back the count', async () => {
    const lease = { holder: 'a', durationSeconds: 15, acquired: 't', renewed: 't', transitions: 0 };
    const cluster = await folder.open();
    folder.write('.clarion/leases/controller/7.json', '{');
    expect(await cluster.read('controller')).toBeUndefined();
    expect(await cluster.write('controller', lease, undefined)).toBe('written');
    expect(await cluster.write('controller', lease, '1')).toBe('written');
    expect(await cluster.write('controller', lease, '2')).toBe('written');
    expect(await cluster.write('controller', lease, '1')).toBe('conflict');
    expect(readdirSync(state('leases/controller')).toSorted()).toEqual(['3.json', '7.json.corrupt']);
  });
});

describe.skipIf(!privateTree.inside)(`a disk${skipNote}`, () => {
  const mount = (...args: readonly string[]): unknown =>
    execFileSync('sh', ['-c', 'exec mount "$@"', 'sh', ...args, folder.path]);
  afterEach(() => {
    execFileSync('sh', ['-c', 'exec umount --lazy "$0"', folder.path]);
  });

  it('that is full leaves no half file, and what could not be written is in force', async () => {
    mount('-t', 'tmpfs', '-o', 'size=64k', 'tmpfs');
    folder.write('web.yaml', serviceText('web'));
    const cluster = await folder.open();
    expect(await cluster.publishEffectiveConfig('{"generation":1}')).toEqual({ kind: 'done' });
    expect(() => folder.write('ballast', 'x'.repeat(100_000))).toThrow(/ENOSPC/);
    const large = JSON.stringify({ generation: 2, pad: 'x'.repeat(10_000) });
    expect((await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'))).kind).toBe('retry');
    expect((await cluster.publishEffectiveConfig(large)).kind).toBe('retry');
    expect(ingressOf(cluster, 'web')).toEqual(VIP);
    expect(cluster.effectiveConfig()).toBe(large);
    expect(readFileSync(folder.at('.clarion/effective-config.json'), 'utf8')).toBe('{"generation":1}');
    expect(readdirSync(folder.at('.clarion')).filter((name) => name.startsWith('.tmp'))).toEqual([]);
    rmSync(folder.at('ballast'));
    expect(await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'))).toEqual({ kind: 'done' });
    expect(await cluster.publishEffectiveConfig(large)).toEqual({ kind: 'done' });
    await cluster.close();
    const again = await folder.open();
    expect(ingressOf(again, 'web')).toEqual(VIP);
    expect(again.effectiveConfig()).toBe(large);
    await again.close();
  });

  it('that is read-only takes nothing, and gives all it has', async () => {
    mount('-t', 'tmpfs', 'tmpfs');
    folder.write('web.yaml', serviceText('web'));
    mount('-o', 'remount,ro');
    const cluster = await folder.open();
    expect(codes(cluster)).toContain('state-not-writable');
    expect(await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'))).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('EROFS'),
    });
    expect(ingressOf(cluster, 'web')).toEqual(VIP);
    mount('-o', 'remount,rw');
    expect(await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'))).toEqual({ kind: 'done' });
    expect(existsSync(folder.at('.clarion/status/shop/web.json'))).toBe(true);
    await cluster.close();
  });
});

describe('the configuration from outside of the folder', () => {
  const config = (cluster: ClusterReader): unknown[] =>
    cluster.list('ConfigMap').map(({ namespace, name, body }) => [namespace, name, body['data']]);

  it('is the ConfigMap default/clarion, bare or not, and the only one', async () => {
    const outside = new TestFolder();
    const file = outside.write('edge.conf', 'pools: []\n');
    folder.write('other.yaml', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\ndata: {config: x}\n');
    const cluster = await folder.open({ configFile: file });
    expect(config(cluster)).toEqual([['default', 'clarion', { 'config.yaml': 'pools: []\n' }]]);
    expect(cluster.list('ConfigMap')[0]?.origin).toEqual({ file, line: 1, text: 'pools: []\n' });
    outside.write(
      'edge.conf',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine}\ndata: {config: "pools: [1]"}\n',
    );
    await until(cluster, () => JSON.stringify(config(cluster)).includes('[1]'));
    expect(config(cluster)).toEqual([['default', 'clarion', { config: 'pools: [1]' }]]);
    expect(cluster.problems()).toEqual([]);
    await cluster.close();
    await outside.remove();
  });

  it('may lie in the folder, too', async () => {
    const file = folder.write('config.yaml', 'pools: []\n');
    const cluster = await folder.open({ configFile: file });
    expect(config(cluster)).toEqual([['default', 'clarion', { 'config.yaml': 'pools: []\n' }]]);
    expect(cluster.problems()).toEqual([]);
  });
});

describe('the socket of a node', () => {
  it('lies in .clarion/, and has a path that a socket can have, however long the folder is called', () => {
    expect(nodeSocketPath(folder.path, 'node-a')).toBe(folder.at('.clarion/node-a.sock'));
    const deep = folder.at('d'.repeat(200));
    mkdirSync(deep);
    for (const node of ['node-a', 'n'.repeat(253)]) {
      const path = nodeSocketPath(deep, node);
      expect(Buffer.byteLength(path)).toBeLessThan(108);
      writeFileSync(path, node);
    }
    expect(readdirSync(join(deep, '.clarion')).toSorted()[1]).toBe('node-a.sock');
    chmodSync(deep, 0o755);
  });

  it.each(['short', 'd'.repeat(200)])('is found by those that ask, with the name of its node: %s', (name) => {
    const directory = folder.at(name);
    mkdirSync(directory);
    expect(socketsIn(socketFolder(directory))).toEqual([]);
    writeFileSync(nodeSocketPath(directory, 'node a/b'), 'speaker');
    writeFileSync(controllerSocketPath(directory, 'node a/b'), 'controller');
    const found = socketsIn(socketFolder(directory));
    expect(found.map((socket) => [socket.name, readFileSync(socket.path, 'utf8')])).toEqual([
      ['node a/b (controller)', 'controller'],
      ['node a/b', 'speaker'],
    ]);
    for (const { path } of found) expect(Buffer.byteLength(path)).toBeLessThan(108);
  });
});

describe('annotations that commands set', () => {
  const drain = { 'clarion.dev/drain': 'true' };
  const nodes = (cluster: ClusterReader): unknown[] =>
    cluster
      .list('Node')
      .map(({ name, implied, body }) => [
        name,
        implied === true,
        (body['metadata'] as { annotations?: unknown }).annotations,
      ]);
  const nodeText = (name: string, annotations = ''): string =>
    `apiVersion: v1\nkind: Node\nmetadata:\n  name: ${name}\n${annotations}`;

  it("survive a restart, and never touch the owner's file", async () => {
    const text = nodeText('node-a');
    folder.write('nodes.yaml', text);
    const first = await folder.open();
    await first.annotate('Node', '', 'node-a', drain);
    await first.close();
    expect(readFileSync(folder.at('nodes.yaml'), 'utf8')).toBe(text);
    expect(nodes(await folder.open())).toEqual([['node-a', false, drain]]);
  });

  it('of a folder without Nodes: a Node that counts as none, gone with the last annotation', async () => {
    const cluster = await folder.open();
    expect(await cluster.annotate('Node', '', 'node-a', drain)).toEqual({ kind: 'done' });
    await until(cluster, () => cluster.list('Node').length === 1);
    expect(nodes(cluster)).toEqual([['node-a', true, drain]]);
    const other = await folder.open();
    expect(nodes(other)).toEqual([['node-a', true, drain]]);
    await cluster.annotate('Node', '', 'node-a', { 'clarion.dev/drain': undefined });
    await until(other, () => other.list('Node').length === 0);
    expect(existsSync(folder.at('.clarion/annotations/Node/node-a.json'))).toBe(false);
  });

  it('join the Node as soon as somebody defines it', async () => {
    const cluster = await folder.open();
    await cluster.annotate('Node', '', 'node-a', drain);
    folder.write('nodes.yaml', nodeText('node-a'));
    await until(cluster, () => cluster.list('Node')[0]?.implied === undefined && cluster.list('Node').length === 1);
    expect(nodes(cluster)).toEqual([['node-a', false, drain]]);
  });

  it('outdo what the owner wrote, but cannot take it away: refused with the place', async () => {
    const file = folder.write('nodes.yaml', nodeText('node-a', '  annotations:\n    clarion.dev/drain: "false"\n'));
    const cluster = await folder.open();
    await cluster.annotate('Node', '', 'node-a', drain);
    await until(cluster, () => JSON.stringify(nodes(cluster)).includes('true"'));
    expect(nodes(cluster)).toEqual([['node-a', false, drain]]);
    expect(await cluster.annotate('Node', '', 'node-a', { 'clarion.dev/drain': undefined })).toEqual({
      kind: 'refused',
      message: expect.stringContaining(`${file}:1 sets clarion.dev/drain`),
    });
    expect(nodes(cluster)).toEqual([['node-a', false, drain]]);
  });

  it('that make no sense are put aside and reported', async () => {
    folder.write('nodes.yaml', nodeText('node-a'));
    folder.write(
      '.clarion/annotations/Node/node-a.json',
      '{"kind":"Node","namespace":"","name":"node-b","annotations":{}}',
    );
    folder.write('.clarion/annotations/Node/node-c.json', '{"kind":"Node"');
    const cluster = await folder.open();
    expect(codes(cluster)).toEqual(['corrupt-state', 'corrupt-state']);
    expect(nodes(cluster)).toEqual([['node-a', false, undefined]]);
    expect(existsSync(folder.at('.clarion/annotations/Node/node-a.json.corrupt'))).toBe(true);
  });

  it('of objects that went while nobody ran are removed after a while, by the process that writes', async () => {
    const clock = new VirtualClock();
    folder.write('nodes.yaml', nodeText('node-a'));
    const record = (kind: string, namespace: string, name: string): string =>
      JSON.stringify({ kind, namespace, name, annotations: drain });
    folder.write('.clarion/annotations/Node/node-b.json', record('Node', '', 'node-b'));
    folder.write('.clarion/annotations/Service/shop/gone.json', record('Service', 'shop', 'gone'));
    const cluster = await folder.open({ clock });
    await cluster.publishEffectiveConfig('{}');
    clock.advance(61_000);
    await cluster.close();
    expect(existsSync(folder.at('.clarion/annotations/Node/node-b.json'))).toBe(false);
    expect(existsSync(folder.at('.clarion/annotations/Service/shop/gone.json'))).toBe(false);
    expect(nodes(cluster)).toEqual([['node-a', false, undefined]]);
  });
});
