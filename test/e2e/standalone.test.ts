import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ended } from '../../src/lab/lab.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { configMap, endpointSlice, service } from '../support/manifests.ts';
import { type Daemon, Scene, until } from './scene.ts';

/** The life of `clarion standalone` as a process: it starts, serves, ends, dies, and comes back. */
const POOL = 'pools:\n- {name: public, addresses: [192.0.2.200-192.0.2.203, "2001:db8:2::200-2001:db8:2::203"]}\n';
const VIP = '192.0.2.200';
const VIP6 = '2001:db8:2::200';

describe.skipIf(!privateTree.inside)(`the process of standalone${skipNote}`, () => {
  const scene = new Scene('e2e1');
  const started: Daemon[] = [];
  beforeAll(() => scene.build());
  afterEach(async () => {
    await Promise.all(started.splice(0).map((daemon) => daemon.stop('SIGKILL')));
    scene.empty();
  });
  afterAll(() => scene.stop());

  const start = async (...options: Parameters<Scene['start']>): Promise<Daemon> => {
    const daemon = await scene.start(...options);
    started.push(daemon);
    return daemon;
  };
  const dualStack = service('web', { families: ['IPv4', 'IPv6'] });
  const manifests = (): void => {
    scene.write('config.json', configMap(POOL));
    scene.write('web.json', dualStack, endpointSlice('web', ['node-a']));
  };
  const events = (): { readonly reason: string }[] =>
    readFileSync(join(scene.folder, '.clarion/events.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly reason: string });
  const assigned = (): number => events().filter(({ reason }) => reason === 'AddressAssigned').length;
  const stateFiles = (): string[] => readdirSync(join(scene.folder, '.clarion'), { recursive: true }).map(String);

  test('starts, the neighbour resolves both families; SIGTERM: exit code 0, silence, nothing left', async () => {
    manifests();
    const daemon = await start();
    await scene.announcedBy('node-a', VIP);
    await scene.announcedBy('node-a', VIP6);
    expect(scene.addressesOf('shop/web')).toEqual([VIP, VIP6]);
    expect(await daemon.stop('SIGTERM')).toBe(0);
    expect(await scene.resolve(VIP)).toBeUndefined();
    expect(await scene.resolve(VIP6)).toBeUndefined();
    expect(daemon.complaint()).toBe('');
    expect(existsSync(`/proc/${daemon.pid}`)).toBe(false);
    expect(stateFiles().filter((name) => name.endsWith('.sock') || name.includes('.tmp-'))).toEqual([]);
    expect(daemon.log.since(0).filter(({ level }) => level !== 'info' && level !== 'exit')).toEqual([]);
  });

  test('SIGINT: exit code 130, silence', async () => {
    manifests();
    const daemon = await start();
    await scene.announcedBy('node-a', VIP);
    expect(await daemon.stop('SIGINT')).toBe(130);
    expect(await scene.resolve(VIP)).toBeUndefined();
  });

  test('a signal while it starts ends it as well', async () => {
    manifests();
    const daemon = scene.spawn();
    started.push(daemon);
    // The folder of its own is made before anything else is there.
    await until('it begins to start', () => existsSync(join(scene.folder, '.clarion')));
    expect(await daemon.stop('SIGTERM')).toBeOneOf([0, 'SIGTERM', 143]);
    expect(daemon.complaint()).toBe('');
  });

  test('killed and started again: the same addresses, nothing assigned anew, no transition of Allocated', async () => {
    manifests();
    const first = await start();
    await scene.announcedBy('node-a', VIP);
    await until('both are reported as announced', () => scene.condition('shop/web', 'Announced') === 'True');
    const before = scene.status('shop/web');
    await first.stop('SIGKILL');
    // It would get the first address of the pool if the process did not remember whose that is.
    scene.write('earlier.json', service('earlier'), endpointSlice('earlier', ['node-a']));
    const second = await start();
    await scene.announcedBy('node-a', VIP);
    await scene.announcedBy('node-a', '192.0.2.201');
    // Announced may have been False meanwhile: nobody answered.
    await until('both are reported as announced', () => scene.condition('shop/web', 'Announced') === 'True');
    const after = scene.status('shop/web');
    expect(after?.ingress).toEqual(before?.ingress);
    expect(after?.pool).toBe(before?.pool);
    expect(after?.conditions.find(({ type }) => type === 'clarion.dev/Allocated')).toEqual(
      before?.conditions.find(({ type }) => type === 'clarion.dev/Allocated'),
    );
    expect(assigned()).toBe(2);
    expect(
      second.log.since(0).filter(({ msg, service: of }) => msg === 'address assigned' && of === 'shop/web'),
    ).toEqual([]);
    // The socket file that the killed one left is no obstacle.
    expect(await second.get('/readyz')).toEqual({ status: 200, body: 'ok\n' });
    expect(second.log.since(0).filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  });

  test('a Service deleted while it was away is not announced; its address is free', async () => {
    manifests();
    scene.write('other.json', service('other'), endpointSlice('other', ['node-a']));
    const first = await start();
    await scene.announcedBy('node-a', VIP);
    await until('the other has an address', () => scene.addressesOf('shop/other').length > 0);
    const [gone] = [...scene.addressesOf('shop/web')];
    const [kept] = scene.addressesOf('shop/other');
    await first.stop('SIGTERM');
    scene.remove('web.json');
    await start();
    await scene.announcedBy('node-a', kept!);
    expect(await scene.resolve(gone!)).toBeUndefined();
    scene.write('third.json', service('third'), endpointSlice('third', ['node-a']));
    await until('a third gets an address', () => scene.addressesOf('shop/third').length > 0);
    expect(scene.addressesOf('shop/third')).not.toEqual([kept]);
  });

  test('the status server: over TCP from the client, and over the socket of the node', async () => {
    manifests();
    const daemon = await start({ port: 7472 });
    await scene.announcedBy('node-a', VIP);
    const fetchAll = `for (const p of ['healthz','readyz','metrics','nonsense']) {
      const r = await fetch('http://192.0.2.11:7472/' + p); console.log(JSON.stringify([p, r.status, await r.text()])) }`;
    const text = await scene.lab.run('client', [process.execPath, '--input-type=module', '-e', fetchAll]);
    const answers = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as [string, number, string]);
    expect(answers.map(([path, status]) => [path, status])).toEqual([
      ['healthz', 200],
      ['readyz', 200],
      ['metrics', 200],
      ['nonsense', 404],
    ]);
    expect(answers[2]?.[2]).toContain('clarion_layer2_addresses{state="announced"} 2');
    expect(await daemon.get('/healthz')).toEqual({ status: 200, body: 'ok\n' });
    expect(await daemon.metric('clarion_pool_addresses_used', 'family="ipv6"')).toBe(1);
    expect(await daemon.metric('clarion_services', 'reason="none"')).toBe(1);
    expect(await daemon.metric('clarion_wire_thread_up')).toBe(1);
  });

  test('the status port is taken: one warning, everything else goes on', async () => {
    manifests();
    const other = scene.lab.spawn(
      'node-a',
      [process.execPath, '-e', 'require("net").createServer().listen(7472, () => console.log("up"))'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await new Promise((resolve) => other.stdout?.once('data', resolve));
    const daemon = await start({ port: 7472 });
    await scene.announcedBy('node-a', VIP);
    expect(daemon.log.since(0).filter(({ level }) => level === 'warn' || level === 'error')).toMatchObject([
      { level: 'warn', where: 7472, why: expect.stringContaining('EADDRINUSE') as string },
    ]);
    expect(await daemon.get('/healthz')).toEqual({ status: 200, body: 'ok\n' });
    expect(await daemon.stop()).toBe(0);
    other.kill('SIGKILL');
    await ended(other);
  });

  test('an unchanged folder costs no log line and no write', async () => {
    manifests();
    const daemon = await start();
    await until('both are reported as announced', () => scene.condition('shop/web', 'Announced') === 'True');
    const lines = daemon.log.mark();
    const before = scene.statusText('shop/web');
    // A file of another kind is no concern of it, and wakes it nevertheless.
    for (let i = 0; i < 20; i++) {
      scene.write('notes.txt', String(i));
      await daemon.get('/readyz');
    }
    expect(daemon.log.since(lines)).toEqual([]);
    expect(scene.statusText('shop/web')).toBe(before);
  });
});
