import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ms, seconds, systemClock } from '../../src/base/clock.ts';
import { routerInstalled } from '../../src/lab/router.ts';
import { ip } from '../bfd/scene.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { until } from '../support/until.ts';
import {
  address4,
  address6,
  BEYOND,
  BfdLab,
  type BfdRouter,
  INTERVAL,
  pause,
  session,
  startBirdBfd,
  THEM,
  US,
} from './bfd-scene.ts';

const installed = routerInstalled('bird');
const note = `${skipNote}${installed ? '' : ' (skipped: BIRD is missing; apt-get install bird2)'}`;
const CABLE = 1;
const REMOTE = address4(CABLE, THEM);
const timers = (interval: number, multiplier = 3): string =>
  `min rx interval ${interval} ms; min tx interval ${interval} ms; multiplier ${multiplier};`;
const onLink = (interval: number, more = ''): readonly string[] => [
  `interface "eth0" { ${timers(interval)} ${more} };`,
  `neighbor ${address4(CABLE, US)} dev "eth0";`,
];

/** Two real daemons against short limits, beside other test files: a machine that stalls gets one more chance. */
describe.skipIf(!privateTree.inside || !installed)(`BIRD${note}`, { retry: 1 }, () => {
  const lab = new BfdLab();
  let router: (BfdRouter & { reconfigure(lines: readonly string[]): Promise<void> }) | undefined;
  const bird = async (lines: readonly string[], host = 'bird'): Promise<void> => {
    router = await startBirdBfd(lab.lab, host, lines);
  };
  /** "Up", "Down", "Init", "AdminDown", as BIRD has it. */
  const theirs = async (): Promise<string | undefined> =>
    /^10\.77\S+\s+\S+\s+(\w+)/m.exec(await router!.ask('show', 'bfd', 'sessions'))?.[1];
  const theyAre = (state: string): Promise<void> =>
    until(
      `BIRD is ${state}`,
      seconds(10),
      async () => (await theirs()) === state,
      async () => router!.ask('show', 'bfd', 'sessions'),
    );

  beforeAll(() => lab.build());
  afterEach(async () => {
    lab.set();
    lab.reports.length = 0;
    await router?.program.stop();
    router = undefined;
    await lab.lab.run('bird', ['ip', 'link', 'set', 'eth0', 'up']);
  });
  afterAll(() => lab.stop());

  test('up, with the timers of both', async () => {
    await bird(onLink(100));
    lab.set(session(REMOTE));
    await lab.becomes('up');
    await theyAre('Up');
    await until('agreed', seconds(5), () => lab.report().transmitInterval === 100);
    expect(lab.report()).toMatchObject({ receiveInterval: 100, detectionTime: 300, local: address4(CABLE, US) });
  });

  test('over IPv6, also between link-local addresses', async () => {
    const linkLocal = async (host: string | undefined, device: string): Promise<string> => {
      const text = await lab.lab.run(host, ['ip', '-j', 'addr', 'show', 'dev', device, 'scope', 'link']);
      const links = JSON.parse(text) as readonly { readonly addr_info?: readonly { readonly local?: string }[] }[];
      return links.flatMap(({ addr_info = [] }) => addr_info).find(({ local }) => local?.startsWith('fe80'))!.local!;
    };
    const ours = await linkLocal(undefined, 'bfd-bird');
    await bird([
      `interface "eth0" { ${timers(50)} };`,
      `neighbor ${address6(CABLE, US)} dev "eth0";`,
      `neighbor ${ours} dev "eth0";`,
    ]);
    lab.set(
      session(address6(CABLE, THEM)),
      session(await linkLocal('bird', 'eth0'), {}, { key: 'link-local', interface: 'bfd-bird' }),
    );
    await lab.becomes('up');
    await until('link-local is up', seconds(10), () => lab.report('link-local').state === 'up');
    expect(lab.report('link-local').remote).toMatch(/^fe80::.*%bfd-bird$/);
  });

  test('killed: down within the detection time; started again: up', async () => {
    await bird(onLink(INTERVAL));
    lab.set(session(REMOTE));
    await lab.becomes('up');
    await pause(ms(500));
    await router!.program.kill();
    const killed = systemClock.now();
    await lab.becomes('down', seconds(1));
    expect(systemClock.now() - killed).toBeLessThan(400);
    expect(lab.report()).toMatchObject({ reason: 'control detection time expired', counters: { failures: 1 } });
    await bird(onLink(INTERVAL));
    await lab.becomes('up');
  });

  test('the cable cut, and mended', async () => {
    await bird(onLink(INTERVAL));
    lab.set(session(REMOTE));
    await lab.becomes('up');
    await lab.lab.run('bird', ['ip', 'link', 'set', 'eth0', 'down']);
    await lab.becomes('down', seconds(2));
    await lab.lab.run('bird', ['ip', 'link', 'set', 'eth0', 'up']);
    await lab.becomes('up');
    expect(lab.report().counters.failures).toBe(1);
  });

  test('packets dropped in silence, one way: both know', async () => {
    await bird(onLink(INTERVAL));
    lab.set(session(REMOTE));
    await lab.becomes('up');
    await theyAre('Up');
    await lab.lab.nft('bird', 'table ip cut { chain in { type filter hook input priority 0; udp dport 3784 drop; }; }');
    await lab.becomes('down', seconds(2));
    expect(lab.report().reason).toBe('the neighbour says it is down: control detection time expired');
    await theyAre('Down');
    await lab.lab.nft('bird', 'delete table ip cut');
    await lab.becomes('up');
  });

  test('timers changed on either side: no flap', async () => {
    await bird(onLink(INTERVAL));
    lab.set(session(REMOTE));
    await lab.becomes('up');
    lab.change({ transmitInterval: ms(400), receiveInterval: ms(600) });
    await until('ours', seconds(8), () => lab.report().detectionTime === 1800 && lab.report().transmitInterval === 400);
    lab.change({ transmitInterval: ms(20), receiveInterval: ms(20) });
    await until(
      'ours again',
      seconds(8),
      () => lab.report().detectionTime === 150 && lab.report().transmitInterval === 50,
    );
    await router!.reconfigure(onLink(200));
    await until(
      'theirs',
      seconds(8),
      () => lab.report().detectionTime === 600 && lab.report().transmitInterval === 200,
    );
    expect(lab.report()).toMatchObject({ state: 'up', counters: { failures: 0 } });
    await theyAre('Up');
  });

  test('AdminDown is told and understood, and no failure', async () => {
    await bird(onLink(INTERVAL));
    lab.set(session(REMOTE));
    await theyAre('Up');
    lab.change({}, { adminDown: true });
    await theyAre('Down');
    expect(lab.report()).toMatchObject({ state: 'admin-down', counters: { failures: 0 } });
    lab.change({}, { adminDown: false });
    await lab.becomes('up');
  });

  test('the passive one waits for the other', async () => {
    await bird(onLink(INTERVAL));
    lab.set(session(REMOTE, { passiveMode: true }));
    expect(lab.report().counters.sent).toBe(0);
    await lab.becomes('up');
    await theyAre('Up');
  });

  test.each([
    ['simple', 'simple-password'],
    ['keyed sha1', 'keyed-sha1'],
    ['meticulous keyed sha1', 'meticulous-keyed-sha1'],
  ] as const)('authentication: %s', async (name, type) => {
    await bird(onLink(INTERVAL, `authentication ${name}; password "secret" { id 7; };`));
    lab.set(session(REMOTE, {}, { authentication: { type, keyId: 7, key: 'secret' } }));
    await lab.becomes('up');
    await theyAre('Up');
    await pause(ms(2000));
    expect(lab.report()).toMatchObject({ state: 'up', counters: { failures: 0, refused: 0 } });
    lab.set(session(REMOTE, {}, { authentication: { type, keyId: 7, key: 'wrong' } }));
    await lab.becomes('down', seconds(3));
    expect(lab.report().counters.refused).toBeGreaterThan(0);
  });

  test('RFC 5883: over a router, and not when it is further than allowed', async () => {
    await bird(
      [`multihop { ${timers(INTERVAL)} };`, `neighbor ${address4(3, US)} local ${address4(BEYOND, THEM)} multihop;`],
      'far',
    );
    // BIRD sends with the system's TTL of 64, not with 255, and there is one router between.
    const far = (minimumTtl: number) =>
      session(address4(BEYOND, THEM), { minimumTtl }, { multihop: true, local: ip(address4(3, US)) });
    lab.set(far(63));
    await lab.becomes('up');
    await theyAre('Up');
    lab.set(far(64));
    await lab.becomes('down', seconds(3));
    expect(lab.bfd.counters().discarded.ttl).toBeGreaterThan(0);
  });
});
