import { describe, expect, test } from 'vitest';
import type { MacAddress } from '../../src/base/mac-address.ts';
import { parsePrefix } from '../../src/base/prefix.ts';
import type { InterfaceAddress } from '../../src/network/ports.ts';
import { FakeNetwork, FakeSegment } from '../support/fake-network.ts';
import { addressOf, expectValue, frameOf, listen, macOf, networkContract, OWN_MAC, type World } from './contract.ts';

function makeWorld(): World {
  const segment = new FakeSegment();
  const station = segment.addStation();
  const network = new FakeNetwork();
  let name = 'eth0';
  let addresses: InterfaceAddress[] = [];
  const create = (): void => network.addInterface({ name, segment, mac: OWN_MAC });
  create();
  const read = (text: string): InterfaceAddress => ({
    address: addressOf(text.slice(0, text.indexOf('/'))),
    prefixLength: expectValue(parsePrefix(text)).length,
  });
  const setAddresses = (changed: InterfaceAddress[]): void => {
    addresses = changed;
    network.changeInterface(name, { addresses });
  };
  return {
    network,
    name,
    peer: { send: (frame) => station.send(frame), received: () => station.received },
    setUp: (up) => network.changeInterface(name, { up }),
    setMac: (mac) => network.changeInterface(name, { mac }),
    addAddress: (text) => setAddresses([...addresses, read(text)]),
    removeAddress: (text) =>
      setAddresses(
        addresses.filter(({ address, prefixLength }) => {
          const removed = read(text);
          return address.value !== removed.address.value || prefixLength !== removed.prefixLength;
        }),
      ),
    rename: (to) => {
      network.changeInterface(name, { name: to });
      name = to;
    },
    remove: () => network.removeInterface(name),
    create,
    solicitedNodeGroups: () => network.groupsOf(name),
    end: () => {},
  };
}

networkContract('the fake', makeWorld);

describe('the fake is strict where hardware may be', () => {
  const MULTICAST = macOf('33:33:ff:00:00:a1');
  const setup = (delivery?: 'explicit') => {
    const segment = new FakeSegment(delivery);
    const network = new FakeNetwork();
    network.addInterface({ name: 'eth0', segment, mac: OWN_MAC });
    return { segment, network, station: segment.addStation(), here: listen(network, 'eth0') };
  };

  test('multicast arrives only for joined groups', () => {
    const { network, station, here } = setup();
    station.send(frameOf(1, MULTICAST));
    network.joinGroup('eth0', addressOf('ff02::1:ff00:a1'));
    station.send(frameOf(2, MULTICAST));
    expect(here.payloads).toEqual([2]);
  });

  test('received octets are overwritten when the handler has returned', () => {
    const { network, station } = setup();
    const kept: Uint8Array[] = [];
    const options = { interfaceName: 'eth0', etherType: 0x88b5, filter: [{ code: 6, jt: 0, jf: 0, k: 99 }] };
    expectValue(network.openFrameSocket(options, { frame: (bytes) => kept.push(bytes), error: () => {} }));
    station.send(frameOf(1));
    expect(kept[0]?.every((octet) => octet === 0xee)).toBe(true);
  });

  test('with explicit delivery frames wait for it, those sent meanwhile included', () => {
    const { segment, network, station, here } = setup('explicit');
    network.addInterface({ name: 'eth1', segment, mac: '02:00:00:00:0d:01' as MacAddress });
    station.send(frameOf(1));
    expect(here.payloads).toEqual([]);
    segment.addStation((frame) => frame[14] === 1 && station.send(frameOf(2)));
    segment.deliver();
    expect(here.payloads).toEqual([1, 2]);
  });

  test('calls fail as told, and drops are counted as told', () => {
    const { network, here } = setup();
    network.fail('send', 'ENOBUFS');
    expect(here.socket.send(frameOf(1))).toMatchObject({ code: 'ENOBUFS' });
    network.fail('send', undefined);
    expect(here.socket.send(frameOf(1))).toBeUndefined();
    network.fail('watch', 'EMFILE');
    expect(network.watchInterfaces(() => {})).toMatchObject({ ok: false, error: { code: 'EMFILE' } });
    network.addDropped('eth0', 3);
    expect([here.socket.takeDropped(), here.socket.takeDropped()]).toEqual([3, 0]);
    expect(network.socketCount('eth0')).toBe(1);
  });
});
