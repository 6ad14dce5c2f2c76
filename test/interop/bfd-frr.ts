import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ms, seconds, systemClock } from '../../src/base/clock.ts';
import { routerInstalled } from '../../src/lab/router.ts';
import { ip } from '../bfd/scene.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { until } from '../support/until.ts';
import { address4, address6, BEYOND, BfdLab, INTERVAL, pause, session, startFrrBfd, THEM, US } from './bfd-scene.ts';

const installed = routerInstalled('frr');
const note = `${skipNote}${installed ? '' : ' (skipped: FRR is missing; apt-get install frr)'}`;
const CABLE = 2;
const REMOTE = address4(CABLE, THEM);
const US4 = address4(CABLE, US);
const profile = (interval: number, ...more: readonly string[]): readonly string[] => [
  ' profile p',
  `  receive-interval ${interval}`,
  `  transmit-interval ${interval}`,
  '  detect-multiplier 3',
  ...more.map((line) => `  ${line}`),
  ' exit',
];
const peer = (address: string, rest = 'interface eth0'): readonly string[] => [
  ` peer ${address} ${rest}`,
  '  profile p',
  ' exit',
];

/** Of `show bfd peers json`. */
interface FrrPeer {
  readonly peer: string;
  readonly status: string;
  readonly diagnostic: string;
  readonly 'remote-diagnostic': string;
  readonly 'echo-receive-interval': number;
  readonly 'remote-echo-receive-interval': number;
}

/** Two real daemons against short limits, beside other test files: a machine that stalls gets one more chance. */
describe.skipIf(!privateTree.inside || !installed)(`FRR${note}`, { retry: 1 }, () => {
  const lab = new BfdLab();
  let router: Awaited<ReturnType<typeof startFrrBfd>> | undefined;
  const frr = async (lines: readonly string[], host = 'frr'): Promise<void> => {
    router = await startFrrBfd(lab.lab, host, lines);
  };
  const peers = async (): Promise<readonly FrrPeer[]> =>
    JSON.parse(await router!.ask('show bfd peers json')) as FrrPeer[];
  const theyAre = (status: string): Promise<void> =>
    until(`FRR is ${status}`, seconds(10), async () => (await peers())[0]?.status === status, peers);

  beforeAll(async () => {
    await lab.build();
    await lab.lab.run(undefined, ['sh', '-ec', 'echo 1 >/proc/sys/net/ipv4/conf/bfd-frr/forwarding']);
  });
  afterEach(async () => {
    lab.set();
    lab.reports.length = 0;
    await router?.stop();
    router = undefined;
  });
  afterAll(() => lab.stop());

  test('up, with the timers of both; killed: down within the detection time; started again: up', async () => {
    await frr([...profile(100), ...peer(US4)]);
    lab.set(session(REMOTE));
    await lab.becomes('up');
    await theyAre('up');
    await until(
      'agreed',
      seconds(5),
      () => lab.report().transmitInterval === 100 && lab.report().detectionTime === 300,
    );
    await pause(ms(500));
    await router!.program.kill();
    const killed = systemClock.now();
    await lab.becomes('down', seconds(1));
    expect(systemClock.now() - killed).toBeLessThan(550);
    expect(lab.report().reason).toBe('control detection time expired');
    await router!.stop();
    await frr([...profile(100), ...peer(US4)]);
    await lab.becomes('up');
  });

  test('over IPv6', async () => {
    await frr([...profile(INTERVAL), ...peer(address6(CABLE, US))]);
    lab.set(session(address6(CABLE, THEM)));
    await lab.becomes('up');
    await theyAre('up');
    expect(lab.report().local).toBe(address6(CABLE, US));
  });

  test('timers changed on either side: no flap', async () => {
    await frr([...profile(INTERVAL), ...peer(US4)]);
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
    await router!.configure('profile p', 'transmit-interval 200', 'receive-interval 300');
    await until(
      'theirs',
      seconds(8),
      () => lab.report().detectionTime === 600 && lab.report().transmitInterval === 300,
    );
    expect(lab.report()).toMatchObject({ state: 'up', counters: { failures: 0 } });
    await theyAre('up');
  });

  test('AdminDown, ours and theirs: told, understood, and no failure', async () => {
    await frr([...profile(INTERVAL), ...peer(US4)]);
    lab.set(session(REMOTE));
    await theyAre('up');
    lab.change({}, { adminDown: true });
    await theyAre('down');
    expect((await peers())[0]?.['remote-diagnostic']).toMatch(/admin/i);
    lab.change({}, { adminDown: false });
    await lab.becomes('up');
    await router!.configure(`peer ${US4} interface eth0`, 'shutdown');
    await lab.becomes('admin-down');
    expect(lab.report()).toMatchObject({ reason: 'administratively down at the neighbour', counters: { failures: 0 } });
    await router!.configure(`peer ${US4} interface eth0`, 'no shutdown');
    await lab.becomes('up');
  });

  test('a session that is taken away is no failure for it', async () => {
    await frr([...profile(INTERVAL), ...peer(US4)]);
    lab.set(session(REMOTE));
    await theyAre('up');
    lab.set();
    await theyAre('down');
    expect((await peers())[0]?.diagnostic).toMatch(/neighbor/i);
  });

  test('the passive one waits for the other', async () => {
    await frr([...profile(INTERVAL), ...peer(US4)]);
    lab.set(session(REMOTE, { passiveMode: true }));
    expect(lab.report().counters.sent).toBe(0);
    await lab.becomes('up');
  });

  test('RFC 5883: over a router', async () => {
    const local = address4(3, US);
    await frr([...profile(INTERVAL), ...peer(local, `multihop local-address ${address4(BEYOND, THEM)}`)], 'far');
    lab.set(session(address4(BEYOND, THEM), { minimumTtl: 254 }, { multihop: true, local: ip(local) }));
    await lab.becomes('up');
    await theyAre('up');
    lab.change({ minimumTtl: 255 });
    await lab.becomes('down', seconds(3));
    expect(lab.bfd.counters().discarded.ttl).toBeGreaterThan(0);
  });

  const echo = ['echo-mode', 'echo transmit-interval 50', 'echo receive-interval 50'];
  const ECHO = { echoMode: true, echoInterval: ms(50), receiveInterval: ms(300), transmitInterval: ms(300) };
  const echoes = (): Promise<void> =>
    until(
      'echo works',
      seconds(10),
      () => lab.report().echoInterval === 50,
      async () => [lab.report(), lab.bfd.counters()],
    );

  test.each([
    ['IPv4', US4, REMOTE],
    ['IPv6', address6(CABLE, US), address6(CABLE, THEM)],
  ])('echo over %s: ours comes back, and control packets are asked for once a second', async (_, us, them) => {
    await frr([...profile(300, ...echo), ...peer(us)]);
    lab.set(session(them, ECHO));
    await lab.becomes('up');
    await echoes();
    await until('control packets are rare', seconds(8), () => lab.report().receiveInterval === 1000);
    const before = lab.report().counters;
    await pause(ms(2000));
    const { state, counters } = lab.report();
    expect(state).toBe('up');
    const [sent, returned] = [counters.echoSent - before.echoSent, counters.echoReceived - before.echoReceived];
    expect(sent).toBeGreaterThan(30);
    expect(sent - returned).toBeLessThanOrEqual(2);
    expect(counters.failures).toBe(0);
  });

  test('a path that is cut shows by the echo, long before control packets are missed', async () => {
    await frr([...profile(300, ...echo), ...peer(US4)]);
    lab.set(session(REMOTE, ECHO));
    await lab.becomes('up');
    await echoes();
    await until('control packets are rare', seconds(8), () => lab.report().receiveInterval === 1000);
    // The forwarding plane of the router: it answers BFD, but forwards nothing.
    await lab.lab.sysctl('frr', { 'net.ipv4.ip_forward': 0 });
    const cut = systemClock.now();
    await until('it failed', seconds(3), () => lab.report().counters.failures > 0);
    expect(systemClock.now() - cut).toBeLessThan(600);
    expect(lab.reports.find(({ diagnostic }) => diagnostic === 2)?.reason).toBe('echo function failed');
    await lab.lab.sysctl('frr', { 'net.ipv4.ip_forward': 1 });
  });

  test('its echo packets come back from us: by the kernel for IPv4, by us for IPv6', async () => {
    for (const [us, them] of [
      [US4, REMOTE],
      [address6(CABLE, US), address6(CABLE, THEM)],
    ] as const) {
      await frr([...profile(300, ...echo), ...peer(us)]);
      lab.set(session(them, ECHO));
      await lab.becomes('up');
      const counted = async (name: string): Promise<number> => {
        const text = await router!.ask('show bfd peers counters json');
        return Number(new RegExp(`"${name}":\\s*(\\d+)`).exec(text)?.[1] ?? 0);
      };
      await until(
        'FRR got echoes back',
        seconds(10),
        async () => (await counted('echo-packet-input')) > 10,
        () => router!.ask('show bfd peers counters json'),
      );
      await pause(ms(1000));
      expect(lab.report()).toMatchObject({ state: 'up', counters: { failures: 0 } });
      lab.set();
      await router!.stop();
    }
  });
});
