import { describe, expect, test } from 'vitest';
import { ms, seconds } from '../../src/base/clock.ts';
import { formatIpAddress } from '../../src/base/ip-address.ts';
import type { MacAddress } from '../../src/base/mac-address.ts';
import { FakeSegment } from '../support/fake-network.ts';
import {
  advertisement,
  hold,
  ip,
  isArpProbe,
  isGratuitous,
  OTHER_MAC,
  OUR_MAC,
  prepare,
  request,
  type Scene,
  SETTINGS,
  scene,
  solicitation,
} from './scene.ts';

const VIP = '192.0.2.50';
const VIP6 = '2001:db8::50';
const PROBING = 60;

function announced(address: string): Scene {
  const one = scene();
  one.layer2.apply([hold(address)], SETTINGS);
  one.clock.advance(PROBING);
  one.take();
  one.reports.length = 0;
  return one;
}
const kinds = ({ reports }: Scene): string[] => reports.map(({ state }) => state.kind);
const dropped = ({ layer2 }: Scene): number => {
  const { arp, ndp } = layer2.counters();
  return [arp, ndp].flatMap((one) => Object.values(one.dropped)).reduce((sum, count) => sum + count, 0);
};

describe('muted', () => {
  test('answers and sends nothing, and counts it; then answers as before, without a new announcement', () => {
    const one = announced(VIP);
    one.layer2.mute(true);
    one.station.send(request(VIP));
    one.clock.advance(seconds(3));
    expect(one.take().arp).toEqual([]);
    expect(one.layer2.counters().arp.dropped.muted).toBe(1);
    // Two of the five rounds were due meanwhile: what is left of them goes on, nothing begins anew.
    one.layer2.mute(false);
    one.station.send(request(VIP));
    const { arp } = one.take();
    expect(arp.filter((frame) => !isGratuitous(frame))).toHaveLength(1);
    one.clock.advance(seconds(10));
    expect(arp.concat(one.take().arp).filter(isGratuitous).length).toBeLessThanOrEqual(2 * 4);
    expect(kinds(one)).toEqual([]);
  });

  test('what is released meanwhile stays silent, what is claimed meanwhile is announced afterwards', () => {
    const one = announced(VIP);
    one.layer2.mute(true);
    one.layer2.change([{ ...hold('192.0.2.51'), probe: false }], [ip(VIP)]);
    expect(one.take().arp).toEqual([]);
    one.layer2.mute(false);
    expect(one.take().arp.map(({ senderIp }) => formatIpAddress(senderIp))).toEqual(['192.0.2.51', '192.0.2.51']);
    one.station.send(request(VIP));
    expect(one.take().arp).toEqual([]);
  });
});

describe('claiming an address', () => {
  test('hold from the start: two probes 30 ms apart, silent until 60 ms, then announced in both forms', () => {
    const one = scene();
    one.layer2.apply([hold(VIP)], SETTINGS);
    expect(one.take().arp.map(isArpProbe)).toEqual([true]);
    one.clock.advance(30);
    expect(one.take().arp.map(isArpProbe)).toEqual([true]);
    one.station.send(request(VIP));
    one.clock.advance(29);
    expect(one.take().arp).toEqual([]);
    one.clock.advance(1);
    const { arp } = one.take();
    expect(arp.map(({ operation }) => operation)).toEqual([1, 2]);
    expect(arp.every(isGratuitous)).toBe(true);
    expect(kinds(one)).toEqual(['probing', 'announced']);
    expect(one.layer2.reports()).toEqual([{ address: ip(VIP), state: { kind: 'announced', interfaces: ['eth0'] } }]);
  });

  test('prepared before: the probe is over by then, and the announcement leaves at once', () => {
    const one = scene();
    one.layer2.apply([prepare(VIP), prepare(VIP6)], SETTINGS);
    one.clock.advance(PROBING);
    const probes = one.take();
    expect([probes.arp.length, probes.ndp.length]).toEqual([2, 4]);
    expect(kinds(one)).toEqual(['probing', 'probing', 'prepared', 'prepared']);
    one.layer2.apply([hold(VIP), hold(VIP6)], SETTINGS);
    const claims = one.take();
    expect([claims.arp.length, claims.ndp.length]).toEqual([2, 1]);
  });

  test('five rounds, a second apart, then refreshes with jitter', () => {
    const one = announced(VIP);
    for (let round = 2; round <= 5; round++) {
      one.clock.advance(999);
      expect(one.take().arp).toEqual([]);
      one.clock.advance(1);
      expect(one.take().arp.length).toBe(2);
    }
    one.clock.advance(44_999);
    expect(one.take().arp).toEqual([]);
    one.clock.advance(30_001);
    expect(one.take().arp.length).toBe(2);
  });

  test('the same table again, or another with the address still held, announces nothing', () => {
    const one = announced(VIP);
    one.layer2.apply([hold(VIP)], SETTINGS);
    one.layer2.apply([hold(VIP), prepare('192.0.2.51')], { ...SETTINGS });
    expect(one.take().arp.filter(isGratuitous)).toEqual([]);
  });

  test('withdrawn and held again: silent meanwhile, claimed anew without a probe', () => {
    const one = announced(VIP);
    one.layer2.apply([prepare(VIP)], SETTINGS);
    one.station.send(request(VIP));
    one.clock.advance(10_000);
    expect(one.take().arp).toEqual([]);
    one.layer2.apply([hold(VIP)], SETTINGS);
    const { arp } = one.take();
    expect(arp.map(isGratuitous)).toEqual([true, true]);
    expect(kinds(one)).toEqual(['prepared', 'announced']);
  });

  test('gone from the table and back: probed again', () => {
    const one = announced(VIP);
    one.layer2.apply([], SETTINGS);
    one.station.send(request(VIP));
    expect(one.take().arp).toEqual([]);
    one.layer2.apply([hold(VIP)], SETTINGS);
    expect(one.take().arp.map(isArpProbe)).toEqual([true]);
  });

  test('5,000 addresses: the first round of each before any later one, at the rate that is set', () => {
    const one = scene();
    const entries = Array.from({ length: 5000 }, (_, i) => hold(`198.51.${100 + (i >> 8)}.${i & 255}`));
    one.layer2.apply(entries, { ...SETTINGS, conflictProbe: { count: 0, wait: ms(0) } });
    one.clock.advance(0);
    expect(one.take().arp.length).toBe(500);
    one.clock.advance(1900);
    const first = one.take().arp;
    expect(new Set(first.map(({ senderIp }) => senderIp.value)).size).toBe(4750);
    one.clock.advance(20_000);
    expect(one.take().arp.length).toBe(4 * 2 * 5000);
  });
});

describe('answering', () => {
  test('IPv4: a request by broadcast gets a unicast reply', () => {
    const one = announced(VIP);
    one.station.send(request(VIP));
    expect(one.take().arp).toEqual([
      {
        source: OUR_MAC,
        destination: OTHER_MAC,
        operation: 2,
        senderMac: OUR_MAC,
        senderIp: ip(VIP),
        targetMac: OTHER_MAC,
        targetIp: ip('192.0.2.100'),
      },
    ]);
  });

  test('IPv6: groups are joined from the probe on, and left with the address', () => {
    const one = scene();
    one.layer2.apply([prepare(VIP6), prepare('2001:db8::1:50')], SETTINGS);
    expect(one.network.groupsOf('eth0')).toEqual(['ff02::1:ff00:50', 'ff02::1:ff01:50']);
    one.layer2.apply([hold(VIP6)], SETTINGS);
    expect(one.network.groupsOf('eth0')).toEqual(['ff02::1:ff00:50']);
    one.clock.advance(PROBING);
    one.take();
    one.station.send(solicitation(VIP6));
    expect(one.take().ndp).toMatchObject([{ kind: 'neighbor-advertisement', solicited: true, override: true }]);
    one.layer2.apply([], SETTINGS);
    expect(one.network.groupsOf('eth0')).toEqual([]);
    expect(one.network.socketCount('eth0')).toBe(0);
  });

  test('two addresses in one solicited-node group: it is left with the last of them', () => {
    const one = scene();
    one.layer2.apply([hold(VIP6), hold('2001:db8:0:0:1::50')], SETTINGS);
    one.layer2.apply([hold(VIP6)], SETTINGS);
    expect(one.network.groupsOf('eth0')).toEqual(['ff02::1:ff00:50']);
  });

  test('10,000 addresses held: each is answered, and received is answered plus dropped', () => {
    const one = scene();
    const addresses = Array.from({ length: 10_000 }, (_, i) => `198.18.${i >> 8}.${i & 255}`);
    one.layer2.apply(
      addresses.map((address) => hold(address)),
      { ...SETTINGS, conflictProbe: { count: 0, wait: ms(0) } },
    );
    one.take();
    for (const address of addresses) one.station.send(request(address));
    expect(new Set(one.take().arp.map(({ senderIp }) => senderIp.value)).size).toBe(10_000);
    const { arp } = one.layer2.counters();
    expect([arp.received, arp.answered]).toEqual([10_000, 10_000]);
  });

  test('requests for addresses of others do not even reach the process', () => {
    const one = announced(VIP);
    for (let i = 60; i < 160; i++) one.station.send(request(`192.0.2.${i}`));
    expect(one.layer2.counters().arp.received).toBe(0);
  });

  test('an address that went is filtered out again within a second', () => {
    const one = announced(VIP);
    one.layer2.apply([hold('192.0.2.51')], SETTINGS);
    one.clock.advance(1000);
    one.station.send(request(VIP));
    expect(one.layer2.counters().arp.received).toBe(0);
  });

  test('what is received is answered or dropped with a reason', () => {
    const one = announced(VIP);
    one.station.send(request(VIP));
    one.station.send(request(VIP, { operation: 2 }));
    one.station.send(request(VIP, { senderMac: '01:00:00:00:00:01' as MacAddress }));
    one.network.fail('send', 'ENOBUFS');
    one.station.send(request(VIP));
    one.network.fail('send', undefined);
    one.station.send(request(VIP));
    one.network.addDropped('eth0', 3);
    const { arp } = one.layer2.counters();
    expect(arp).toMatchObject({ received: 5, answered: 2, droppedByKernel: 3, sendErrors: 1 });
    expect(arp.dropped).toMatchObject({ 'not-a-request': 1, 'bad-sender': 1, 'send-failed': 1 });
    expect(arp.received).toBe(arp.answered + dropped(one));
    expect(one.logs.filter((line) => line.includes('send'))).toHaveLength(2);
  });
});

describe('conflicts', () => {
  const ownerOf = (one: Scene, address: string): void => {
    one.segment.addStation((frame) => {
      const asks =
        frame[12] === 0x08 && frame[21] === 1 && formatIpAddress(ip(address)) === [...frame.subarray(38, 42)].join('.');
      if (asks && frame[6] === 2 && frame[11] === 1)
        one.station.send(
          request(address, { operation: 2, senderIp: ip(address), destination: OUR_MAC, targetIp: ip('0.0.0.0') }),
        );
    });
  };

  test('IPv6: a host that answers only who names itself (MetalLB) is found all the same', () => {
    const one = scene();
    one.layer2.apply([hold(VIP6)], SETTINGS);
    const asked = one.take().ndp;
    expect(asked).toMatchObject([
      { source: ip('::'), sourceLinkLayer: undefined },
      { source: ip('fe80::11'), sourceLinkLayer: OUR_MAC, target: ip(VIP6) },
    ]);
    one.station.send(
      advertisement(VIP6, { destinationMac: OUR_MAC, destination: ip('fe80::11'), solicited: true, override: false }),
    );
    one.clock.advance(PROBING);
    expect(kinds(one)).toEqual(['probing', 'conflict']);
    expect(one.take().ndp).toEqual([]);
  });

  test('another host has it: never announced, reported once, asked each second', () => {
    const one = scene();
    ownerOf(one, VIP);
    one.layer2.apply([hold(VIP)], SETTINGS);
    one.clock.advance(100_000);
    expect(one.take().arp.filter((frame) => isGratuitous(frame) && frame.source === OUR_MAC)).toEqual([]);
    expect(one.reports).toEqual([
      { address: ip(VIP), state: { kind: 'conflict', mac: OTHER_MAC, interface: 'eth0', defending: false } },
    ]);
    expect(one.layer2.counters().arp).toMatchObject({ conflicts: 1, probesSent: 101 });
    expect(one.logs.filter((line) => line.includes('another machine'))).toHaveLength(1);
  });

  test('it falls silent: announced with the next try', () => {
    const one = scene();
    one.layer2.apply([hold(VIP)], SETTINGS);
    one.station.send(request(VIP, { operation: 2, senderIp: ip(VIP), destination: OUR_MAC }));
    one.clock.advance(999);
    expect(kinds(one)).toEqual(['probing', 'conflict']);
    one.clock.advance(1 + PROBING);
    expect(kinds(one)).toEqual(['probing', 'conflict', 'announced']);
  });

  test('many that another host has: 500 probes a second at most, and all are taken as soon as one is found free', () => {
    const one = scene();
    const count = 4000;
    const addresses = Array.from({ length: count }, (_, i) =>
      `192.0.2.${i % 250}`.replace('192.0.2', `10.0.${Math.floor(i / 250)}`),
    );
    let silent = false;
    one.segment.addStation((frame) => {
      if (silent || frame[12] !== 0x08 || frame[21] !== 1 || frame[11] !== 1) return;
      const address = [...frame.subarray(38, 42)].join('.');
      one.station.send(
        request(address, { operation: 2, senderIp: ip(address), destination: OUR_MAC, targetIp: ip('0.0.0.0') }),
      );
    });
    one.layer2.apply(
      addresses.map((address) => hold(address, ['eth0'])),
      SETTINGS,
    );
    one.clock.advance(10_000);
    const before = one.layer2.counters().arp.probesSent;
    one.clock.advance(20_000);
    const probes = one.layer2.counters().arp.probesSent - before;
    expect(probes).toBeGreaterThan(9000);
    expect(probes).toBeLessThan(10_500);
    silent = true;
    one.reports.length = 0;
    one.clock.advance(4000);
    expect(kinds(one).filter((kind) => kind === 'announced')).toHaveLength(count);
  });

  test('found while waiting for endpoints: hold does not announce it', () => {
    const one = scene();
    one.layer2.apply([prepare(VIP6)], SETTINGS);
    one.station.send(advertisement(VIP6));
    one.layer2.apply([hold(VIP6)], SETTINGS);
    one.clock.advance(1000);
    expect(one.take().ndp.filter(({ kind }) => kind === 'neighbor-advertisement')).toEqual([]);
    expect(kinds(one)).toEqual(['probing', 'conflict']);
  });

  test('claimed while held: defended at once and then every 10 s at most, cleared after 30 s of quiet', () => {
    const one = announced(VIP);
    one.clock.advance(10_000);
    one.take();
    const claim = request(VIP, { senderIp: ip(VIP) });
    one.station.send(claim);
    expect(one.take().arp.filter(({ source }) => source === OUR_MAC)).toHaveLength(2);
    expect(one.reports).toEqual([
      { address: ip(VIP), state: { kind: 'conflict', mac: OTHER_MAC, interface: 'eth0', defending: true } },
    ]);
    for (let i = 0; i < 9; i++) {
      one.clock.advance(1000);
      one.station.send(claim);
    }
    expect(one.take().arp).toEqual([]);
    one.clock.advance(1000);
    one.station.send(claim);
    expect(one.take().arp).toHaveLength(2);
    one.clock.advance(29_999);
    expect(kinds(one)).toEqual(['conflict']);
    one.clock.advance(1);
    expect(kinds(one)).toEqual(['conflict', 'announced']);
    // Meanwhile it was answered for.
    one.station.send(request(VIP));
    expect(one.take().arp.some(({ operation, destination }) => operation === 2 && destination === OTHER_MAC)).toBe(
      true,
    );
  });

  test('our own MAC on another interface of the same link is no conflict', () => {
    const one = scene();
    one.network.addInterface({
      name: 'eth1',
      segment: one.segment,
      mac: '02:00:00:00:00:02' as MacAddress,
      addresses: [{ address: ip('192.0.2.12'), prefixLength: 24 }],
    });
    one.layer2.apply([hold(VIP)], SETTINGS);
    one.clock.advance(5000);
    expect(kinds(one)).toEqual(['probing', 'announced']);
    expect(one.layer2.reports()[0]!.state).toEqual({ kind: 'announced', interfaces: ['eth0', 'eth1'] });
    expect(one.layer2.counters().arp.dropped.own).toBeGreaterThan(0);
  });
});

describe('interfaces come and go', () => {
  test('link down: released and reported; up again: groups joined, announced without a probe', () => {
    const one = scene();
    one.layer2.apply([hold(VIP), hold(VIP6)], SETTINGS);
    one.clock.advance(10_000);
    one.reports.length = 0;
    one.network.changeInterface('eth0', { up: false });
    expect(kinds(one)).toEqual(['no-interface', 'no-interface']);
    expect(one.network.socketCount('eth0')).toBe(0);
    one.clock.advance(10_000);
    one.take();
    one.network.changeInterface('eth0', { up: true });
    const seen = one.take();
    expect(seen.arp.map(isGratuitous)).toEqual([true, true]);
    expect(seen.ndp).toMatchObject([{ kind: 'neighbor-advertisement', override: true, solicited: false }]);
    expect(one.network.groupsOf('eth0')).toEqual(['ff02::1:ff00:50']);
    expect(kinds(one)).toEqual(['no-interface', 'no-interface', 'announced', 'announced']);
  });

  test('removed and made anew, with another index', () => {
    const one = announced(VIP);
    one.network.removeInterface('eth0');
    expect(kinds(one)).toEqual(['no-interface']);
    one.network.addInterface({
      name: 'eth0',
      segment: one.segment,
      mac: '02:00:00:00:00:07' as MacAddress,
      addresses: [{ address: ip('192.0.2.11'), prefixLength: 24 }],
    });
    expect(one.take().arp.map(({ senderMac }) => senderMac)).toEqual(['02:00:00:00:00:07', '02:00:00:00:00:07']);
  });

  test('another MAC: used at once, and announced', () => {
    const one = announced(VIP);
    const mac = '02:00:00:00:00:08' as MacAddress;
    one.network.changeInterface('eth0', { mac });
    expect(one.take().arp.map(({ senderMac }) => senderMac)).toEqual([mac, mac]);
    one.station.send(request(VIP, { destination: mac }));
    expect(one.take().arp).toMatchObject([{ operation: 2, source: mac, senderMac: mac, destination: OTHER_MAC }]);
  });

  test('a second interface in the subnet: announced there, not again on the first', () => {
    const one = announced(VIP);
    const other = new FakeSegment();
    const there = other.addStation();
    one.network.addInterface({
      name: 'eth1',
      segment: other,
      mac: '02:00:00:00:00:02' as MacAddress,
      addresses: [{ address: ip('192.0.2.12'), prefixLength: 24 }],
    });
    expect(there.received).toHaveLength(2);
    expect(one.take().arp).toEqual([]);
    expect(one.reports.at(-1)!.state).toEqual({ kind: 'announced', interfaces: ['eth0', 'eth1'] });
  });

  test('links of Pods that come and go change nothing, until the configuration names one', () => {
    const one = announced(VIP);
    const pod = { segment: new FakeSegment(), mac: '02:00:00:00:00:44' as MacAddress };
    one.network.addInterface({ name: 'cali1', ...pod });
    one.network.removeInterface('cali1');
    expect([one.take().arp, one.reports]).toEqual([[], []]);
    one.layer2.apply([hold(VIP, ['cali1'])], SETTINGS);
    expect(kinds(one)).toEqual(['no-interface']);
    one.network.addInterface({ name: 'cali1', ...pod });
    expect(one.reports.at(-1)!.state).toEqual({ kind: 'announced', interfaces: ['cali1'] });
    one.layer2.apply([hold(VIP)], SETTINGS);
    one.network.addInterface({ name: 'cali2', ...pod });
    one.layer2.apply([hold(VIP, ['cali2'])], SETTINGS);
    one.network.removeInterface('cali2');
    expect(one.reports.at(-1)!.state).toEqual({ kind: 'no-interface' });
  });

  test('named interfaces: only there; one that does not exist is no interface at all', () => {
    const one = scene();
    one.layer2.apply([hold(VIP, ['eth7'])], SETTINGS);
    expect(kinds(one)).toEqual(['no-interface']);
    one.layer2.apply([hold(VIP, ['eth0', 'eth7'])], SETTINGS);
    one.clock.advance(PROBING);
    expect(one.reports.at(-1)!.state).toEqual({ kind: 'announced', interfaces: ['eth0'] });
  });

  test('no subnet covers it: all physical interfaces, with a warning', () => {
    const one = scene();
    one.layer2.apply([hold('203.0.113.9')], SETTINGS);
    one.clock.advance(PROBING);
    expect(one.reports.at(-1)!.state).toEqual({ kind: 'announced', interfaces: ['eth0'], guessed: true });
    expect(one.logs.some((line) => line.startsWith('announced on all physical interfaces'))).toBe(true);
  });

  test('no socket can be opened: reported, tried again every second, one line in the log', () => {
    const one = scene();
    one.network.fail('open', 'EMFILE');
    one.layer2.apply([hold(VIP)], SETTINGS);
    expect(kinds(one)).toEqual(['no-interface']);
    one.clock.advance(5000);
    expect(one.logs.filter((line) => line.startsWith('cannot use'))).toHaveLength(1);
    one.network.fail('open', undefined);
    one.clock.advance(1000 + PROBING);
    expect(kinds(one).at(-1)).toBe('announced');
    expect(one.logs.filter((line) => line.includes('works again'))).toHaveLength(1);
  });

  test('a group cannot be joined: tried again', () => {
    const one = scene();
    one.network.fail('join', 'ENOBUFS');
    one.layer2.apply([hold(VIP6)], SETTINGS);
    one.network.fail('join', undefined);
    expect(one.network.groupsOf('eth0')).toEqual([]);
    one.clock.advance(1000);
    expect(one.network.groupsOf('eth0')).toEqual(['ff02::1:ff00:50']);
  });

  test('the link goes down while it is probed: probed again when it returns', () => {
    const one = scene();
    one.layer2.apply([hold(VIP)], SETTINGS);
    one.network.changeInterface('eth0', { up: false });
    one.clock.advance(5000);
    one.take();
    one.network.changeInterface('eth0', { up: true });
    expect(one.take().arp.map(isArpProbe)).toEqual([true]);
    one.clock.advance(PROBING);
    expect(kinds(one)).toEqual(['probing', 'no-interface', 'probing', 'announced']);
  });
});

test('settings change while it runs: no refresh any more', () => {
  const one = announced(VIP);
  one.clock.advance(10_000);
  one.layer2.apply([hold(VIP)], { ...SETTINGS, gratuitous: { ...SETTINGS.gratuitous, refresh: seconds(0) } });
  one.take();
  one.clock.advance(500_000);
  expect(one.take().arp).toEqual([]);
});

test('stop: sockets closed, groups left, no timer runs, nothing is answered', () => {
  const one = scene();
  one.layer2.apply([hold(VIP), hold(VIP6)], SETTINGS);
  one.clock.advance(PROBING);
  one.take();
  one.layer2.stop();
  one.station.send(request(VIP));
  one.network.changeInterface('eth0', { up: false });
  one.layer2.apply([hold(VIP)], SETTINGS);
  expect(one.clock.pending()).toEqual([]);
  expect(one.network.socketCount('eth0')).toBe(0);
  expect(one.network.groupsOf('eth0')).toEqual([]);
  expect(one.take()).toEqual({ arp: [], ndp: [] });
});
