import type { ChildProcess } from 'node:child_process';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { machineTime, ms, systemClock } from '../../src/base/clock.ts';
import { type Capture, startCapture } from '../../src/lab/capture.ts';
import { all, l2, pool } from '../config/metallb-scene.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { endpointSlice, node, service } from '../support/manifests.ts';
import { type Daemon, FIRST_NODE, PROGRAM, Scene, until } from './scene.ts';

/**
 * The runbook of docs/migration.md, walked through on three nodes: a program that stands for MetalLB's speaker answers on node-b for
 * addresses that MetalLB gave to Services. What is asked: does an address change, do two machines ever answer for one, how long is the gap?
 */
const NODES = ['node-a', 'node-b', 'node-c'];
const VIPS = Array.from({ length: 12 }, (_, i) => `192.0.2.${200 + i}`);
/** Handed out by MetalLB at random, so not in the order in which we would. */
const GIVEN = VIPS.map((_, i) => VIPS[(i * 5 + 3) % VIPS.length]!);

describe.skipIf(!privateTree.inside)(`from MetalLB to Clarion${skipNote}`, () => {
  const scene = new Scene('e2emig', NODES);
  let capture: Capture;
  let other: ChildProcess | undefined;
  const running: Daemon[] = [];

  beforeAll(async () => {
    await scene.build();
    capture = await startCapture(scene.lab, 'client', 'eth0');
    scene.write('nodes.json', ...NODES.map((name, i) => node(name, { address: `192.0.2.${FIRST_NODE + i}` })));
    for (const [i, address] of GIVEN.entries()) {
      const name = `web${i}`;
      const annotations = { 'metallb.io/ip-allocated-from-pool': 'p' };
      const status = { loadBalancer: { ingress: [{ ip: address, ipMode: 'VIP' }] } };
      scene.write(`${name}.json`, { ...service(name, { annotations }), status }, endpointSlice(name, NODES));
    }
  });
  afterAll(async () => {
    other?.kill('SIGKILL');
    await Promise.all(running.map((daemon) => daemon.stop('SIGKILL')));
    await scene.stop();
  });

  const startOther = async (): Promise<void> => {
    const program = fileURLToPath(new URL('other-announcer.ts', import.meta.url));
    other = scene.lab.spawn('node-b', [process.execPath, '--import', 'tsx', program, 'eth0', ...VIPS], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(other.stdout!, 'data');
  };
  const startAll = (...more: readonly string[]): Promise<readonly Daemon[]> =>
    Promise.all(
      NODES.map((name) =>
        scene.start({
          command: 'speaker',
          node: name,
          args: ['--directory', scene.folder, '--node', name, '--status-port', '0', ...more],
        }),
      ),
    );
  const wait = (time: number): Promise<void> =>
    new Promise((resolve) => void systemClock.startTimer('wait', ms(time), resolve));
  const speaking = (mark: number, address?: string): ReadonlySet<string> =>
    new Set(
      capture.seen
        .since(mark)
        .filter(
          (one) =>
            (one.what === 'answer' || one.what === 'announcement') &&
            (address === undefined ? VIPS.includes(one.address) : one.address === address),
        )
        .map(({ mac }) => mac),
    );
  const given = (): readonly (readonly string[])[] => GIVEN.map((_, i) => scene.addressesOf(`shop/web${i}`));

  test('the walk', { timeout: 60_000 }, async () => {
    // MetalLB as it runs.
    await startOther();
    capture.ask(VIPS, ms(20));
    await until('MetalLB answers for all', () => VIPS.every((vip) => speaking(0, vip).size === 1));
    expect([...speaking(0)]).toEqual([scene.mac('node-b')]);

    // 1. Its configuration becomes ours.
    const resources = all(pool('', '192.0.2.200-192.0.2.239'), l2('ipAddressPools: [p]'));
    const configMap = execFileSync(process.execPath, [PROGRAM, 'migrate', '-'], {
      input: resources,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    scene.write('config.yaml', configMap);

    // 2. Our controller adopts what is there.
    const controller = await scene.start({ command: 'controller', node: 'node-a' });
    running.push(controller);
    await until('all are adopted', () => given().every((addresses) => addresses.length === 1));
    expect(given()).toEqual(GIVEN.map((address) => [address]));

    // 3. Our speakers look on.
    let mark = capture.seen.mark();
    const observers = await startAll('--observe');
    await wait(1000);
    expect([...speaking(mark)], 'observers are silent').toEqual([scene.mac('node-b')]);

    // 4. They no longer only look on; MetalLB still answers.
    await Promise.all(observers.map((speaker) => speaker.stop()));
    mark = capture.seen.mark();
    const speakers = await startAll();
    running.push(...speakers);
    await wait(3000);
    expect([...speaking(mark)], 'nobody answers beside MetalLB').toEqual([scene.mac('node-b')]);
    const holders = await Promise.all(
      speakers.map((speaker) => speaker.metric('clarion_layer2_addresses', 'announced')),
    );
    expect(holders[0]! + holders[2]!, 'node-a and node-c announce nothing').toBe(0);

    // 5. One of ours is restarted meanwhile: its successors know that they must look first.
    const [first] = speakers;
    mark = capture.seen.mark();
    await first!.stop();
    running.push(await scene.start({ command: 'speaker', node: 'node-a' }));
    await wait(2000);
    expect([...speaking(mark)], 'nor after a hand-over').toEqual([scene.mac('node-b')]);

    // 6. MetalLB's speakers stop, without a word.
    mark = capture.seen.mark();
    const from = machineTime();
    other!.kill('SIGKILL');
    await wait(3500);
    const gaps = VIPS.map((vip) => {
      const said = capture.seen
        .since(mark)
        .filter((one) => one.address === vip && (one.what === 'answer' || one.what === 'announcement'));
      const times = [from, ...said.map(({ at }) => at)];
      return Math.max(...times.slice(1).map((at, i) => at - times[i]!), 0);
    });
    const shown = gaps.map((gap) => Math.round(gap)).join(' ');
    expect(Math.max(...gaps), `longest silence of each address in ms: ${shown}`).toBeLessThan(2500);

    // 7. Everything is ours: the same addresses, each on one node, all three nodes at work.
    mark = capture.seen.mark();
    await wait(1000);
    for (const vip of VIPS) expect(speaking(mark, vip).size, vip).toBe(1);
    expect(speaking(mark).size).toBeGreaterThan(1);
    expect(given()).toEqual(GIVEN.map((address) => [address]));
    capture.ask([]);

    // Back: ours fall silent, MetalLB speaks again.
    await Promise.all(running.splice(1).map((speaker) => speaker.stop()));
    await startOther();
    mark = capture.seen.mark();
    capture.ask(VIPS, ms(20));
    await until('MetalLB answers for all again', () => VIPS.every((vip) => speaking(mark, vip).size === 1));
    expect([...speaking(mark)]).toEqual([scene.mac('node-b')]);
  });
});
