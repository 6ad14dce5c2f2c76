import { describe, expect, test } from 'vitest';
import { type Addressed, Demultiplexer, type PacketPath } from '../../src/bfd/demultiplexer.ts';
import { ip } from './scene.ts';

const session = (discriminator: number, rest: Partial<Addressed['config']> = {}): Addressed => ({
  discriminator,
  config: { remote: ip('192.0.2.2'), local: undefined, interface: undefined, multihop: false, ...rest },
});
const path = (rest: Partial<PacketPath> = {}): PacketPath => ({
  from: ip('192.0.2.2'),
  to: ip('192.0.2.1'),
  interface: 'eth0',
  multihop: false,
  ...rest,
});
const of = (...sessions: readonly Addressed[]): Demultiplexer<Addressed> => {
  const all = new Demultiplexer<Addressed>();
  for (const one of sessions) all.add(one);
  return all;
};

describe('RFC 5880 §6.3: by our discriminator', () => {
  test('whatever the addresses and the interface are', () => {
    const elsewhere = path({ from: ip('198.51.100.9'), to: ip('198.51.100.1'), interface: 'eth9' });
    expect(of(session(5), session(6)).find(6, elsewhere)?.discriminator).toBe(6);
  });
  test('never one that we do not have, nor one of the other port (RFC 5883)', () => {
    const all = of(session(5), session(6, { multihop: true }));
    expect([all.find(7, path()), all.find(5, path({ multihop: true })), all.find(6, path())]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('without it, by the path', () => {
  test('RFC 5881 §3: one link-local address on two interfaces is two neighbours', () => {
    const remote = ip('fe80::1');
    const all = of(session(1, { remote, interface: 'eth0' }), session(2, { remote, interface: 'eth1' }));
    const on = (at: string | undefined) => all.find(0, path({ from: remote, interface: at }))?.discriminator;
    expect([on('eth0'), on('eth1'), on('eth2'), on(undefined)]).toEqual([1, 2, undefined, undefined]);
  });
  test('RFC 5883 §4: by both addresses', () => {
    const all = of(
      session(1, { multihop: true, local: ip('192.0.2.1') }),
      session(2, { multihop: true, local: ip('192.0.2.9') }),
    );
    const to = (text: string) => all.find(0, path({ multihop: true, to: ip(text) }))?.discriminator;
    expect([to('192.0.2.1'), to('192.0.2.9'), to('192.0.2.5')]).toEqual([1, 2, undefined]);
  });
  test('one hop and several are not mixed up, nor the families', () => {
    const all = of(session(1), session(2, { multihop: true }), session(3, { remote: ip('::c000:202') }));
    expect(all.find(0, path())?.discriminator).toBe(1);
    expect(all.find(0, path({ multihop: true }))?.discriminator).toBe(2);
    expect(all.find(0, path({ from: ip('::c000:202') }))?.discriminator).toBe(3);
  });
  test('who was taken out is not found any more', () => {
    const [a, b] = [session(1), session(2)];
    const all = of(a, b);
    all.delete(a);
    expect([all.find(1, path()), all.find(0, path())?.discriminator, all.has(1), all.has(2)]).toEqual([
      undefined,
      2,
      false,
      true,
    ]);
    all.delete(b);
    expect(all.find(0, path())).toBeUndefined();
  });
});
