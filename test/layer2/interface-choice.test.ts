import { describe, expect, test } from 'vitest';
import type { MacAddress } from '../../src/base/mac-address.ts';
import { interfaceChooser, usableInterfaces } from '../../src/layer2/interface-choice.ts';
import type { NetworkInterface } from '../../src/network/ports.ts';
import { ip } from './scene.ts';

function link(name: string, addresses: readonly string[], change: Partial<NetworkInterface> = {}): NetworkInterface {
  return {
    index: 1,
    name,
    mac: '02:00:00:00:00:01' as MacAddress,
    up: true,
    loopback: false,
    broadcast: true,
    master: undefined,
    mtu: 1500,
    addresses: addresses.map((text) => {
      const [address, length] = text.split('/');
      return { address: ip(address!), prefixLength: Number(length) };
    }),
    ...change,
  };
}

const machine: readonly NetworkInterface[] = [
  link('lo', ['127.0.0.1/8'], { loopback: true, broadcast: false }),
  link('eth0', ['192.0.2.11/24', 'fe80::1/64', '2001:db8:1::11/64']),
  link('eth1', ['198.51.100.11/24', 'fe80::2/64', '203.0.113.7/32']),
  link('eth2', ['10.0.0.1/8']),
  link('eth3', ['192.0.2.13/24'], { up: false }),
  link('eth4', ['192.0.2.14/24'], { master: 9 }),
  link('tun0', ['192.0.2.15/24'], { broadcast: false, mac: undefined }),
  link('docker0', ['172.17.0.1/16']),
  link('cali1234', ['fe80::3/64']),
];

function choose(address: string, named: readonly string[] = [], only?: readonly string[]) {
  return interfaceChooser(usableInterfaces(machine, only), only)(ip(address), named);
}

describe('the interfaces of an address', () => {
  test.each([
    ['its subnet', '192.0.2.50', [], undefined, ['eth0'], false],
    ['its IPv6 subnet', '2001:db8:1::50', [], undefined, ['eth0'], false],
    ['a host route covers nothing', '203.0.113.7', [], undefined, ['eth0', 'eth1', 'eth2'], true],
    ['no subnet: all physical ones', '203.0.113.50', [], undefined, ['eth0', 'eth1', 'eth2'], true],
    ['no subnet, IPv6: only where IPv6 is switched on', '2001:db8:9::1', [], undefined, ['eth0', 'eth1'], true],
    ['named, although the subnet is another', '192.0.2.50', ['eth1'], undefined, ['eth1'], false],
    ['named, although not physical by its name', '192.0.2.50', ['docker0'], undefined, ['docker0'], false],
    ['named ones that exist', '192.0.2.50', ['eth1', 'eth9'], undefined, ['eth1'], false],
    ['named, but down', '192.0.2.50', ['eth3'], undefined, [], false],
    ['named, but part of a bond', '192.0.2.50', ['eth4'], undefined, [], false],
    ['the command line forbids the one that covers', '192.0.2.50', [], ['eth1'], ['eth1'], true],
    ['the command line allows what is not physical by name', '203.0.113.50', [], ['docker0'], ['docker0'], true],
    ['the command line forbids the one that is named', '192.0.2.50', ['eth0'], ['eth1'], [], false],
  ] as const)('%s', (_name, address, named, only, interfaces, guessed) => {
    expect(choose(address, named, only)).toEqual({ interfaces, guessed });
  });
});
