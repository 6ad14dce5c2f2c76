import { describe, expect, test } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import { negotiate } from '../../src/bgp/negotiation.ts';
import { type OpenSituation, openFor } from '../../src/bgp/open-message.ts';
import type { BgpRole, SessionConfig } from '../../src/bgp/session-config.ts';
import type { Capability, Open } from '../../src/bgp/wire/message.ts';
import { CONFIG, THEIR_OPEN } from '../bgp/session-support.ts';

const FRESH: OpenSituation = { restarting: false, forwarding: false, plain: false };
const offer = (config: Partial<SessionConfig> = {}, situation: Partial<OpenSituation> = {}): Open =>
  openFor({ ...CONFIG, ...config }, { ...FRESH, ...situation });
const capability = <K extends Capability['kind']>(open: Open, kind: K): Extract<Capability, { kind: K }> | undefined =>
  open.capabilities.find((each): each is Extract<Capability, { kind: K }> => each.kind === kind);

const agree = (config: Partial<SessionConfig>, theirs: Partial<Open>) => {
  const all = { ...CONFIG, ...config };
  return negotiate(all, offer(config), { ...THEIR_OPEN, ...theirs });
};
function agreed(config: Partial<SessionConfig>, theirs: Partial<Open>) {
  const outcome = agree(config, theirs);
  if (!outcome.ok) throw new Error(outcome.error.message);
  return outcome.value;
}
function refused(config: Partial<SessionConfig>, theirs: Partial<Open>): string {
  const outcome = agree(config, theirs);
  return outcome.ok ? 'accepted' : `${outcome.error.code}/${outcome.error.subcode}`;
}
const withCapabilities = (...capabilities: Capability[]): Partial<Open> => ({
  capabilities: [...THEIR_OPEN.capabilities, ...capabilities],
});
const asn = (number: number): Partial<Open> => ({
  as2: number > 0xffff ? 23_456 : number,
  capabilities: [{ kind: 'as4', asn: number }],
});

describe('the hold time', () => {
  test.each([
    [90, 30, 30],
    [30, 90, 30],
    [90, 0, 0],
    [0, 90, 0],
  ])('RFC 4271 §4.2: of %d s and %d s the smaller one, %d s, counts', (ours, theirs, both) => {
    expect(agreed({ holdTime: seconds(ours) }, { holdTime: theirs }).holdTime).toBe(both * 1000);
  });

  test.each([
    [90, 30, 30],
    [90, 60, 30],
    [90, 10, 10],
    [9, 30, 3],
    [90, 0, 30],
    [0, 30, 0],
  ])(
    'RFC 4271 §4.4: with %d s of it and %d s configured a KEEPALIVE comes every %d s',
    (holdTime, keepaliveTime, every) => {
      const facts = agreed({ keepaliveTime: seconds(keepaliveTime) }, { holdTime });
      expect(facts.keepaliveTime).toBe(every * 1000);
    },
  );
});

describe('the AS number', () => {
  test('RFC 4271 §6.2: another one than configured is Bad Peer AS', () => {
    expect(refused({ peerAsn: 64513 }, {})).toBe('2/2');
    expect(refused({ peerAsn: 64512 }, {})).toBe('accepted');
  });
  test.each([
    ['internal', 64500, 'accepted'],
    ['internal', 64512, '2/2'],
    ['external', 64512, 'accepted'],
    ['external', 64500, '2/2'],
    ['external', 4_200_000_000, 'accepted'],
  ] as const)('a peer that is to be %s and says %d: %s', (peerAsn, said, outcome) => {
    expect(refused({ peerAsn }, asn(said))).toBe(outcome);
  });
  test('a local AS is the one that the peer sees, and by which it is internal or external', () => {
    const facts = agreed({ localAsn: 64512, peerAsn: 'internal' }, {});
    expect([facts.localAsn, facts.peerType]).toEqual([64512, 'internal']);
    expect(offer({ localAsn: 64777 }).as2).toBe(64777);
  });
  test('RFC 6793 §4.1: a number of four octets goes into the capability, AS_TRANS into the header', () => {
    const open = offer({ myAsn: 4_200_000_001 });
    expect([open.as2, capability(open, 'as4')]).toEqual([23_456, { kind: 'as4', asn: 4_200_000_001 }]);
  });
  test('RFC 6793 §4.1: the number in the capability is the one of the peer', () => {
    const facts = agreed({ peerAsn: 4_200_000_000 }, asn(4_200_000_000));
    expect([facts.peerAsn, facts.as4]).toEqual([4_200_000_000, true]);
  });
  test('RFC 6793 §4.2.2: without the capability AS_PATH has two octets', () => {
    expect(agreed({}, { capabilities: [] }).as4).toBe(false);
  });
  test('RFC 6793 §9: AS_TRANS is nobody', () => {
    expect(refused({ peerAsn: 'external' }, { as2: 23_456, capabilities: [] })).toBe('2/2');
  });
});

describe('the BGP identifier', () => {
  test('RFC 6286 §2.2: an internal peer with ours is refused', () => {
    expect(refused({ peerAsn: 64500 }, { ...asn(64500), routerId: 0x0a00_0001 })).toBe('2/3');
  });
  test('RFC 6286 §2.2: an external one may have it', () => {
    expect(refused({}, { routerId: 0x0a00_0001 })).toBe('accepted');
  });
});

describe('address families', () => {
  const family = (afi: number, safi = 1): Capability => ({ kind: 'multiprotocol', family: { afi, safi } });
  test.each([
    ['both', [family(1), family(2)], ['ipv4', 'ipv6']],
    ['in any order', [family(2), family(1)], ['ipv4', 'ipv6']],
    ['one', [family(2)], ['ipv6']],
    ['one among others', [family(1, 128), family(25, 70), family(2)], ['ipv6']],
    ['none, which means IPv4 unicast', [], ['ipv4']],
  ] as const)('RFC 4760 §8: the peer offers %s', (_what, capabilities, families) => {
    expect(agreed({}, { capabilities }).families).toEqual(families);
  });
  test('RFC 5492 §3: none in common is Unsupported Capability, with what we would need in the data', () => {
    const outcome = agree({ families: ['ipv6'] }, { capabilities: [] });
    expect(outcome).toMatchObject({ ok: false, error: { code: 2, subcode: 7, data: Uint8Array.of(1, 4, 0, 2, 0, 1) } });
  });
  test('RFC 8950 §4: IPv4 with IPv6 next hops only where both say so', () => {
    const both = { kind: 'extended-next-hop', families: [{ family: { afi: 1, safi: 1 }, nextHopAfi: 2 }] } as const;
    expect(capability(offer({ extendedNextHop: true }), 'extended-next-hop')).toEqual(both);
    expect(agreed({ extendedNextHop: true }, withCapabilities(both)).extendedNextHop).toBe(true);
    expect(agreed({ extendedNextHop: false }, withCapabilities(both)).extendedNextHop).toBe(false);
    expect(agreed({ extendedNextHop: true }, {}).extendedNextHop).toBe(false);
    const other = { ...both, families: [{ family: { afi: 1, safi: 128 }, nextHopAfi: 2 }] };
    expect(agreed({ extendedNextHop: true }, withCapabilities(other)).extendedNextHop).toBe(false);
  });
});

describe('capabilities', () => {
  test.each([
    ['RFC 2918 §2', 'route-refresh', 'routeRefresh'],
    ['RFC 7313 §3.1', 'enhanced-route-refresh', 'enhancedRouteRefresh'],
    ['RFC 8654 §3', 'extended-message', 'extendedMessage'],
  ] as const)('%s: %s is offered, and agreed upon when the peer has it', (_rfc, kind, fact) => {
    expect(capability(offer(), kind)).toEqual({ kind });
    expect(agreed({}, { capabilities: [{ kind }] })[fact]).toBe(true);
    expect(agreed({}, { capabilities: [] })[fact]).toBe(false);
  });
  test('RFC 5492 §3: for a peer that cannot stand them there are none, and nothing is agreed upon', () => {
    const plain = offer({}, { plain: true });
    expect(plain.capabilities).toEqual([]);
    const outcome = negotiate(CONFIG, plain, THEIR_OPEN);
    expect(outcome).toMatchObject({ ok: true, value: { families: ['ipv4'], as4: false, routeRefresh: false } });
  });
  test('RFC 5492 §3: what the peer has that we do not know is no reason to refuse it', () => {
    expect(refused({}, withCapabilities({ kind: 'unknown', code: 200, value: Uint8Array.of(1, 2) }))).toBe('accepted');
  });
});

describe('roles (RFC 9234)', () => {
  const role = (value: number): Capability => ({ kind: 'role', role: value });
  const NUMBERS = { provider: 0, 'rs-server': 1, 'rs-client': 2, customer: 3, peer: 4 } as const;
  const ALLOWED = ['provider customer', 'customer provider', 'rs-server rs-client', 'rs-client rs-server', 'peer peer'];
  const pairs = (Object.keys(NUMBERS) as BgpRole[]).flatMap((ours) =>
    (Object.keys(NUMBERS) as BgpRole[]).map((theirs) => [ours, theirs] as const),
  );
  test.each(pairs)('RFC 9234 §4.2: %s and %s', (ours, theirs) => {
    const outcome = refused({ role: ours }, withCapabilities(role(NUMBERS[theirs])));
    expect(outcome).toBe(ALLOWED.includes(`${ours} ${theirs}`) ? 'accepted' : '2/11');
  });
  test('RFC 9234 §4.1: our own role is offered', () => {
    expect(capability(offer({ role: 'rs-client' }), 'role')).toEqual(role(2));
    expect(capability(offer(), 'role')).toBeUndefined();
  });
  test('RFC 9234 §4.2: a peer without a role is accepted', () => {
    expect(refused({ role: 'customer' }, {})).toBe('accepted');
  });
  test('RFC 9234 §4.2: several that differ are a mismatch, the same one twice is not', () => {
    expect(refused({ role: 'customer' }, withCapabilities(role(0), role(3)))).toBe('2/11');
    expect(refused({ role: 'customer' }, withCapabilities(role(0), role(0)))).toBe('accepted');
  });
  test('RFC 9234 §4.2: a value that nobody knows is a mismatch', () => {
    expect(refused({ role: 'customer' }, withCapabilities(role(77)))).toBe('2/11');
  });
  test('RFC 9234 §4: without a role of our own, and with internal peers, it does not matter', () => {
    expect(refused({}, withCapabilities(role(4)))).toBe('accepted');
    const internal = { ...asn(64500), capabilities: [role(4)], as2: 64500 };
    expect(refused({ role: 'customer', peerAsn: 64500 }, internal)).toBe('accepted');
  });
});

describe('graceful restart', () => {
  const theirs = (notification: boolean, families: readonly number[] = []): Capability => ({
    kind: 'graceful-restart',
    restarting: false,
    notification,
    restartTime: 120,
    families: families.map((afi) => ({ family: { afi, safi: 1 }, forwarding: true })),
  });
  test('RFC 4724 §3: not offered where it is off, and then never agreed upon', () => {
    expect(capability(offer({ gracefulRestart: undefined }), 'graceful-restart')).toBeUndefined();
    expect(agreed({ gracefulRestart: undefined }, withCapabilities(theirs(true))).gracefulRestart).toBeUndefined();
  });
  test('RFC 4724 §4.1: R and F bits say what the driver says', () => {
    const bits = (restarting: boolean, forwarding: boolean) => {
      const said = capability(offer({}, { restarting, forwarding }), 'graceful-restart');
      return [said?.restarting, ...(said?.families ?? []).map((each) => each.forwarding)];
    };
    expect(bits(false, false)).toEqual([false, false, false]);
    expect(bits(true, true)).toEqual([true, true, true]);
    expect(bits(true, false)).toEqual([true, false, false]);
  });
  test('RFC 4724 §3: the restart time has twelve bits', () => {
    const restartTime = (time: number) =>
      capability(offer({ gracefulRestart: { restartTime: seconds(time) } }), 'graceful-restart')?.restartTime;
    expect([restartTime(120), restartTime(4095), restartTime(9999)]).toEqual([120, 4095, 4095]);
  });
  test('RFC 4724 §3: of several the last one counts', () => {
    const facts = agreed({}, withCapabilities(theirs(false), theirs(true)));
    expect(facts.gracefulRestart?.notification).toBe(true);
  });
  test('RFC 4724 §3: a peer that names no family helps all the same', () => {
    expect(agreed({}, withCapabilities(theirs(true))).gracefulRestart).toEqual({
      restarting: false,
      notification: true,
      restartTime: 120_000,
      families: [],
    });
  });
  test('RFC 8538 §2: the N bit is set, and what the peer says of it is known', () => {
    expect(capability(offer(), 'graceful-restart')?.notification).toBe(true);
    expect(agreed({}, withCapabilities(theirs(false, [1, 2]))).gracefulRestart).toMatchObject({
      notification: false,
      families: [
        { family: 'ipv4', forwarding: true },
        { family: 'ipv6', forwarding: true },
      ],
    });
  });
});
