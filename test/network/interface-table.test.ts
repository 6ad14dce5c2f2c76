import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareIpAddress, ipAddress } from '../../src/base/ip-address.ts';
import { InterfaceTable } from '../../src/network/interface-table.ts';
import type { Link, RouteMessage } from '../../src/network/netlink/route.ts';
import { macOf } from './contract.ts';

const link = (index: number, change: Partial<Link> = {}): RouteMessage => ({
  kind: 'link',
  link: {
    index,
    name: `eth${index}`,
    mac: macOf('02:00:00:00:00:01'),
    up: true,
    loopback: false,
    broadcast: true,
    master: undefined,
    mtu: 1500,
    ...change,
  },
});
const address = (
  kind: 'address' | 'address-removed',
  index: number,
  value: number,
  prefixLength = 24,
): RouteMessage => ({
  kind,
  index,
  address: { address: ipAddress('ipv4', BigInt(value)), prefixLength },
});
const tableOf = (...messages: readonly RouteMessage[]): InterfaceTable => {
  const table = new InterfaceTable();
  for (const message of messages) table.apply(message);
  return table;
};

describe('interface table', () => {
  test('repetition changes nothing: the same list, the same objects', () => {
    const table = tableOf(link(2), address('address', 2, 5));
    const before = table.list();
    for (const message of [
      link(2),
      address('address', 2, 5),
      address('address-removed', 2, 9),
      { kind: 'done', error: 0 } as const,
    ])
      table.apply(message);
    expect(table.list()).toBe(before);
  });

  test('a change makes a new list, in which the others are the same objects', () => {
    const table = tableOf(link(1), link(2));
    const before = table.list();
    table.apply(link(2, { up: false }));
    const now = table.list();
    expect(now).not.toBe(before);
    expect(now[0]).toBe(before[0]);
    expect([before[1]?.up, now[1]?.up]).toEqual([true, false]);
  });

  test('a change and its reverse between two looks are none', () => {
    const table = tableOf(link(2));
    const before = table.list();
    for (const up of [false, true]) table.apply(link(2, { up }));
    expect(table.list()).toBe(before);
  });

  test('the same address with two prefix lengths is two addresses', () => {
    const table = tableOf(
      link(2),
      address('address', 2, 5, 24),
      address('address', 2, 5, 25),
      address('address-removed', 2, 5, 24),
    );
    expect(table.list()[0]?.addresses.map(({ prefixLength }) => prefixLength)).toEqual([25]);
  });

  test('a removed link takes its addresses along; addresses may be told before their link', () => {
    const table = tableOf(address('address', 2, 5), link(2));
    expect(table.list()[0]?.addresses.length).toBe(1);
    table.apply({ kind: 'link-removed', index: 2 });
    expect(table.list()).toEqual([]);
    table.apply(link(2));
    expect(table.list()[0]?.addresses).toEqual([]);
  });

  const messages = fc.oneof(
    fc
      .record({ index: fc.nat(3), up: fc.boolean(), mtu: fc.constantFrom(1500, 9000) })
      .map(({ index, ...rest }) => link(index, rest)),
    fc.nat(3).map((index): RouteMessage => ({ kind: 'link-removed', index })),
    fc
      .tuple(
        fc.constantFrom('address' as const, 'address-removed' as const),
        fc.nat(3),
        fc.nat(4),
        fc.constantFrom(24, 25),
      )
      .map(([kind, index, value, length]) => address(kind, index, value, length)),
  );

  test('the list is sorted, and a new one only when it says something new', () => {
    fc.assert(
      fc.property(fc.array(messages, { maxLength: 40 }), (sequence) => {
        const table = new InterfaceTable();
        let before = table.list();
        for (const message of sequence) {
          table.apply(message);
          const now = table.list();
          expect(now === before).toBe(isDeepStrictEqual(now, before));
          expect(now.map(({ index }) => index)).toEqual(now.map(({ index }) => index).toSorted((a, b) => a - b));
          for (const { addresses } of now)
            expect(addresses).toEqual(
              addresses.toSorted((a, b) => compareIpAddress(a.address, b.address) || a.prefixLength - b.prefixLength),
            );
          before = now;
        }
      }),
    );
  });

  test('a dump of the same state after any events keeps the list', () => {
    fc.assert(
      fc.property(fc.array(messages, { maxLength: 40 }), (sequence) => {
        const table = tableOf(...sequence);
        const before = table.list();
        table.clear();
        for (const { addresses, ...rest } of before) {
          table.apply({ kind: 'link', link: rest });
          for (const each of addresses) table.apply({ kind: 'address', index: rest.index, address: each });
        }
        expect(table.list()).toBe(before);
      }),
    );
  });
});
