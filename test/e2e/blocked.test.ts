import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import { lanMac } from '../../src/lab/plan.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { configMap, endpointSlice, service } from '../support/manifests.ts';
import { type Daemon, Scene, until } from './scene.ts';

/**
 * The control thread is blocked for 300 ms of every second. Answers must not notice: 30 % of them would take up to 300 ms
 * if they came from that thread, so that the bounds here are far from both cases, on a loaded machine too.
 */
const BLOCKER = fileURLToPath(new URL('block-control-thread.mjs', import.meta.url));
const QUESTIONS = fileURLToPath(new URL('questions.ts', import.meta.url));
const POOL = 'pools:\n- {name: public, addresses: [192.0.2.200-192.0.2.203, "2001:db8:2::200-2001:db8:2::203"]}\n';
const VIP = '192.0.2.200';

describe.skipIf(!privateTree.inside)(`with a blocked control thread${skipNote}`, () => {
  const scene = new Scene('e2e5');
  let daemon: Daemon;
  beforeAll(async () => {
    await scene.build();
    scene.write('config.json', configMap(POOL));
    scene.write('web.json', service('web', { families: ['IPv4', 'IPv6'] }), endpointSlice('web', ['node-a']));
    daemon = await scene.start({ env: { NODE_OPTIONS: `--import ${BLOCKER}` } });
    await scene.announcedBy('node-a', VIP);
    await scene.announcedBy('node-a', '2001:db8:2::200');
  });
  afterAll(() => scene.stop());

  test.each([
    ['ARP', VIP, '192.0.2.100'],
    ['NDP', '2001:db8:2::200', '2001:db8:2::100'],
  ])('%s is answered as if nothing were', async (_protocol, vip, own) => {
    const program = [process.execPath, '--import', 'tsx', QUESTIONS];
    const out = await scene.lab.run(
      'client',
      [...program, 'eth0', vip, '300', '10', lanMac(100), own],
      '',
      seconds(15),
    );
    const took = (JSON.parse(out) as (number | null)[]).map((time) => time ?? Number.POSITIVE_INFINITY);
    const sorted = took.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
    expect({ median: at(0.5), p90: at(0.9) }).toEqual({
      median: expect.toSatisfy((time: number) => time < 5) as number,
      p90: expect.toSatisfy((time: number) => time < 20) as number,
    });
    expect(await daemon.metric('clarion_nodejs_eventloop_lag_max_seconds'), 'it was blocked').toBeGreaterThan(0.25);
    // That was at least three times meanwhile, and no answer waited for it.
    expect(took.filter((time) => time > 200).length).toBeLessThan(3);
  });

  test('an endpoint that goes and returns still counts', async () => {
    scene.write(
      'web.json',
      service('web'),
      endpointSlice('web', ['node-a'], { conditions: { ready: false, serving: false } }),
    );
    await until('it is withdrawn', async () => (await scene.resolve(VIP)) === undefined, seconds(6));
    scene.write('web.json', service('web'), endpointSlice('web', ['node-a']));
    await scene.announcedBy('node-a', VIP, seconds(6));
  });
});
