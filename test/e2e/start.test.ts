import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import { ended } from '../../src/lab/lab.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { configMap, endpointSlice, service } from '../support/manifests.ts';
import { type Daemon, Scene } from './scene.ts';

/** What keeps a process from starting, and how it says so: one line, an exit code, never a stack. */
const VIP = '192.0.2.200';

describe.skipIf(!privateTree.inside)(`a start that fails${skipNote}`, () => {
  const scene = new Scene('e2e2');
  const started: Daemon[] = [];
  beforeAll(() => scene.build());
  afterEach(async () => {
    await Promise.all(started.splice(0).map((daemon) => daemon.stop('SIGKILL')));
    scene.empty();
  });
  afterAll(() => scene.stop());

  /** Runs it to its end, which comes by itself. */
  async function run(
    ...options: Parameters<Scene['spawn']>
  ): Promise<{ code: number | string; complaint: string; log: number }> {
    const daemon = scene.spawn(...options);
    started.push(daemon);
    const code = await ended(daemon.child);
    return {
      code,
      complaint: daemon.complaint(),
      log: daemon.log.since(0).filter(({ level }) => level !== 'exit').length,
    };
  }
  const without = (capabilities: string): readonly string[] => ['setpriv', '--bounding-set', capabilities];
  const manifests = (): void => {
    scene.write('config.json', configMap('pools: [{name: public, addresses: [192.0.2.200-192.0.2.203]}]\n'));
    scene.write('web.json', service('web'), endpointSlice('web', ['node-a']));
  };

  test.each([
    ['no folder', ['--node', 'node-a'], /^clarion: .*--directory DIR \(exit 2\)\n$/],
    [
      'a port that is none',
      ['--directory', '/run', '--status-port', '99999'],
      /^error: .*--status-port.*0 to 65535\n$/,
    ],
    [
      'a log level that is none',
      ['--directory', '/run', '--log-level', 'loud'],
      /^error: .*--log-level.*debug, info, warn/,
    ],
    [
      'a flag that is none',
      ['--directry', '/run'],
      /^error: unknown option '--directry'\n\(Did you mean --directory\?\)\n$/,
    ],
    ['a word too many', ['--directory', '/run', 'web'], /^error: too many arguments/],
    ['a flag without its value', ['--directory'], /^error: .*--directory <dir>.* missing\n$/],
  ])('wrong usage: %s', async (_what, args, words) => {
    expect(await run({ args })).toEqual({ code: 2, complaint: expect.stringMatching(words) as string, log: 0 });
  });

  test.each([
    [
      'the folder is not there',
      ['--directory', '/run/nowhere'],
      /^clarion: the folder of manifests \/run\/nowhere cannot be read: .*ENOENT.* \(exit 3\)\n$/,
    ],
    [
      'the folder is a file',
      ['--directory', '/etc/passwd'],
      /^clarion: \/etc\/passwd is no folder; --directory wants a folder of manifests \(exit 3\)\n$/,
    ],
    [
      'the configuration is not there',
      ['--directory', '/run', '--config', '/run/nowhere.yaml'],
      /^clarion: the configuration \/run\/nowhere\.yaml cannot be read: .* \(exit 3\)\n$/,
    ],
    [
      'the configuration is a folder',
      ['--directory', '/run', '--config', '/run'],
      /^clarion: \/run is a folder; --config wants a file \(exit 3\)\n$/,
    ],
  ])('the environment failed: %s', async (_what, args, words) => {
    expect(await run({ args })).toEqual({ code: 3, complaint: expect.stringMatching(words) as string, log: 0 });
  });

  test('the environment failed: the folder may not be read', async () => {
    mkdirSync(join(scene.folder, 'secret'));
    chmodSync(join(scene.folder, 'secret'), 0);
    const wrapper = without('-dac_override,-dac_read_search');
    const args = ['--directory', join(scene.folder, 'secret'), '--node', 'node-a', '--status-port', '0'];
    expect(await run({ args, wrapper })).toEqual({
      code: 3,
      complaint: expect.stringMatching(
        /^clarion: the folder of manifests .*secret cannot be read: EACCES.* \(exit 3\)\n$/,
      ) as string,
      log: 0,
    });
  });

  test('without CAP_NET_RAW: one line that says what to do', async () => {
    manifests();
    const { code, complaint } = await run({ wrapper: without('-net_raw') });
    expect(code).toBe(3);
    expect(complaint).toMatch(/^clarion: .*CAP_NET_RAW.*run it as root.*setcap cap_net_raw.* \(exit 3\)\n$/);
  });

  test('with CAP_NET_RAW as its only privilege: everything works', async () => {
    manifests();
    chmodSync(scene.folder, 0o755);
    const daemon = await scene.start({ wrapper: ['setpriv', '--bounding-set', '-all,+net_raw', '--inh-caps', '-all'] });
    started.push(daemon);
    await scene.announcedBy('node-a', VIP);
    expect(daemon.log.since(0).filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  });

  test('a folder that may be read but not written: it announces, and says what a restart would lose', async () => {
    manifests();
    chmodSync(scene.folder, 0o555);
    const daemon = await scene.start({ wrapper: without('-dac_override,-dac_read_search') });
    started.push(daemon);
    await scene.announcedBy('node-a', VIP);
    expect(daemon.log.since(0).filter(({ code }) => code === 'state-not-writable')).toMatchObject([
      { level: 'error', message: expect.stringMatching(/EACCES.*do not survive a restart/) as string },
    ]);
    expect(await daemon.stop()).toBe(0);
    expect(daemon.complaint()).toBe('');
    chmodSync(scene.folder, 0o755);
  });

  test('an interface that is not there: said, and used as soon as it comes', async () => {
    manifests();
    const daemon = await scene.start({
      args: ['--directory', scene.folder, '--node', 'node-a', '--status-port', '0', '--interface', 'eth7'],
    });
    started.push(daemon);
    await daemon.log.first('it says so', 0, seconds(5), ({ msg }) => msg === 'no interface for the address');
    expect(await scene.resolve(VIP)).toBeUndefined();
    await scene.lab.run('node-a', ['ip', 'link', 'set', 'eth0', 'down']);
    await scene.lab.run('node-a', ['ip', 'link', 'set', 'eth0', 'name', 'eth7', 'up']);
    await scene.announcedBy('node-a', VIP);
    await scene.lab.run('node-a', ['ip', 'link', 'set', 'eth7', 'down']);
    await scene.lab.run('node-a', ['ip', 'link', 'set', 'eth7', 'name', 'eth0', 'up']);
  });

  test('an empty folder is a start like any other', async () => {
    const daemon = await scene.start();
    started.push(daemon);
    expect(await daemon.get('/healthz')).toEqual({ status: 200, body: 'ok\n' });
    manifests();
    await scene.announcedBy('node-a', VIP);
  });

  test('state of ours that makes no sense is put aside, and named', async () => {
    manifests();
    mkdirSync(join(scene.folder, '.clarion/status/shop'), { recursive: true });
    writeFileSync(join(scene.folder, '.clarion/status/shop/web.json'), '{"names');
    writeFileSync(join(scene.folder, '.clarion/effective-config.json'), 'nonsense');
    const daemon = await scene.start();
    started.push(daemon);
    await scene.announcedBy('node-a', VIP);
    const told = daemon.log.since(0).filter(({ code }) => code === 'corrupt-state');
    expect(told.map(({ file }) => String(file).replace(scene.folder, '')).sort()).toEqual([
      '/.clarion/effective-config.json',
      '/.clarion/status/shop/web.json',
    ]);
    rmSync(join(scene.folder, '.clarion'), { recursive: true });
  });
});
