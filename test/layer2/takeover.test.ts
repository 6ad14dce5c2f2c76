import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { machineTime, ms, seconds, systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { systemRandom } from '../../src/base/random.ts';
import { type Capture, startCapture } from '../../src/lab/capture.ts';
import { Lab } from '../../src/lab/lab.ts';
import { Layer2 } from '../../src/layer2/driver.ts';
import type { Layer2AddressReport } from '../../src/layer2/table.ts';
import { linuxNetwork } from '../../src/network/linux.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { hold, ip, SETTINGS } from './scene.ts';

/**
 * A move from another announcer: a foreign machine (the kernel of a host) answers for addresses that shall be ours. They are not
 * announced while it does, and soon after it falls silent they are.
 */
const HERE = 'l2take';
const OURS = '02:00:00:00:0b:01';
const RIVAL = '02:00:00:00:0b:02';
const ADDRESSES = [
  '198.51.100.70',
  '198.51.100.71',
  '198.51.100.72',
  '198.51.100.73',
  '2001:db8:13::70',
  '2001:db8:13::71',
];
const withLength = (address: string): string => `${address}/${address.includes(':') ? 64 : 24}`;

describe.skipIf(!privateTree.inside)(`a foreign machine has our addresses${skipNote}`, () => {
  const lab = new Lab('l2take');
  let layer2: Layer2;
  let capture: Capture;
  const reports: Layer2AddressReport[] = [];

  beforeAll(async () => {
    await lab.build({
      hosts: ['rival'],
      bridges: [],
      cables: [
        [
          { interface: HERE, mac: OURS, addresses: ['198.51.100.1/24', '2001:db8:13::1/64'] },
          { host: 'rival', interface: 'eth0', mac: RIVAL, addresses: ['198.51.100.2/24', '2001:db8:13::2/64'] },
        ],
      ],
      routes: [],
    });
    const network = linuxNetwork();
    if (!network.ok) throw new Error(network.error.message);
    for (const address of ADDRESSES)
      await lab.run('rival', [
        'ip',
        'addr',
        'add',
        withLength(address),
        'dev',
        'eth0',
        ...(address.includes(':') ? ['nodad'] : []),
      ]);
    capture = await startCapture(lab, 'rival', 'eth0');
    layer2 = new Layer2({
      network: network.value,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      interfaces: [HERE],
      onReport: (changed) => void reports.push(...changed),
    });
  });
  afterAll(async () => {
    layer2?.stop();
    await lab.stop();
  });

  test('silent while it answers; the first announcement within 1.5 s of its silence, without another machine in between', async () => {
    layer2.apply(
      ADDRESSES.map((address) => hold(address)),
      SETTINGS,
    );
    await new Promise<void>((resolve) => void systemClock.startTimer('wait', ms(2500), resolve));
    const before = capture.seen.since(0).filter(({ mac }) => mac === OURS);
    // The questions are those from our own IPv6 address, for announcers that answer no probe.
    expect([...new Set(before.map(({ what }) => what))].toSorted()).toEqual(['probe', 'question']);
    expect(before.length, 'each second, a probe of each').toBeGreaterThanOrEqual(2 * ADDRESSES.length);
    expect(layer2.reports().map(({ state }) => state.kind === 'conflict' && [state.mac, state.defending])).toEqual(
      ADDRESSES.map(() => [RIVAL, false]),
    );

    const took: number[] = [];
    for (const address of ADDRESSES) {
      const [mark, from] = [capture.seen.mark(), machineTime()];
      await lab.run('rival', ['ip', 'addr', 'del', withLength(address), 'dev', 'eth0']);
      const first = await capture.seen.first(
        `we announce ${address}`,
        mark,
        seconds(5),
        (sighting) => sighting.what === 'announcement' && sighting.address === address && sighting.mac === OURS,
      );
      took.push(first.at - from);
    }
    const shown = took.map((time) => Math.round(time)).join(' ');
    // Half a second of it is luck (when the next probe is due), 60 ms are two probes, the rest this machine's.
    expect(Math.max(...took), `ms from its silence to our announcement: ${shown}`).toBeLessThan(1500);
    expect(
      layer2.reports().map(({ address, state }) => [address.value === ip('198.51.100.70').value, state.kind]),
    ).toContainEqual([true, 'announced']);
  });
});
