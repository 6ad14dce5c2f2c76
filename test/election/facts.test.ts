import { describe, expect, test } from 'vitest';
import { ipAddress } from '../../src/base/ip-address.ts';
import type { MacAddress } from '../../src/base/mac-address.ts';
import { type FactInterface, Reachable } from '../../src/election/facts.ts';

const VIP = ipAddress('ipv4', 0xc00002c8n); // 192.0.2.200
const link = (name: string, last: bigint, prefixLength: number, more: Partial<FactInterface> = {}): FactInterface => ({
  name,
  mac: '02:00:00:00:00:01' as MacAddress,
  up: true,
  alive: true,
  physical: true,
  addresses: [{ address: ipAddress('ipv4', last), prefixLength }],
  ...more,
});
const covering = (more: Partial<FactInterface> = {}): FactInterface => link('eth0', 0xc000020bn, 24, more);
const elsewhere = (more: Partial<FactInterface> = {}): FactInterface => link('eth1', 0x0a000001n, 24, more);

describe('what a node can do for 192.0.2.200', () => {
  test.each([
    ['its subnet covers it', [covering(), elsewhere()], 'covers'],
    ['its subnet covers it, but reaches nobody', [covering({ alive: false }), elsewhere()], 'cut'],
    ['only another subnet is there', [elsewhere()], 'guess'],
    ['the subnet is down: it belongs there, and nothing is guessed', [covering({ up: false }), elsewhere()], 'none'],
    ['only a link of Pods is there', [elsewhere({ physical: false })], 'none'],
    ['there is nothing', [], 'none'],
  ] as const)('%s', (_, interfaces, fitness) => {
    expect(new Reachable(interfaces).fitness(VIP, [])).toBe(fitness);
  });

  test('a name that the configuration gives is the whole choice', () => {
    const reach = new Reachable([covering(), elsewhere()]);
    expect(reach.fitness(VIP, ['eth1'])).toBe('covers');
    expect(reach.fitness(VIP, ['eth7'])).toBe('none');
    expect(reach.serving(VIP, [])).toEqual(['eth0']);
  });
});
