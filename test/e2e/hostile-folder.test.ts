import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ms, seconds } from '../../src/base/clock.ts';
import { type Capture, startCapture } from '../../src/lab/capture.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { configMap, endpointSlice, service } from '../support/manifests.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type Daemon, type LogLine, Scene, until } from './scene.ts';

/**
 * A folder as bad as folders get, below a running process. All the time the client asks for the address every 20 ms: it is
 * answered, whatever happens. A problem is told once, with its file, and all is well again as soon as the folder is.
 */
const VIP = '192.0.2.200';
const POOL = 'pools:\n- {name: public, addresses: [192.0.2.200-192.0.2.250]}\n';
const config = configMap(POOL);

describe.skipIf(!privateTree.inside)(`a hostile folder${skipNote}`, () => {
  const scene = new Scene('e2e8');
  let capture: Capture;
  let daemon: Daemon;
  let asked = 0;
  let names = 0;

  beforeAll(async () => {
    await scene.build();
    capture = await startCapture(scene.lab, 'client', 'eth0');
  });
  afterAll(() => scene.stop());

  async function begin(): Promise<void> {
    scene.write('config.json', config);
    scene.write('web.json', service('web'), endpointSlice('web', ['node-a']));
    daemon = await scene.start();
    await scene.announcedBy('node-a', VIP);
    asked = capture.seen.mark();
    capture.ask([VIP], ms(20));
  }

  const at = (name: string): string => join(scene.folder, name);
  const told = (test: (line: LogLine) => boolean): readonly LogLine[] => daemon.log.since(0).filter(test);
  const problems = (name: string): readonly LogLine[] =>
    told((line) => line.msg === 'problem' && line['file'] === at(name));
  const problemTold = (name: string): Promise<LogLine> =>
    daemon.log.first(
      `a problem of ${name}`,
      0,
      seconds(8),
      (line) => line.msg === 'problem' && line['file'] === at(name),
    );
  const errors = (): Promise<number> => daemon.metric('clarion_problems', 'severity="error"');

  /** The proof of life: a Service that is new gets an address, and the client hears of it. */
  async function worksForNewOnes(): Promise<void> {
    const name = `proof${++names}`;
    scene.write(`${name}.json`, service(name), endpointSlice(name, ['node-a']));
    await until(`${name} gets an address`, () => scene.addressesOf(`shop/${name}`).length > 0);
    const [address = ''] = scene.addressesOf(`shop/${name}`);
    await scene.announcedBy('node-a', address);
  }

  /** Every answer came from the node, and there was never a pause that a client would notice. */
  function answeredThroughout(): void {
    const answers = capture.seen.since(asked).filter(({ what, address }) => what === 'answer' && address === VIP);
    expect([...new Set(answers.map(({ mac }) => mac))]).toEqual([scene.mac('node-a')]);
    const pauses = answers.slice(1).map(({ at: now }, i) => now - answers[i]!.at);
    expect(Math.max(...pauses)).toBeLessThan(1000);
    expect(daemon.complaint()).toBe('');
    expect(told(({ msg }) => msg.startsWith('a bug'))).toEqual([]);
  }

  /** The same problem is never told twice in a row of log lines that one cause had. */
  function nothingToldTwice(): void {
    const lines = told(({ msg }) => msg === 'problem').map(
      (line) => `${String(line['file'])}: ${String(line['message'])}`,
    );
    expect(lines.filter((line, i) => lines.indexOf(line) !== i)).toEqual([]);
  }

  describe('of files', () => {
    beforeEach(begin);
    afterEach(async () => {
      capture.ask([]);
      await daemon.stop('SIGKILL');
      scene.empty();
    });

    test('each kind of bad file is told once, and all are forgotten when they are gone', async () => {
      const bad: Readonly<Record<string, () => void>> = {
        'half.json': () => scene.write('half.json', '{"kind": "Service", "metadata": {"na'),
        'half.yaml': () => scene.write('half.yaml', 'kind: Service\nmetadata: {name: x\n'),
        'binary.yaml': () => writeFileSync(at('binary.yaml'), seededRandom(1).bytes(5000)),
        'fifo.yaml': () => execFileSync('mkfifo', [at('fifo.yaml')]),
        'bomb.yaml': () =>
          scene.write(
            'bomb.yaml',
            `a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(',')}]`).join('\n')}\n`,
          ),
        'nowhere.yaml': () => symlinkSync('nowhere.yaml', at('nowhere.yaml')),
        'nonsense.json': () =>
          scene.write('nonsense.json', '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": 7}, "spec": []}'),
      };
      for (const make of Object.values(bad)) make();
      for (const name of Object.keys(bad)) await problemTold(name);
      // Loops and odd names are no problem at all.
      mkdirSync(at('loop'));
      symlinkSync('..', at('loop/back'));
      symlinkSync('/run', at('loop/everything'));
      rmSync(at('loop/everything'));
      await worksForNewOnes();
      answeredThroughout();
      nothingToldTwice();
      for (const name of Object.keys(bad))
        expect(problems(name)[0]).toMatchObject({ level: 'error', code: expect.any(String) as string });
      for (const name of Object.keys(bad)) scene.remove(name);
      await until('no problem is left', async () => (await errors()) === 0);
      await daemon.log.first('that is told', 0, seconds(5), ({ msg, left }) => msg === 'problems mended' && left === 0);
      nothingToldTwice();
    });

    test('a YAML file of 5 MB with 10,000 objects, and one that says nothing', async () => {
      const one = (i: number): string =>
        `kind: ConfigMap\napiVersion: v1\nmetadata: {name: c${i}}\ndata: {x: "${'y'.repeat(430)}"}\n`;
      writeFileSync(at('large.yaml'), Array.from({ length: 10_000 }, (_, i) => one(i)).join('---\n'));
      writeFileSync(at('one-scalar.yaml'), 'x'.repeat(5_000_000));
      expect(await problemTold('one-scalar.yaml')).toMatchObject({ level: 'error' });
      await worksForNewOnes();
      answeredThroughout();
      nothingToldTwice();
    });

    test('names with odd characters are read, shown as they are, and watched', async () => {
      const odd = [
        'with blank.json',
        'new\nline.json',
        'ünïcödé ☃.json',
        'quote\'".json',
        '%41%2f.json',
        '-rf.json',
        `${'l'.repeat(250)}.json`,
      ];
      for (const [i, name] of odd.entries())
        scene.write(name, service(`odd${i}`), endpointSlice(`odd${i}`, ['node-a']));
      for (const i of odd.keys())
        await until(`odd${i} has an address`, () => scene.addressesOf(`shop/odd${i}`).length > 0);
      scene.write('new\nline.json', '{"half');
      await problemTold('new\nline.json');
      mkdirSync(at('sub dir/…/deep'), { recursive: true });
      scene.write('sub dir/…/deep/a.json', service('deep'), endpointSlice('deep', ['node-a']));
      await until('the one far below has an address', () => scene.addressesOf('shop/deep').length > 0);
      answeredThroughout();
    });

    test('a storm of 1,000 changes, files vanishing among them: nothing is lost, nothing told that is over', async () => {
      const random = seededRandom(7);
      const text = (i: number): string => JSON.stringify(service(`s${i}`, { namespace: 'storm' }));
      for (let change = 0; change < 1000; change++) {
        const i = Math.floor(random.fraction() * 40);
        const choice = random.fraction();
        if (choice < 0.3) scene.remove(`s${i}.json`);
        else scene.write(`s${i}.json`, choice < 0.5 ? text(i).slice(0, 40) : text(i));
        if (change % 50 === 0) await daemon.get('/healthz');
      }
      for (let i = 0; i < 40; i++) scene.write(`s${i}.json`, text(i));
      await until('every Service has an address', () =>
        Array.from({ length: 40 }, (_, i) => scene.addressesOf(`storm/s${i}`)).every(
          (addresses) => addresses.length === 1,
        ),
      );
      const given = Array.from({ length: 40 }, (_, i) => scene.addressesOf(`storm/s${i}`)[0]);
      expect(new Set([VIP, ...given]).size).toBe(41);
      await worksForNewOnes();
      answeredThroughout();
      expect(await errors()).toBe(0);
      expect(told(({ level }) => level === 'error').length).toBeLessThan(20);
      for (let i = 0; i < 40; i++) scene.remove(`s${i}.json`);
      await until(
        'their status is gone with them',
        () => scene.statusText('storm/s0') === undefined && scene.statusText('storm/s39') === undefined,
      );
    });

    test('the folder itself is moved away and back', async () => {
      execFileSync('mv', [scene.folder, `${scene.folder}.away`]);
      await daemon.log.first(
        'it is told',
        0,
        seconds(8),
        (line) => line.msg === 'problem' && line['file'] === scene.folder,
      );
      expect(await scene.resolve(VIP)).toBe(scene.mac('node-a'));
      execFileSync('mv', [`${scene.folder}.away`, scene.folder]);
      await worksForNewOnes();
      answeredThroughout();
      await until('no problem is left', async () => (await errors()) === 0);
      nothingToldTwice();
    });
  });

  // A disk of its own: the mount is there before the process is, so that both see what becomes of it.
  describe('on a disk', () => {
    const mount = (...args: string[]): void => void execFileSync('mount', args);
    const stateProblem = ({ code, msg, why }: LogLine): boolean =>
      code === 'state-not-writable' || /not written|not published/.test(msg) || /EROFS|ENOSPC/.test(String(why));
    /** Each kind of write says so once, for each object that it is about. */
    const stateProblems = (mark: number): readonly { readonly what: string; readonly count: number }[] => {
      const lines = daemon.log
        .since(mark)
        .filter(stateProblem)
        .map(({ msg, service: of }) => `${msg} ${String(of)}`);
      return [...new Set(lines)].map((what) => ({ what, count: lines.filter((line) => line === what).length }));
    };
    beforeEach(async () => {
      mount('-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', scene.folder);
      await begin();
    });
    afterEach(async () => {
      capture.ask([]);
      await daemon.stop('SIGKILL');
      execFileSync('umount', [scene.folder]);
    });

    test('that is read-only all of a sudden: told once, goes on in memory, written when it may be', async () => {
      scene.write('second.json', service('second'));
      await until('it has an address', () => scene.addressesOf('shop/second').length > 0);
      const mark = daemon.log.mark();
      mount('-o', 'remount,ro', scene.folder);
      // Nothing can change in the folder; the interface can, and what is reported of it cannot be written.
      await scene.lab.run('node-a', ['ip', 'link', 'set', 'eth0', 'down']);
      await daemon.log.first('it is told', mark, seconds(8), stateProblem);
      await scene.lab.run('node-a', ['ip', 'link', 'set', 'eth0', 'up']);
      asked = capture.seen.mark();
      await scene.announcedBy('node-a', VIP);
      for (const phrase of stateProblems(mark)) expect(phrase.count, phrase.what).toBe(1);
      mount('-o', 'remount,rw', scene.folder);
      await worksForNewOnes();
      await until('it is written again', () => scene.condition('shop/web', 'Announced') === 'True');
      await until(
        'nothing waits to be written',
        async () => (await daemon.metric('clarion_status_writes_pending')) === 0,
      );
      expect(await daemon.stop()).toBe(0);
      expect(daemon.complaint()).toBe('');
    });

    test('that is full: told once, goes on in memory, written when there is room', async () => {
      scene.write('second.json', service('second'), endpointSlice('second', ['node-a']));
      scene.write('proof.json', '{}'.padEnd(3000));
      await until('it has an address', () => scene.addressesOf('shop/second').length > 0);
      expect(() => writeFileSync(at('filler'), new Uint8Array(600_000))).toThrow('ENOSPC');
      const mark = daemon.log.mark();
      // There is no room for more, but what has room may say something else.
      writeFileSync(
        at('proof.json'),
        `${JSON.stringify(service('third'))}\n---\n${JSON.stringify(endpointSlice('third', ['node-a']))}`.padEnd(3000),
        { flag: 'r+' },
      );
      await daemon.log.first('it is told', mark, seconds(8), stateProblem);
      await scene.announcedBy('node-a', '192.0.2.202');
      writeFileSync(
        at('config.json'),
        JSON.stringify(configMap(`${POOL}- {name: roomy, addresses: [198.51.100.0/24]}\n`)).padEnd(3000),
        { flag: 'r+' },
      );
      await daemon.log.first('the other pool is in force', mark, seconds(5), ({ pools }) => pools === 2);
      expect(scene.addressesOf('shop/third')).toEqual([]);
      await until('it was tried again', async () => (await daemon.metric('clarion_status_writes_pending')) > 0);
      for (const phrase of stateProblems(mark)) expect(phrase.count, phrase.what).toBe(1);
      rmSync(at('filler'));
      // By itself: nothing else changes.
      const state = (name: string): string => readFileSync(at(`.clarion/${name}`), 'utf8');
      await until('the status is written', () => scene.addressesOf('shop/third').length > 0);
      await until('the report is written', () => state('reports/node-a.json').includes('192.0.2.202'));
      await until('the configuration is written', () => state('effective-config.json').includes('roomy'));
      await worksForNewOnes();
      answeredThroughout();
      expect(await daemon.stop()).toBe(0);
    });
  });
});
