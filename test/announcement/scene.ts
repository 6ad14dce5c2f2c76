import { type AnnouncementInput, judgeAnnouncements } from '../../src/announcement/judge.ts';
import type { AddressVerdict, NodeVerdict } from '../../src/announcement/verdict.ts';
import { ms } from '../../src/base/clock.ts';
import { formatIpAddress } from '../../src/base/ip-address.ts';
import type { LabelSelector, Labels } from '../../src/base/label-selector.ts';
import { formatPrefix } from '../../src/base/prefix.ts';
import type { BgpAdvertisement, Community, Config, L2Advertisement, Peer } from '../../src/config/config.ts';
import type { Endpoint } from '../../src/inventory/endpoint.ts';
import type { ClusterNode } from '../../src/inventory/node.ts';
import type { ServiceKey, ServiceRequest } from '../../src/inventory/service-request.ts';
import { address, pool, serviceRequest } from '../support/values.ts';

export { pool } from '../support/values.ts';

/** Values for the tests of announcement, every field filled in so that a test names only what it is about. */
export const labelled = (matchLabels: Labels): LabelSelector => ({ matchLabels, matchExpressions: [] });
export const everything = labelled({});

const advertisement = {
  ipAddressPools: [],
  ipAddressPoolSelectors: [],
  nodeSelectors: [],
  serviceSelectors: [],
} as const;
export const l2 = (more: Partial<L2Advertisement> = {}): L2Advertisement => ({
  name: 'l2',
  ...advertisement,
  interfaces: [],
  preferredNodeSelectors: [],
  ...more,
});
export const bgp = (more: Partial<BgpAdvertisement> = {}): BgpAdvertisement => ({
  name: 'bgp',
  ...advertisement,
  aggregationLength: 32,
  aggregationLengthV6: 128,
  localPref: undefined,
  communities: [],
  peers: [],
  ...more,
});
export const community = (high: number, low: number): Community => ({ kind: 'standard', value: high * 65_536 + low });

export const peer = (name: string, more: Partial<Peer> = {}): Peer => ({
  name,
  myASN: 64_512,
  peerASN: 64_513,
  localASN: undefined,
  remote: { kind: 'address', address: address('192.0.2.1') },
  peerPort: 179,
  sourceAddress: undefined,
  routerID: undefined,
  holdTime: ms(90_000),
  keepaliveTime: ms(30_000),
  connectTime: undefined,
  passwords: [],
  passwordSecret: undefined,
  ebgpMultiHop: false,
  ttlSecurity: false,
  bfdProfile: undefined,
  enableGracefulRestart: false,
  vrf: undefined,
  nodeSelectors: [],
  passive: false,
  role: undefined,
  ...more,
});

export const config = (more: Partial<Config> = {}): Config => ({
  pools: [pool('public', ['203.0.113.0/24', '2001:db8:1::/64'])],
  l2Advertisements: [],
  bgpAdvertisements: [],
  peers: [],
  bfdProfiles: [],
  layer2: {
    gratuitous: { rounds: 5, interval: ms(1000), refresh: ms(60_000), ratePerSecond: 1000 },
    conflictProbe: { count: 2, wait: ms(30) },
  },
  membership: { profile: 'default', port: 7946, settleTime: ms(1000) },
  election: { rebalancePerMinute: undefined },
  bgp: { restartTime: ms(120_000), drainWait: ms(5000), weightedEcmp: false },
  ...more,
});

export const node = (name: string, more: Partial<ClusterNode> = {}): ClusterNode => ({
  name,
  labels: { 'kubernetes.io/hostname': name },
  addresses: [],
  networkUnavailable: false,
  excluded: false,
  draining: false,
  leaving: false,
  ...more,
});

export const service = (
  name: string,
  assigned: readonly string[],
  more: Partial<ServiceRequest> = {},
): ServiceRequest => serviceRequest('shop', name, { createdAt: undefined, assigned: assigned.map(address), ...more });

export const ready = (where: string | undefined): Endpoint => ({
  node: where,
  ready: true,
  serving: true,
  terminating: false,
});
export const terminating = (where: string | undefined): Endpoint => ({
  node: where,
  ready: false,
  serving: true,
  terminating: true,
});
export const dead = (where: string | undefined): Endpoint => ({
  node: where,
  ready: false,
  serving: false,
  terminating: false,
});

export interface Scene {
  readonly config: Config;
  readonly services: readonly ServiceRequest[];
  /** By name of the Service; a Service that is not named has one ready endpoint on node-a. */
  readonly endpoints?: Readonly<Record<string, readonly Endpoint[]>>;
  readonly nodes: readonly ClusterNode[];
  readonly ignoreExcludeLb?: boolean;
  readonly loadBalancerClass?: string;
}

export const inputOf = (scene: Scene): AnnouncementInput => ({
  config: scene.config,
  services: new Map(scene.services.map((one) => [one.key, one])),
  endpoints: new Map<ServiceKey, readonly Endpoint[]>(
    scene.services.map((one) => [one.key, scene.endpoints?.[one.name] ?? [ready('node-a')]]),
  ),
  nodes: new Map(scene.nodes.map((one) => [one.name, one])),
  ignoreExcludeLb: scene.ignoreExcludeLb ?? false,
  loadBalancerClass: scene.loadBalancerClass,
});

export const judge = (scene: Scene): readonly AddressVerdict[] => judgeAnnouncements(inputOf(scene));

/** The verdict about one address, as short text: what a reader of a table wants to see. */
export function summary(verdicts: readonly AddressVerdict[], address: string): Record<string, string> {
  const verdict = verdicts.find((one) => formatIpAddress(one.address) === address);
  if (verdict === undefined) return { none: 'no verdict' };
  const barred = verdict.barred === undefined ? {} : { barred: verdict.barred };
  return { ...barred, ...Object.fromEntries(verdict.nodes.map((one) => [one.node, nodeSummary(one)])) };
}

function nodeSummary({ layer2, bgp: routes }: NodeVerdict): string {
  const parts: string[] = [];
  if (layer2.kind === 'may-not') parts.push(`l2 ${layer2.reason}`);
  if (layer2.kind === 'may') {
    const { preference, leaving, ready: isReady } = layer2.candidate;
    const notes = [preference > 0 ? `+${preference}` : '', leaving ? 'leaving' : '', isReady ? '' : 'unready'];
    parts.push(['l2', ...layer2.interfaces, ...notes.filter((note) => note !== '')].join(' '));
  }
  if (routes.kind === 'may-not') parts.push(`bgp ${routes.reason}`);
  if (routes.kind === 'may')
    for (const { prefix, peers, localPref, communities } of routes.routes) {
      const said = communities.map((one) =>
        one.kind === 'standard' ? `${one.value >>> 16}:${one.value & 65_535}` : 'large',
      );
      parts.push(
        [
          'bgp',
          formatPrefix(prefix),
          `to ${peers.join(' ')}`,
          localPref === undefined ? '' : `pref ${localPref}`,
          ...said,
        ]
          .filter((part) => part !== '')
          .join(' '),
      );
    }
  return parts.length === 0 ? 'absent' : parts.join('; ');
}
