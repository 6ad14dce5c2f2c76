import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ms, seconds, systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { systemRandom } from '../../src/base/random.ts';
import { Lab } from '../../src/lab/lab.ts';
import { Layer2 } from '../../src/layer2/driver.ts';
import type { Layer2AddressReport, Layer2Entry } from '../../src/layer2/table.ts';
import { linuxNetwork } from '../../src/network/linux.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { hold, ip, prepare, SETTINGS } from './scene.ts';

/** The Linux kernel as the judge: its neighbour tables, its duplicate address detection, its probes. */
const HERE = 'l2here';
const OURS = '02:00:00:00:0a:01';
const CLIENT = '02:00:00:00:0a:02';
const WRONG = '02:00:00:00:0a:66';
const VIP = '198.51.100.50';
const VIP6 = '2001:db8:12::50';

describe.skipIf(!privateTree.inside)(`a real kernel as neighbour${skipNote}`, () => {
  const lab = new Lab('l2');
  let layer2: Layer2;
  const reports: Layer2AddressReport[] = [];
  const warnings: string[] = [];
  let table: readonly Layer2Entry[] = [];

  beforeAll(async () => {
    await lab.build({
      hosts: ['client'],
      bridges: [],
      cables: [
        [
          { interface: HERE, mac: OURS, addresses: ['198.51.100.1/24', '2001:db8:12::1/64'] },
          { host: 'client', interface: 'eth0', mac: CLIENT, addresses: ['198.51.100.2/24', '2001:db8:12::2/64'] },
        ],
      ],
      routes: [],
    });
    await lab.sysctl('client', {
      // Else the kernel keeps what it learnt within the last second.
      'net.ipv4.neigh.eth0.locktime': 0,
      'net.ipv6.conf.eth0.accept_dad': 1,
      'net.ipv6.conf.eth0.dad_transmits': 1,
    });
    const network = linuxNetwork();
    if (!network.ok) throw new Error(network.error.message);
    layer2 = new Layer2({
      network: network.value,
      clock: systemClock,
      random: systemRandom,
      logger: {
        ...silentLogger,
        warn: (message, fields) => void warnings.push(`${message} ${JSON.stringify(fields)}`),
      },
      interfaces: [HERE],
      onReport: (changed) => void reports.push(...changed),
    });
  });
  afterAll(async () => {
    layer2?.stop();
    await lab.stop();
  });

  const apply = (entries: readonly Layer2Entry[]): void => {
    table = entries;
    layer2.apply(table, SETTINGS);
  };
  const stateOf = (address: string): Layer2AddressReport['state'] | undefined =>
    layer2.reports().find((report) => report.address.value === ip(address).value)?.state;
  const client = (...command: string[]): Promise<string> => lab.run('client', command);
  const neighbour = (address: string): Promise<string> => client('ip', 'neigh', 'show', address, 'dev', 'eth0');
  const pause = (): Promise<void> => new Promise((resolve) => void systemClock.startTimer('poll', ms(20), resolve));
  async function until(what: () => Promise<boolean> | boolean, limit = seconds(5)): Promise<void> {
    const end = systemClock.now() + limit;
    while (!(await what())) {
      if (systemClock.now() > end)
        throw new Error(
          `not within ${limit} ms; the table says ${JSON.stringify(layer2.reports().map(({ state }) => state))}`,
        );
      await pause();
    }
  }
  const announced = (...addresses: string[]): Promise<void> =>
    until(() => addresses.every((address) => stateOf(address)?.kind === 'announced'));
  const forget = (address: string): Promise<string> => client('ip', 'neigh', 'flush', 'to', address);
  /** Makes the kernel resolve the address; nobody answers the ping itself. */
  const resolve = (address: string): Promise<unknown> =>
    client('ping', '-c', '1', '-W', '0.2', address).catch(() => {});

  test('RFC 5227, RFC 4861 §7.2.6: a claim corrects what the neighbour believed', async () => {
    apply([prepare(VIP), prepare(VIP6)]);
    await until(() => stateOf(VIP)?.kind === 'prepared' && stateOf(VIP6)?.kind === 'prepared');
    for (const address of [VIP, VIP6])
      await client('ip', 'neigh', 'replace', address, 'lladdr', WRONG, 'dev', 'eth0', 'nud', 'stale');
    apply([hold(VIP), hold(VIP6)]);
    await until(async () => (await neighbour(VIP)).includes(OURS) && (await neighbour(VIP6)).includes(OURS));
  });

  test('the neighbour resolves both families', async () => {
    apply([hold(VIP), hold(VIP6)]);
    await announced(VIP, VIP6);
    for (const address of [VIP, VIP6]) {
      await forget(address);
      await resolve(address);
      expect(await neighbour(address)).toMatch(new RegExp(`lladdr ${OURS} (REACHABLE|DELAY)`));
    }
  });

  test('arping and ndisc6 get an answer', async () => {
    apply([hold(VIP), hold(VIP6)]);
    await announced(VIP, VIP6);
    expect((await client('arping', '-c', '1', '-w', '2', '-I', 'eth0', VIP)).toLowerCase()).toContain(OURS);
    expect((await client('ndisc6', '-1', '-r', '2', VIP6, 'eth0')).toLowerCase()).toContain(OURS);
  });

  test('RFC 4861 §7.3: unreachability probes keep the neighbour REACHABLE', async () => {
    apply([hold(VIP), hold(VIP6)]);
    await announced(VIP, VIP6);
    for (const address of [VIP, VIP6]) {
      await resolve(address);
      await client('ip', 'neigh', 'change', address, 'dev', 'eth0', 'nud', 'probe');
      await until(async () => (await neighbour(address)).includes('REACHABLE'));
    }
  });

  test('RFC 4862 §5.4: a host that looks whether our address is free learns that it is not', async () => {
    apply([hold(VIP6)]);
    await announced(VIP6);
    await client('ip', 'addr', 'add', `${VIP6}/64`, 'dev', 'eth0');
    await until(async () => (await client('ip', '-6', 'addr', 'show', 'dev', 'eth0')).includes('dadfailed'));
    await client('ip', 'addr', 'del', `${VIP6}/64`, 'dev', 'eth0');
  });

  test('a host that has the address already: refused, and not announced', async () => {
    const [taken, taken6] = ['198.51.100.60', '2001:db8:12::60'];
    await client('ip', 'addr', 'add', `${taken}/24`, 'dev', 'eth0');
    await client('ip', 'addr', 'add', `${taken6}/64`, 'dev', 'eth0', 'nodad');
    apply([hold(taken), hold(taken6)]);
    for (const address of [taken, taken6]) {
      await until(() => stateOf(address)?.kind === 'conflict');
      expect(stateOf(address)).toEqual({ kind: 'conflict', mac: CLIENT, interface: HERE, defending: false });
      await client('ip', 'addr', 'del', address, 'dev', 'eth0').catch(() =>
        client('ip', 'addr', 'del', `${address}/${address === taken ? 24 : 64}`, 'dev', 'eth0'),
      );
    }
  });

  test('a host that takes the address while we hold it: reported and defended', async () => {
    apply([hold(VIP)]);
    await announced(VIP);
    const before = layer2.counters().arp;
    // arping -U sends gratuitous requests for an address of the interface.
    await client('ip', 'addr', 'add', `${VIP}/24`, 'dev', 'eth0');
    await client('arping', '-c', '1', '-w', '1', '-U', '-I', 'eth0', VIP).catch(() => {});
    await until(() => stateOf(VIP)?.kind === 'conflict');
    expect(stateOf(VIP)).toEqual({ kind: 'conflict', mac: CLIENT, interface: HERE, defending: true });
    expect(layer2.counters().arp.gratuitousSent).toBeGreaterThan(before.gratuitousSent);
    await client('ip', 'addr', 'del', `${VIP}/24`, 'dev', 'eth0');
  });

  test('cable out and in again: released, then announced anew', async () => {
    apply([hold(VIP), hold(VIP6)]);
    await announced(VIP6);
    reports.length = 0;
    await client('ip', 'link', 'set', 'eth0', 'down');
    await until(() => stateOf(VIP)?.kind === 'no-interface' && stateOf(VIP6)?.kind === 'no-interface');
    await client('ip', 'link', 'set', 'eth0', 'up');
    await announced(VIP, VIP6);
    await client('ip', 'addr', 'replace', '2001:db8:12::2/64', 'dev', 'eth0', 'nodad');
    await until(async () => {
      await resolve(VIP6);
      return (await neighbour(VIP6)).includes(OURS);
    });
  });

  test('a new MAC is announced at once', async () => {
    apply([hold(VIP)]);
    await announced(VIP);
    await resolve(VIP);
    const changed = '02:00:00:00:0a:77';
    await lab.run(undefined, ['ip', 'link', 'set', HERE, 'address', changed]);
    await until(async () => (await neighbour(VIP)).includes(changed));
    await lab.run(undefined, ['ip', 'link', 'set', HERE, 'address', OURS]);
    await until(async () => (await neighbour(VIP)).includes(OURS));
  });

  test('requests for other addresses do not reach the process', async () => {
    apply([hold(VIP), hold(VIP6)]);
    await announced(VIP, VIP6);
    const before = layer2.counters();
    await resolve('198.51.100.77');
    await resolve('2001:db8:12::77');
    const after = layer2.counters();
    expect([after.arp.received, after.ndp.received]).toEqual([before.arp.received, before.ndp.received]);
  });

  test('the kernel takes the longest filters, and replaces one by another', async () => {
    warnings.length = 0;
    for (const step of [1, 2]) {
      const scattered = Array.from({ length: 200 }, (_, i) => i * step * 7);
      apply(
        scattered.flatMap((i): Layer2Entry[] => [
          { ...prepare(`203.0.${i >> 8}.${i & 255}`), interfaces: [HERE] },
          { ...prepare(`2001:db8:${i.toString(16)}:${i.toString(16)}::${i.toString(16)}`), interfaces: [HERE] },
        ]),
      );
      await until(() => layer2.reports().every(({ state }) => state.kind === 'prepared'));
    }
    expect(warnings).toEqual([]);
    apply([hold(VIP), hold(VIP6)]);
    await announced(VIP, VIP6);
    await forget(VIP6);
    await resolve(VIP6);
    expect(await neighbour(VIP6)).toContain(OURS);
  });
});
