import { describe, expect, test } from 'vitest';
import { ms, seconds } from '../../src/base/clock.ts';
import { detectionTimeOf } from '../../src/bfd/negotiation.ts';
import { config, Solo } from '../bfd/scene.ts';

/** One clause a test. The neighbour asks for 300 ms x 3 while it is up. */
const up = (timing: Parameters<typeof config>[0] = {}): Solo => new Solo(config(timing)).up();

describe('RFC 5880 §6.1, §6.8.7: roles', () => {
  test('the active one speaks first, to a discriminator of 0', () => {
    expect(new Solo().sent).toMatchObject([{ state: 'down', myDiscriminator: 1, yourDiscriminator: 0, poll: false }]);
  });
  test('the passive one is silent until it has heard the neighbour, and again when it has lost it', () => {
    const solo = new Solo(config({ passiveMode: true }));
    expect([solo.sent, solo.timer('transmit')]).toEqual([[], undefined]);
    expect(solo.hears('down', { yourDiscriminator: 0 }).sent).toMatchObject([{ state: 'init', yourDiscriminator: 77 }]);
    expect(solo.timer('transmit')).toBeDefined();
    solo.at(solo.session.detectionDue!).fires('detection');
    expect([solo.sent, solo.timer('transmit')]).toEqual([[], 'stopped']);
  });
});

describe('RFC 5880 §6.8.1: variables', () => {
  test('RemoteDiscr is zero after a detection time of silence, in every state', () => {
    const solo = new Solo().hears('admin-down');
    expect(solo.session).toMatchObject({ state: 'down', remote: { discriminator: 77 } });
    solo.at(3000).fires('detection');
    expect(solo.session.remote.discriminator).toBe(0);
  });
  test('a neighbour that comes back with another discriminator is followed', () => {
    const solo = up().hears('down', { myDiscriminator: 78, yourDiscriminator: 0 });
    expect(solo.session).toMatchObject({ state: 'down', diagnostic: 3, remote: { discriminator: 78 } });
    expect(solo.sent).toMatchObject([{ state: 'down', yourDiscriminator: 78 }]);
    expect(solo.hears('down', { myDiscriminator: 78 }).hears('up', { myDiscriminator: 78 }).session.state).toBe('up');
  });
  test('§6.3: so is one that changes it while the session is up', () => {
    const solo = up().hears('up', { myDiscriminator: 79 });
    expect([solo.session.state, solo.sent]).toMatchObject(['up', [{ yourDiscriminator: 79 }]]);
  });
});

describe('RFC 5880 §6.8.2, §6.8.7: how often', () => {
  test('the slower of the two decides', () => {
    expect(up().hears('up', { requiredMinRxUs: 500_000 }).session.transmitInterval).toBe(500);
    expect(up({ transmitInterval: ms(700) }).session.transmitInterval).toBe(700);
  });
  test('jitter takes 0 to 25 percent off', () => {
    expect(up().at(1000).fires('transmit').timer('transmit')).toEqual({ earliest: 1225, latest: 1300 });
  });
  test('with a multiplier of 1 it is 75 to 90 percent', () => {
    expect(up({ detectMultiplier: 1 }).at(1000).fires('transmit').timer('transmit')).toEqual({
      earliest: 1225,
      latest: 1270,
    });
  });
  test('a neighbour with Required Min RX 0 gets no periodic packets, but answers', () => {
    const solo = up().hears('up', { requiredMinRxUs: 0 });
    expect([solo.timer('transmit'), solo.session.transmitInterval]).toEqual(['stopped', undefined]);
    expect(solo.fires('transmit').sent).toEqual([]);
    expect(solo.hears('up', { requiredMinRxUs: 0, poll: true }).sent).toMatchObject([{ final: true }]);
    expect(solo.hears('up').timer('transmit')).toBeDefined();
  });
  test('a packet that says something new goes at once, one that does not waits for its time', () => {
    const solo = up();
    expect(solo.hears('up').sent).toEqual([]);
    expect(solo.configure({ detectMultiplier: 5 }).sent).toMatchObject([{ detectMultiplier: 5, poll: false }]);
  });
  test('§6.8.3: a neighbour that takes more than before gets it counted from the last packet', () => {
    const solo = up().at(1000).hears('up', { requiredMinRxUs: 2_000_000 });
    solo.at(2000).fires('transmit');
    expect(solo.timer('transmit')).toEqual({ earliest: 3500, latest: 4000 });
    expect(solo.at(2100).hears('up').timer('transmit')).toEqual({ earliest: 2225, latest: 2300 });
  });
});

describe('RFC 5880 §6.8.3: timer manipulation', () => {
  test('not up, at least one second is asked for', () => {
    const solo = new Solo(config({ transmitInterval: ms(50) }));
    expect(solo.sent).toMatchObject([{ desiredMinTxUs: 1_000_000 }]);
    expect(solo.timer('transmit')).toEqual({ earliest: 750, latest: 1000 });
    expect(solo.hears('down').sent).toMatchObject([{ state: 'init', desiredMinTxUs: 1_000_000 }]);
    const slow = new Solo(config({ transmitInterval: seconds(5) }));
    expect(slow.sent).toMatchObject([{ desiredMinTxUs: 5_000_000 }]);
  });
  test('up, the configured interval is asked for with a poll sequence, and used at once as it is the faster one', () => {
    const solo = new Solo().hears('down').hears('init');
    expect(solo.sent).toMatchObject([{ state: 'up', desiredMinTxUs: 300_000, poll: true }]);
    expect(solo.timer('transmit')).toEqual({ earliest: 225, latest: 300 });
  });
  test('a slower transmission waits for the Final', () => {
    const solo = up()
      .at(1000)
      .configure({ transmitInterval: seconds(1) });
    expect(solo.sent).toMatchObject([{ desiredMinTxUs: 1_000_000, poll: true }]);
    expect(solo.session.transmitInterval).toBe(300);
    expect(solo.at(1300).fires('transmit').sent).toMatchObject([{ poll: true }]);
    expect(solo.at(1301).hears('up', { final: true }).timer('transmit')).toEqual({ earliest: 2050, latest: 2300 });
    expect(solo.at(2300).fires('transmit').sent).toMatchObject([{ desiredMinTxUs: 1_000_000, poll: false }]);
  });
  test('a shorter detection time waits for the Final', () => {
    const solo = up({ receiveInterval: ms(500) });
    solo.configure({ receiveInterval: ms(300) });
    expect([solo.sent, detectionTimeOf(solo.session)]).toMatchObject([
      [{ requiredMinRxUs: 300_000, poll: true }],
      1500,
    ]);
    expect(detectionTimeOf(solo.hears('up', { final: true }).session)).toBe(900);
  });
  test('a longer detection time counts at once', () => {
    const solo = up()
      .at(1000)
      .hears('up')
      .configure({ receiveInterval: ms(500) });
    expect([solo.timer('detection'), solo.session.intervals.poll]).toEqual([
      { earliest: 2500, latest: 2500 },
      'active',
    ]);
  });
  test('several changes of one moment are one sequence', () => {
    const solo = up().configure({ transmitInterval: seconds(1), receiveInterval: seconds(1), detectMultiplier: 5 });
    expect(solo.sent).toMatchObject([{ desiredMinTxUs: 1_000_000, requiredMinRxUs: 1_000_000, detectMultiplier: 5 }]);
  });
  test('the next sequence waits for a packet without Final after the first one has ended', () => {
    const solo = up().configure({ transmitInterval: seconds(1) });
    expect(solo.configure({ transmitInterval: seconds(2) }).sent).toEqual([]);
    expect(solo.hears('up', { final: true }).sent).toEqual([]);
    expect(solo.hears('up', { final: true }).sent, 'of a poll that was sent twice').toEqual([]);
    expect(solo.hears('up').sent).toMatchObject([{ desiredMinTxUs: 2_000_000, poll: true }]);
  });
  test('a change of the multiplier alone needs none (§6.8.12)', () => {
    expect(up().configure({ detectMultiplier: 7 }).session.intervals.poll).toBe('none');
  });
  test('no change costs the session', () => {
    const solo = up();
    for (const interval of [10, 2000, 50, 300]) {
      solo.configure({ transmitInterval: ms(interval), receiveInterval: ms(interval) });
      solo.hears('up', { final: true }).hears('up');
      expect(solo.session.state).toBe('up');
    }
    expect(solo.session.intervals).toMatchObject({ transmitMinTxUs: 300_000, detectionMinRxUs: 300_000, poll: 'none' });
  });
});

describe('RFC 5880 §6.5: poll sequences', () => {
  test('a Poll is answered with a Final at once, in every state, and the schedule stays', () => {
    for (const solo of [new Solo().hears('admin-down'), new Solo().hears('down'), up()]) {
      const state = solo.session.remote.state;
      const again = solo.hears(state, { poll: true });
      expect(again.sent).toMatchObject([{ poll: false, final: true, state: again.session.state }]);
      expect(again.timer('transmit')).toBeUndefined();
    }
  });
  test('Poll and Final never share a packet', () => {
    const solo = up()
      .configure({ transmitInterval: seconds(1) })
      .hears('up', { poll: true });
    expect(solo.sent).toMatchObject([{ poll: false, final: true }]);
    const both = new Solo().hears('down').hears('init', { poll: true });
    expect(both.sent).toMatchObject([
      { poll: false, final: true, state: 'up' },
      { poll: true, final: false, state: 'up' },
    ]);
  });
  test('periodic packets carry the Poll until the Final comes', () => {
    const solo = up().configure({ transmitInterval: ms(100) });
    for (const now of [100, 200, 300]) expect(solo.at(now).fires('transmit').sent).toMatchObject([{ poll: true }]);
    solo.hears('up').at(400).fires('transmit');
    expect(solo.sent).toMatchObject([{ poll: true }]);
    solo.hears('up', { final: true }).at(500).fires('transmit');
    expect(solo.sent).toMatchObject([{ poll: false }]);
  });
  test('a Final that nobody asked for changes nothing', () => {
    expect(up().hears('up', { final: true }).session.intervals.poll).toBe('none');
  });
});

describe('RFC 5880 §6.8.4: detection time', () => {
  test("the neighbour's multiplier times the slower of what it wants to send and we to receive", () => {
    expect(detectionTimeOf(up().hears('up', { detectMultiplier: 5 }).session)).toBe(1500);
    expect(detectionTimeOf(up().hears('up', { desiredMinTxUs: 1_000_000 }).session)).toBe(3000);
    expect(detectionTimeOf(up({ receiveInterval: ms(400), detectMultiplier: 9 }).session)).toBe(1200);
  });
  test('not one millisecond before, and counted from the last packet', () => {
    const solo = up().at(1000).hears('up');
    expect(solo.at(1899).fires('detection').session.state).toBe('up');
    expect(solo.at(1900).fires('detection').session).toMatchObject({ state: 'down', diagnostic: 1 });
    expect(solo.sent).toMatchObject([{ state: 'down', diagnostic: 1, yourDiscriminator: 0 }]);
  });
  test('after we did not run, the neighbour has one interval more, once', () => {
    const solo = up().at(1000).hears('up');
    expect(solo.at(6000).fires('detection', 4100).timer('detection')).toEqual({ earliest: 6300, latest: 6300 });
    expect(solo.session.state).toBe('up');
    expect(solo.at(6300).fires('detection', 1000).session).toMatchObject({ state: 'down', diagnostic: 1 });
    const other = up().at(1000).hears('up').at(6000).fires('detection', 4100).at(6200).hears('up');
    expect(other.timer('detection')).toEqual({ earliest: 7100, latest: 7100 });
  });
});

describe('RFC 5880 §6.4, §6.8.5, §6.8.9: echo', () => {
  const echoing = (): Solo => {
    const solo = up({ echoMode: true, echoInterval: ms(50) }).on({ kind: 'echo-offered', offered: true });
    solo.on({ kind: 'echo-possible', possible: true });
    return solo.hears('up', { requiredMinEchoRxUs: 20_000 });
  };
  test('offered with the interval that is configured, at once, and not where this node does not forward', () => {
    const offer = (mode: boolean) => new Solo(config({ echoMode: mode })).on({ kind: 'echo-offered', offered: true });
    expect(offer(true).sent).toMatchObject([{ requiredMinEchoRxUs: 50_000, poll: false }]);
    expect(offer(true).on({ kind: 'echo-offered', offered: false }).sent).toMatchObject([{ requiredMinEchoRxUs: 0 }]);
    expect(offer(false).sent).toEqual([]);
  });
  test('RFC 5883 §3: never over several hops', () => {
    const solo = new Solo(config({ echoMode: true }, { multihop: true })).on({ kind: 'echo-offered', offered: true });
    expect(solo.session.told).toMatchObject({ requiredMinEchoRxUs: 0 });
    solo.up().on({ kind: 'echo-possible', possible: true }).hears('up', { requiredMinEchoRxUs: 1 });
    expect(solo.session.echo.phase).toBe('off');
  });
  test('sent only while up, and only to who offers it', () => {
    const solo = up({ echoMode: true }).on({ kind: 'echo-possible', possible: true });
    expect(solo.session.echo.phase).toBe('off');
    expect(solo.hears('up', { requiredMinEchoRxUs: 1 }).timer('echo-transmit')).toBeDefined();
    expect(solo.hears('up').timer('echo-transmit'), 'it MUST cease (§6.8.6)').toBe('stopped');
    expect(echoing().hears('down').timer('echo-transmit')).toBe('stopped');
    expect(echoing().configure({}, { adminDown: true }).timer('echo-transmit'), '§6.8.16').toBe('stopped');
  });
  test('not more often than the neighbour can take, less jitter', () => {
    const interval = (solo: Solo) => solo.at(1000).fires('echo-transmit').timer('echo-transmit');
    expect(interval(echoing())).toEqual({ earliest: 1037.5, latest: 1050 });
    expect(interval(echoing().hears('up', { requiredMinEchoRxUs: 100_000 }))).toEqual({ earliest: 1075, latest: 1100 });
    expect(echoing().fires('echo-transmit').effects).toContainEqual({ kind: 'transmit-echo' });
  });
  test('what never came back is not relied upon', () => {
    const solo = echoing();
    expect([solo.session.echo.phase, solo.timer('echo-detection')]).toEqual(['unproven', undefined]);
    expect(solo.session.intervals.requiredMinRxUs).toBe(300_000);
  });
  test('§6.8.3: while it works, control packets are asked for once a second', () => {
    const solo = echoing().at(1000).on({ kind: 'echo-returned' });
    expect(solo.sent).toMatchObject([{ requiredMinRxUs: 1_000_000, poll: true }]);
    expect(solo.timer('echo-detection')).toEqual({ earliest: 1150, latest: 1150 });
  });
  test('§6.8.5: when it has worked and fails, so does the session', () => {
    const solo = echoing().at(1000).on({ kind: 'echo-returned' });
    expect(solo.at(1149).fires('echo-detection').session.state).toBe('up');
    expect(solo.at(1150).fires('echo-detection').session).toMatchObject({ state: 'down', diagnostic: 2 });
    expect(solo.sent).toMatchObject([{ state: 'down', diagnostic: 2, requiredMinRxUs: 300_000 }]);
  });
  test('after we did not run, the next one may still come back', () => {
    const solo = echoing().at(1000).on({ kind: 'echo-returned' }).at(5000).fires('echo-detection', 3850);
    expect([solo.session.state, solo.timer('echo-detection')]).toEqual(['up', { earliest: 5050, latest: 5050 }]);
  });
});

describe('RFC 5880 §6.6: a neighbour in demand mode', () => {
  test('gets no periodic packets while both are up', () => {
    expect(up().hears('up', { demand: true }).timer('transmit')).toBe('stopped');
    const solo = up().hears('init', { demand: true });
    expect(solo.session.transmitInterval).toBe(300);
  });
  test('is answered when it polls', () => {
    expect(up().hears('up', { demand: true, poll: true }).sent).toMatchObject([{ final: true }]);
  });
  test('gets a poll sequence when something changes, until its Final', () => {
    const solo = up()
      .hears('up', { demand: true })
      .at(1000)
      .configure({ transmitInterval: ms(100) });
    expect([solo.sent, solo.timer('transmit')]).toMatchObject([[{ poll: true }], { earliest: 1225 }]);
    expect(solo.hears('up', { demand: true, final: true }).timer('transmit')).toBe('stopped');
  });
  test('is sent to again when it leaves the mode', () => {
    const solo = up().hears('up', { demand: true }).at(10_000).hears('up');
    expect(solo.timer('transmit')).toEqual({ earliest: 225, latest: 300 });
  });
});

describe('RFC 5880 §6.8.16: administrative control', () => {
  test('AdminDown is told with diagnostic 7, at once and for as long as it lasts', () => {
    const solo = up().at(1000).configure({}, { adminDown: true });
    expect(solo.sent).toMatchObject([{ state: 'admin-down', diagnostic: 7, desiredMinTxUs: 1_000_000 }]);
    expect(solo.at(2000).fires('transmit').sent).toMatchObject([{ state: 'admin-down', diagnostic: 7 }]);
  });
  test('§6.8.6: in AdminDown every packet is discarded after its timers were read, Polls too', () => {
    const solo = new Solo(config({}, { adminDown: true })).hears('up', { poll: true, requiredMinRxUs: 2_000_000 });
    expect(solo.sent.filter(({ final }) => final)).toEqual([]);
    expect(solo.session).toMatchObject({ state: 'admin-down', transmitInterval: 2000 });
  });
});

test('RFC 5880 §6.8.18: a neighbour that is not heard any more has no say about our rate', () => {
  const solo = new Solo().hears('down', { requiredMinRxUs: 60_000_000 });
  expect(solo.session.transmitInterval).toBe(60_000);
  solo.at(3000).fires('detection');
  expect(solo.session.transmitInterval).toBe(1000);
});

test('RFC 5880 §4.1: the diagnostic tells why the last session failed until the next one is up', () => {
  const solo = up().at(900).fires('detection');
  expect([solo.session.state, solo.session.diagnostic]).toEqual(['down', 1]);
  expect(solo.hears('down').session).toMatchObject({ state: 'init', diagnostic: 1 });
  expect(solo.hears('up').session).toMatchObject({ state: 'up', diagnostic: 0 });
});
