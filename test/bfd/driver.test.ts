import { describe, expect, test } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import { config, ip } from './scene.ts';
import { Speaker, World } from './world.ts';

const timing = (change: object) => config(change).timing;
const FAST = { timing: timing({ transmitInterval: ms(50), receiveInterval: ms(50) }) };

describe('two speakers', () => {
  test('up, with what was agreed, and told in order', () => {
    const world = new World().start(FAST).run(3000);
    expect(world.states).toEqual(['up', 'up']);
    expect(world.left.story).toEqual(expect.arrayContaining(['up']));
    expect(world.left.bfd.reports()).toMatchObject([
      {
        key: 'router',
        remote: '192.0.2.2',
        local: '192.0.2.1',
        state: 'up',
        reason: undefined,
        transmitInterval: 50,
        receiveInterval: 50,
        detectionTime: 150,
        multihop: false,
      },
    ]);
    expect(world.left.log).toEqual([expect.stringContaining('info a BFD session is up')]);
  });

  test('the slower wish decides in each direction of its own', () => {
    const slow = { timing: timing({ transmitInterval: ms(200), receiveInterval: ms(700), detectMultiplier: 4 }) };
    const world = new World().start(FAST, slow).run(5000);
    expect(world.left.bfd.reports()).toMatchObject([
      { transmitInterval: 700, receiveInterval: 200, detectionTime: 800 },
    ]);
    expect(world.right.bfd.reports()).toMatchObject([
      { transmitInterval: 200, receiveInterval: 700, detectionTime: 2100 },
    ]);
  });

  test('a neighbour that dies is down within the detection time', () => {
    const world = new World().start(FAST).run(3000);
    world.right.freeze();
    world.run(149);
    world.run(2);
    expect(world.left.state()).toBe('down');
    expect(world.left.bfd.reports()[0]).toMatchObject({
      reason: 'control detection time expired',
      diagnostic: 1,
      counters: { failures: 1 },
    });
    const wall = world.clock.wallTime().getTime();
    expect(wall - world.left.bfd.reports()[0]!.since).toBeLessThan(151);
    expect(world.left.log.at(-1)).toContain('warn a BFD session failed');
  });

  test('a one-way failure is known to both', () => {
    const world = new World().start(FAST).run(3000);
    world.net.lose = (from) => from === '192.0.2.1';
    world.run(160);
    expect(world.states).toEqual(['down', 'down']);
    expect(world.left.bfd.reports()[0]?.reason).toBe('the neighbour says it is down: control detection time expired');
  });

  test('a neighbour that was restarted is up again, with another discriminator', () => {
    const world = new World().start(FAST).run(3000);
    const [first] = world.left.bfd.reports();
    world.right.bfd.setSessions([]);
    world.right.bfd.setSessions([config({}, { ...FAST, key: 'again', remote: ip('192.0.2.1') })]);
    world.run(3000);
    expect([world.left.state(), world.right.state('again')]).toEqual(['up', 'up']);
    expect(world.left.bfd.reports()[0]?.remoteDiscriminator).not.toBe(first?.remoteDiscriminator);
  });

  test('timers are changed without a flap', () => {
    const world = new World().start(FAST).run(3000);
    const before = [world.left.reports.length, world.right.reports.length];
    for (const interval of [1000, 10, 300]) {
      const next = { timing: timing({ transmitInterval: ms(interval), receiveInterval: ms(interval) }) };
      world.start(next, FAST).run(4000);
      const slower = Math.max(interval, 50);
      expect(world.right.bfd.reports()).toMatchObject([
        { state: 'up', receiveInterval: slower, transmitInterval: slower },
      ]);
    }
    const since = [...world.left.reports.slice(before[0]), ...world.right.reports.slice(before[1])];
    expect(new Set(since.map(({ state }) => state))).toEqual(new Set(['up']));
    expect(world.left.bfd.reports()[0]?.counters.failures).toBe(0);
  });

  test('a session that is taken away says AdminDown for a detection time, which is no failure', () => {
    const world = new World().start(FAST).run(3000);
    world.left.bfd.setSessions([]);
    world.run(1);
    expect([world.left.state(), world.right.state()]).toEqual([undefined, 'admin-down']);
    expect(world.right.bfd.reports()[0]).toMatchObject({
      reason: 'administratively down at the neighbour',
      remoteDiagnostic: 7,
      counters: { failures: 0 },
    });
    world.run(10_000);
    expect(world.right.state(), 'also when it is silent').toBe('admin-down');
    expect(world.left.host.senders).toBe(0);
    expect(world.left.host.receivers.size).toBe(0);
  });

  test('held in AdminDown, and given back', () => {
    const world = new World().start(FAST).run(3000);
    world.start({ ...FAST, adminDown: true }, FAST).run(5000);
    expect(world.states).toEqual(['admin-down', 'admin-down']);
    expect(world.left.bfd.reports()[0]?.reason).toBe('administratively down here');
    world.start(FAST).run(3000);
    expect(world.states).toEqual(['up', 'up']);
  });

  test('RFC 5880 §6.8.1: discriminators are not zero, unique, and drawn at random', () => {
    const drawn = [1, 2].map((seed) => {
      const { left } = new World(seed);
      const remotes = Array.from({ length: 200 }, (_, i) => config({}, { key: `${i}`, remote: ip(`198.51.100.${i}`) }));
      left.bfd.setSessions(remotes);
      return left.bfd.reports().map(({ discriminator }) => discriminator);
    });
    const all = new Set(drawn.flat());
    expect([all.size, all.has(0)]).toEqual([400, false]);
    expect(Math.max(...all) - Math.min(...all)).toBeGreaterThan(2 ** 31);
  });

  test('one timer of the clock, however many sessions', () => {
    const world = new World();
    const many = (remote: (i: number) => string) =>
      Array.from({ length: 50 }, (_, i) => config({}, { key: `${i}`, remote: ip(remote(i)) }));
    world.left.bfd.setSessions(many((i) => `192.0.2.${i + 2}`));
    world.run(5000);
    expect(world.clock.pending().filter((name) => name.startsWith('bfd')).length).toBe(1);
  });

  test('stop tells AdminDown within the call, and leaves no timer and no socket', () => {
    const world = new World().start(FAST).run(3000);
    world.left.bfd.stop();
    world.run(1);
    expect(world.right.state()).toBe('admin-down');
    world.right.bfd.stop();
    world.run(1);
    expect([world.clock.pending(), world.left.host.senders, world.right.host.receivers.size]).toEqual([[], 0, 0]);
  });
});

describe('time that we did not run', () => {
  test('shorter than the detection time of both: nothing happens', () => {
    const world = new World().start(FAST).run(3000);
    for (let i = 0; i < 50; i++) {
      world.left.freeze();
      world.run(95).left.thaw();
      world.run(400);
      expect(world.states).toEqual(['up', 'up']);
    }
    expect(world.left.bfd.counters().stalls).toBeGreaterThan(0);
  });

  test('what has arrived is read before a timer is believed', () => {
    const world = new World().start(
      { timing: timing({ detectMultiplier: 10 }) },
      { timing: timing({ transmitInterval: ms(50), receiveInterval: ms(50) }) },
    );
    world.run(5000);
    // We notice silence after 900 ms; the neighbour notices ours after 3000.
    world.left.freeze();
    world.run(2000).left.thaw();
    world.run(3000);
    expect(world.left.bfd.reports()[0]?.counters.failures).toBe(0);
    expect(world.states).toEqual(['up', 'up']);
  });

  test('longer: the neighbour has said so, and that is what we go by', () => {
    const world = new World().start(FAST).run(3000);
    world.left.freeze();
    world.run(10_000).left.thaw();
    expect(world.left.bfd.reports()[0]).toMatchObject({ counters: { failures: 1 }, diagnostic: 3 });
    world.run(5000);
    expect(world.states).toEqual(['up', 'up']);
  });

  test('a machine that stood still, and its network with it, is no failure of the neighbour', () => {
    const world = new World().start(FAST).run(3000);
    world.left.freeze();
    world.right.freeze();
    world.run(60_000).left.thaw();
    world.right.thaw();
    world.run(1000);
    expect(world.states).toEqual(['up', 'up']);
    expect(world.left.bfd.reports()[0]?.counters.failures).toBe(0);
  });
});

describe('what is not for us, or cannot be had', () => {
  test('RFC 5881 §5: what came over a router is discarded', () => {
    const world = new World();
    world.net.hops = () => 1;
    world.start().run(5000);
    expect(world.states).toEqual(['down', 'down']);
    expect(world.left.bfd.counters().discarded.ttl).toBeGreaterThan(3);
    expect(world.left.bfd.reports()[0]).toMatchObject({ reason: 'nothing heard from the neighbour' });
  });
  test('RFC 5883: over several hops, down to the least TTL', () => {
    const multihop = { multihop: true, timing: timing({ minimumTtl: 250 }) };
    const world = new World();
    world.net.hops = () => 5;
    world.start(multihop).run(5000);
    expect(world.states).toEqual(['up', 'up']);
    world.net.hops = () => 6;
    world.run(5000);
    expect(world.states).toEqual(['down', 'down']);
  });
  test('one hop and several are two sessions between the same two', () => {
    const world = new World();
    const both = (remote: string) => [
      config({}, { key: 'hop', remote: ip(remote) }),
      config({ minimumTtl: 254 }, { key: 'hops', remote: ip(remote), multihop: true }),
    ];
    world.left.bfd.setSessions(both('192.0.2.2'));
    world.right.bfd.setSessions(both('192.0.2.1'));
    world.run(5000);
    expect(world.left.bfd.reports()).toMatchObject([
      { key: 'hop', state: 'up' },
      { key: 'hops', state: 'up' },
    ]);
  });
  test('packets for nobody', () => {
    const world = new World();
    world.left.bfd.setSessions([config()]);
    world.right.bfd.setSessions([config({}, { remote: ip('192.0.2.1'), key: 'x' })]);
    world.run(3000).left.bfd.setSessions([config({}, { key: 'other', remote: ip('192.0.2.3') })]);
    world.run(5000);
    expect(world.left.bfd.counters().discarded['no-session']).toBeGreaterThan(0);
    expect(world.left.bfd.reports()).toMatchObject([{ key: 'other', state: 'down' }]);
  });
  test('a session of another interface', () => {
    const world = new World().start({ interface: 'eth0' }).run(3000);
    expect(world.states).toEqual(['up', 'up']);
    expect(world.left.bfd.reports()[0]?.remote).toBe('192.0.2.2%eth0');
  });
  test('a port that is taken is asked for again', () => {
    const world = new World();
    const other = world.left.host.openHopReceiver({ family: 'ipv4', port: 3784 }, { datagram() {}, error() {} });
    world.start().run(3000);
    expect(world.left.bfd.reports()[0]).toMatchObject({
      state: 'down',
      reason: expect.stringContaining('cannot be opened'),
    });
    if (other.ok) other.value.close();
    world.run(10_000);
    expect(world.states).toEqual(['up', 'up']);
  });
  test('where nothing can be sent the reason is told, and it is tried again', () => {
    const world = new World();
    world.left.host.failure = 'ENETUNREACH';
    world.start().run(3000);
    expect(world.left.bfd.reports()[0]?.reason).toContain('ENETUNREACH');
    expect(world.left.bfd.counters().sendErrors).toBeGreaterThan(1);
    expect(world.left.log.length).toBe(1);
    world.left.host.failure = undefined;
    world.run(3000);
    expect(world.states).toEqual(['up', 'up']);
  });
});

describe('RFC 5880 §6.7: authentication between two speakers', () => {
  const key = (type: 'simple-password' | 'keyed-sha1' | 'meticulous-keyed-sha1', text = 'secret', keyId = 1) => ({
    ...FAST,
    authentication: { type, keyId, key: text },
  });
  test.each(['simple-password', 'keyed-sha1', 'meticulous-keyed-sha1'] as const)('%s', (type) => {
    const world = new World().start(key(type)).run(5000);
    expect(world.states).toEqual(['up', 'up']);
    expect(world.left.bfd.reports()[0]).toMatchObject({ authentication: type, counters: { refused: 0, failures: 0 } });
  });
  test.each([
    ['another key', key('keyed-sha1'), key('keyed-sha1', 'other'), 'wrong-digest'],
    ['another password', key('simple-password'), key('simple-password', 'other'), 'wrong-password'],
    ['another key id', key('keyed-sha1'), key('keyed-sha1', 'secret', 2), 'unknown-key'],
    ['another type', key('keyed-sha1'), key('meticulous-keyed-sha1'), 'other-authentication-type'],
    ['a key on one side alone', key('keyed-sha1'), FAST, 'not-authenticated'],
    ['a key on the other side alone', FAST, key('keyed-sha1'), 'unexpected-authentication'],
  ] as const)('%s: discarded, and counted', (_, left, right, why) => {
    const world = new World().start(left, right).run(5000);
    expect(world.states).toEqual(['down', 'down']);
    expect(world.left.bfd.counters().discarded[why]).toBeGreaterThan(3);
  });
  test('a key that both change within the detection time costs nothing', () => {
    const world = new World().start(key('meticulous-keyed-sha1')).run(3000);
    world.start(key('meticulous-keyed-sha1', 'next', 2)).run(3000);
    expect(world.states).toEqual(['up', 'up']);
    expect(world.left.bfd.reports()[0]?.counters.failures).toBe(0);
  });
  test('§6.8.1: a restarted neighbour, whose numbers begin anew, gets in after twice the detection time', () => {
    const world = new World().start(key('meticulous-keyed-sha1')).run(3000);
    // Dead without a word, and another process at its address.
    world.right.freeze();
    const again = new Speaker(world.net, world.clock, '192.0.2.2', 99);
    again.bfd.setSessions([config({}, { ...key('meticulous-keyed-sha1'), remote: ip('192.0.2.1') })]);
    world.run(3000);
    expect([world.left.state(), again.state()]).toEqual(['up', 'up']);
    expect(world.left.bfd.counters().discarded['sequence-number']).toBeGreaterThan(0);
  });
});
