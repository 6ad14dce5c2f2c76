import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import { ended } from '../../src/lab/lab.ts';
import type { ClusterAddress, ClusterStatus } from '../../src/status/cluster-status.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { configMap, endpointSlice, node, service } from '../support/manifests.ts';
import { type Daemon, PROGRAM, Scene, until } from './scene.ts';

/** status, move, drain and undrain as an operator types them, against speakers on three nodes and a controller of its own. */
const POOL = 'pools:\n- {name: public, addresses: [192.0.2.200-192.0.2.207]}\n';
const NODES = ['node-a', 'node-b', 'node-c'];
const SERVICES = ['one', 'two', 'three', 'four', 'five', 'six'];

interface Ran {
  readonly exit: number | string;
  readonly text: string;
}

describe.skipIf(!privateTree.inside)(`commands of an operator${skipNote}`, () => {
  const scene = new Scene('e2e8', NODES);
  const speakers = new Map<string, Daemon>();
  const daemons: Daemon[] = [];

  beforeAll(async () => {
    await scene.build();
    scene.write('config.json', configMap(POOL));
    const nodes = NODES.map((name, i) => {
      const addresses = [{ type: 'InternalIP', address: `192.0.2.${11 + i}` }];
      return { ...node('a'), metadata: { name }, status: { addresses } };
    });
    scene.write('nodes.json', ...nodes);
    for (const name of SERVICES) scene.write(`${name}.json`, service(name), endpointSlice(name, NODES));
    daemons.push(await scene.start({ command: 'controller', node: 'node-a' }));
    for (const name of NODES) {
      const speaker = await scene.start({ command: 'speaker', node: name });
      speakers.set(name, speaker);
      daemons.push(speaker);
    }
    // Speakers that start one after the other may claim the same for a moment.
    const settled = ({ state, reason, alsoHeldBy }: ClusterAddress): boolean =>
      state === 'announced' && reason === undefined && alsoHeldBy === undefined;
    await until(
      'every address is announced, by one node',
      async () => {
        const { addresses } = await status();
        return addresses.length === SERVICES.length && addresses.every(settled);
      },
      seconds(40),
    );
  }, 60_000);
  afterAll(async () => {
    await Promise.all(daemons.map((daemon) => daemon.stop('SIGKILL')));
    await scene.stop();
  });

  async function clarion(...words: readonly string[]): Promise<Ran> {
    const command = [process.execPath, PROGRAM, ...words, '--directory', scene.folder];
    const child = scene.lab.spawn('client', command, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
    return { exit: await ended(child), text };
  }
  const status = async (): Promise<ClusterStatus> => JSON.parse((await clarion('status', '-o', 'json')).text);
  const holderOf = async (address: string): Promise<string> =>
    (await status()).addresses.find((one) => one.address === address)?.holder ?? 'nobody';
  const held = async (name: string): Promise<number> =>
    (await status()).nodes.find((one) => one.node === name)?.holds ?? 0;

  test('status: nodes, members, holders with terms, pools, the controller', async () => {
    const { exit, text } = await clarion('status');
    expect(exit).toBe(0);
    for (const name of NODES) expect(text).toMatch(new RegExp(`${name} +answers +alive`));
    expect(text).toMatch(/192\.0\.2\.200 +node-[abc] +\d+ +\S+ \S+ +announced \(eth0\) +shop\//);
    expect(text).toMatch(/public +8 +6 +2/);
    expect(text).toContain('Controller: active on node-a, configuration generation 1.');
  });

  test('status --watch: one object a line each second, until Ctrl-C', async () => {
    const child = scene.lab.spawn(
      'client',
      [process.execPath, PROGRAM, 'status', '--watch', '-o', 'json', '--directory', scene.folder],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const lines: string[] = [];
    createInterface(child.stdout!).on('line', (line) => lines.push(line));
    await until('it was shown twice', () => lines.length >= 2);
    child.kill('SIGINT');
    expect(await ended(child)).toBe(130);
    for (const line of lines) expect((JSON.parse(line) as ClusterStatus).addresses).toHaveLength(SERVICES.length);
  });

  test('move: the other node answers when the command is done, and again: nothing to do', async () => {
    const from = await holderOf('192.0.2.201');
    const to = NODES.find((name) => name !== from)!;
    const { exit, text } = await clarion('move', '192.0.2.201', '--to', to);
    expect(text).toMatch(new RegExp(`${to} holds 192\\.0\\.2\\.201 \\(term \\d+\\), .* ms after the request`));
    expect(exit).toBe(0);
    expect(await scene.resolve('192.0.2.201')).toBe(scene.mac(to));
    const again = await clarion('move', '192.0.2.201', '--to', to);
    expect(again).toEqual({ exit: 0, text: `${to} holds 192.0.2.201 already.\n` });
  });

  test('move refuses what cannot be done', async () => {
    const unknown = await clarion('move', '192.0.2.99', '--to', 'node-a');
    expect(unknown.exit).toBe(1);
    expect(unknown.text).toContain('no Service has the address 192.0.2.99');
    const nowhere = await clarion('move', '192.0.2.200', '--to', 'node-z');
    expect(nowhere.text).toContain('there is no node node-z. There are node-a, node-b, node-c.');
    expect((await clarion('move', 'nonsense', '--to', 'node-a')).exit).toBe(2);
  });

  test('drain: the node holds nothing when the command is done, and takes nothing; undrain: it may again', async () => {
    const name = await holderOf('192.0.2.202');
    const { exit, text } = await clarion('drain', name);
    expect(text).toContain(`${name} holds nothing`);
    expect(exit).toBe(0);
    expect(await held(name)).toBe(0);
    expect((await clarion('status')).text).toMatch(new RegExp(`${name} .* draining`));
    const refused = await clarion('move', '192.0.2.202', '--to', name);
    expect(refused.exit).toBe(1);
    expect(refused.text).toContain('node-draining');
    expect((await clarion('undrain', name)).exit).toBe(0);
    expect(await held(name)).toBe(0);
    expect((await clarion('move', '192.0.2.202', '--to', name)).exit).toBe(0);
    expect(await held(name)).toBe(1);
  });

  test('drain of all: the last one keeps serving, and it is said why', async () => {
    for (const name of ['node-a', 'node-b']) expect((await clarion('drain', name)).exit).toBe(0);
    const { exit, text } = await clarion('drain', 'node-c', '--timeout', '500ms');
    expect(exit).toBe(1);
    expect(text).toContain('node-c still holds 6 addresses and serves on:');
    for (const name of NODES) expect((await clarion('undrain', name)).exit).toBe(0);
  });

  test('the key is changed in three steps while all run: nobody dies of it, nothing moves', async () => {
    const file = '.clarion/membership-key';
    const old = readFileSync(join(scene.folder, file), 'utf8').trim();
    const next = Buffer.alloc(32, 7).toString('base64');
    const before = (await status()).addresses.map(({ address, holder, term }) => ({ address, holder, term }));
    for (const [step, text] of [`${old}\n${next}\n`, `${next}\n${old}\n`, `${next}\n`].entries()) {
      const marks = [...speakers.values()].map(({ log }) => log.mark());
      scene.write(file, text);
      await Promise.all(
        [...speakers.values()].map(({ log }, i) =>
          log.first(`step ${step} is noticed`, marks[i]!, seconds(5), ({ msg }) => msg === 'membership keys changed'),
        ),
      );
    }
    for (const { log } of speakers.values())
      expect(log.since(0).filter(({ level, msg }) => level === 'warn' && /member|dead/.test(msg))).toEqual([]);
    const marks = speakers.get('node-a')!.log.mark();
    scene.write(file, 'nonsense\n');
    const { why } = await speakers
      .get('node-a')!
      .log.first(
        'a bad file is reported',
        marks,
        seconds(5),
        ({ msg }) => msg === 'the membership keys in use stay in use',
      );
    expect(why).toMatch(/line 1 is not a key/);
    expect((await status()).addresses.map(({ address, holder, term }) => ({ address, holder, term }))).toEqual(before);
  });

  test('a speaker that was killed is listed as silent, and its addresses as those of others', async () => {
    const name = 'node-c';
    await speakers.get(name)?.stop('SIGKILL');
    await until('the others hold its addresses', async () => (await held(name)) === 0);
    // It may have held none, and is suspected first.
    const line = new RegExp(`${name} +silent +dead +0 +not running`);
    await until('it is called dead', async () => line.test((await clarion('status')).text));
    expect((await clarion('status')).exit).toBe(0);
  });
});
