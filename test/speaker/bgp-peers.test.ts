import { describe, expect, test } from 'vitest';
import { ms, seconds } from '../../src/base/clock.ts';
import { formatIpAddress, parseIpAddress } from '../../src/base/ip-address.ts';
import type { ClusterObject } from '../../src/cluster/ports.ts';
import { judgeConfig } from '../../src/config/judge.ts';
import { type ClusterNode, impliedNode } from '../../src/inventory/node.ts';
import { secretValue } from '../../src/inventory/secret.ts';
import { type OwnPeers, ownPeers } from '../../src/speaker/bgp-peers.ts';

const address = (text: string) => {
  const parsed = parseIpAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};
const NODE: ClusterNode = {
  ...impliedNode('node-a'),
  labels: { rack: 'r1' },
  addresses: [address('2001:db8::11'), address('192.0.2.11')],
};
const secret = (name: string, body: object, namespace = 'clarion-system'): ClusterObject => ({
  kind: 'Secret',
  namespace,
  name,
  body: { ...body },
  origin: { file: 'secrets.yaml', line: 1, text: undefined },
});
const base64 = (text: string): string => Buffer.from(text).toString('base64');

function peersOf(yaml: string, node = NODE, secrets: readonly ClusterObject[] = []): OwnPeers {
  const { config, problems } = judgeConfig({ file: 'config.yaml', text: yaml });
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return ownPeers(config, node, secrets);
}
const onePeer = (fields: string, more = '', secrets: readonly ClusterObject[] = []): OwnPeers['peers'][number] => {
  const own = peersOf(`peers:\n- {name: tor, myASN: 64512, peerASN: 64500, ${fields}}\n${more}`, NODE, secrets);
  expect(own.refused).toEqual([]);
  return own.peers[0]!;
};

describe('a peer of the configuration, resolved for this node', () => {
  test('what is not given has the defaults', () => {
    const { session, transport, bfd } = onePeer('peerAddress: 192.0.2.1');
    expect(session).toMatchObject({
      name: 'tor',
      myAsn: 64512,
      localAsn: undefined,
      peerAsn: 64500,
      families: ['ipv4', 'ipv6'],
      holdTime: seconds(90),
      connectTime: seconds(10),
      passive: false,
      gracefulRestart: undefined,
      extendedNextHop: false,
      hostName: 'node-a',
    });
    expect(transport).toMatchObject({ port: 179, source: undefined, device: undefined, passwords: [] });
    expect(bfd).toBeUndefined();
  });

  test.each([
    ['an external neighbour on the link', 'peerAddress: 192.0.2.1', { kind: 'direct' }],
    ['an external one further away', 'peerAddress: 192.0.2.1, ebgpMultiHop: true', { kind: 'multihop', ttl: 255 }],
    ['GTSM', 'peerAddress: 192.0.2.1, ttlSecurity: true', { kind: 'gtsm', hops: 1 }],
  ])('%s', (_title, fields, reach) => {
    expect(onePeer(fields).transport.reach).toEqual(reach);
  });

  test.each(['peerASN: 64512', 'dynamicASN: internal'])('an internal peer may be many hops away: %s', (asn) => {
    const own = peersOf(`peers: [{name: rr, myASN: 64512, ${asn}, peerAddress: 192.0.2.1}]`);
    expect(own.peers[0]?.transport.reach).toEqual({ kind: 'multihop', ttl: 255 });
  });

  test('router id: the one given, the node’s IPv4 address, else a number of its own that stays', () => {
    const idOf = (fields: string, node = NODE): string => {
      const own = peersOf(`peers: [{name: tor, myASN: 1, peerASN: 2, peerAddress: 192.0.2.1${fields}}]`, node);
      return formatIpAddress(own.peers[0]!.session.routerId);
    };
    expect(idOf(', routerID: 10.0.0.1')).toBe('10.0.0.1');
    expect(idOf('')).toBe('192.0.2.11');
    const only6 = { ...NODE, addresses: [address('2001:db8::11')] };
    expect(idOf('', only6)).toBe(idOf('', only6));
    expect(idOf('', only6)).not.toBe(idOf('', { ...only6, name: 'node-b' }));
  });

  test('only peers whose nodeSelectors select this node', () => {
    const own = peersOf(`peers:
- {name: r1, myASN: 1, peerASN: 2, peerAddress: 192.0.2.1, nodeSelectors: [{matchLabels: {rack: r1}}]}
- {name: r2, myASN: 1, peerASN: 2, peerAddress: 192.0.2.2, nodeSelectors: [{matchLabels: {rack: r2}}]}
`);
    expect(own.peers.map(({ session }) => session.name)).toEqual(['r1']);
  });

  test('unnumbered, and IPv6 transport: IPv4 routes with IPv6 next hops are offered', () => {
    expect(onePeer('interface: eth0').session.extendedNextHop).toBe(true);
    expect(onePeer('interface: eth0').transport.remote).toEqual({ kind: 'interface', interface: 'eth0' });
    expect(onePeer('peerAddress: "2001:db8::1"').session.extendedNextHop).toBe(true);
  });

  test('graceful restart with the time of bgp.restartTime', () => {
    const { session } = onePeer('peerAddress: 192.0.2.1, enableGracefulRestart: true', 'bgp: {restartTime: 30s}');
    expect(session.gracefulRestart).toEqual({ restartTime: ms(30_000) });
  });
});

describe('passwords', () => {
  const WITH_SECRET = 'peerAddress: 192.0.2.1, passwordSecret: {name: tor}';

  test('plain ones, and two while they are changed', () => {
    expect(onePeer('peerAddress: 192.0.2.1, password: one').transport.passwords).toEqual(['one']);
    expect(onePeer('peerAddress: 192.0.2.1, passwords: [one, two]').transport.passwords).toEqual(['one', 'two']);
  });

  test('from a Secret, as MetalLB has it (kubernetes.io/basic-auth)', () => {
    const data = { type: 'kubernetes.io/basic-auth', data: { password: base64('s3cret') } };
    expect(onePeer(WITH_SECRET, '', [secret('tor', data)]).transport.passwords).toEqual(['s3cret']);
  });

  test.each([
    ['is not there', [], 'Secret tor is not there'],
    ['lacks the key', [secret('tor', { data: { user: 'eA==' } })], 'Secret tor has no key "password"'],
    ['is no base64', [secret('tor', { data: { password: '%%%' } })], 'Secret tor: password is not base64'],
    ['is empty', [secret('tor', { stringData: { password: '' } })], 'Secret tor: password is empty'],
  ])('a Secret that %s refuses that peer alone, in words without the secret', (_title, secrets, why) => {
    const own = peersOf(
      `peers:\n- {name: other, myASN: 1, peerASN: 2, peerAddress: 192.0.2.2}\n- {name: tor, myASN: 1, peerASN: 2, ${WITH_SECRET}}\n`,
      NODE,
      secrets,
    );
    expect(own.peers.map(({ session }) => session.name)).toEqual(['other']);
    expect(own.refused).toEqual([
      { name: 'tor', remote: '192.0.2.1', localAsn: 1, why: `the password cannot be read: ${why}` },
    ]);
  });

  test('a namespace narrows; without one the first namespace in order counts', () => {
    const secrets = [
      secret('tor', { stringData: { password: 'z' } }, 'z'),
      secret('tor', { stringData: { password: 'a' } }, 'a'),
    ];
    expect(secretValue(secrets, { namespace: 'z', name: 'tor' }, 'password')).toMatchObject({ value: 'z' });
    expect(secretValue(secrets, { namespace: undefined, name: 'tor' }, 'password')).toMatchObject({ value: 'a' });
  });
});

describe('BFD profiles', () => {
  const profile = (more: string): string => `bfdProfiles: [{name: quick, receiveInterval: 50${more}}]`;

  test('the peer gets its profile; a key from a Secret is read', () => {
    const fields = 'peerAddress: 192.0.2.1, bfdProfile: quick';
    expect(onePeer(fields, profile('')).bfd).toMatchObject({ name: 'quick', receiveInterval: 50 });
    const auth = ', authentication: {type: keyed-sha1, keyId: 1, keySecret: {name: bfd}}';
    const secrets = [secret('bfd', { stringData: { password: 'k' } })];
    expect(onePeer(fields, profile(auth), secrets).bfd?.authentication).toMatchObject({ keyId: 1, key: 'k' });
    const without = peersOf(`peers: [{name: tor, myASN: 1, peerASN: 2, ${fields}}]\n${profile(auth)}\n`);
    expect(without.refused[0]?.why).toBe('the key of BFD profile "quick" cannot be read: Secret bfd is not there');
  });
});
