import { writeFileSync } from 'node:fs';
import { environmentError } from '../base/errors.ts';
import type { Lab } from './lab.ts';
import { answering, LoggedProgram } from './logged-program.ts';
import {
  type Router,
  type RouterConfig,
  type RouterNeighbour,
  type RouterRoute,
  type RouterSession,
  routerFolder,
} from './router.ts';

/** GoBGP. */
export async function startGobgp(lab: Lab, host: string, first: RouterConfig): Promise<Router> {
  const folder = routerFolder('gobgp', lab, host);
  const program = new LoggedProgram(lab, host, `${folder}/log`);
  let config = first;
  let returned = false;
  const ask = (...words: readonly string[]): Promise<string> => lab.run(host, ['gobgp', ...words]);
  const start = async (next = config): Promise<void> => {
    config = next;
    writeFileSync(`${folder}/gobgpd.toml`, gobgpConfig(config));
    // Only one that restarts gracefully says that it was there before, and waits for the End-of-RIB of its neighbours.
    const restarts = returned && config.neighbours.some(({ gracefulRestart }) => typeof gracefulRestart === 'number');
    program.start([
      'gobgpd',
      ...['-f', `${folder}/gobgpd.toml`, '--api-hosts', '127.0.0.1:50051', ...(restarts ? ['-r'] : [])],
    ]);
    returned = true;
    await answering('GoBGP', [program], async () => {
      // A neighbour that is still idle accepts a connection and closes it at once.
      const idle = sessionsOf(await ask('neighbor', '-j'), config).find(({ state }) => state === 'idle');
      if (idle !== undefined) throw environmentError(`${idle.remote} is still idle`);
    });
    for (const network of config.networks ?? [])
      await ask('global', 'rib', 'add', network, '-a', network.includes(':') ? 'ipv6' : 'ipv4');
  };
  await start();
  return {
    kind: 'gobgp',
    get config() {
      return config;
    },
    ask,
    start,
    sessions: async () => sessionsOf(await ask('neighbor', '-j'), config),
    routes: async (family) => routesOf(await ask('global', 'rib', '-a', family, '-j')),
    count: async (family) =>
      Number(/Destination: (\d+)/.exec(await ask('global', 'rib', 'summary', '-a', family))?.[1] ?? 0),
    log: () => program.log(),
    pause: () => program.signal('SIGSTOP'),
    resume: () => program.signal('SIGCONT'),
    kill: () => program.kill(),
    stop: () => program.stop(),
  };
}

function gobgpConfig(config: RouterConfig): string {
  return [
    '[global.config]',
    `as = ${config.asn}`,
    `router-id = "${config.routerId}"`,
    ...(config.port === undefined ? [] : [`port = ${config.port}`]),
    ...config.neighbours.flatMap(neighbourLines),
    '',
  ].join('\n');
}

function neighbourLines(neighbour: RouterNeighbour): string[] {
  const { gracefulRestart = 'helper', families = ['ipv4'] } = neighbour;
  const graceful = gracefulRestart !== 'off';
  return [
    '[[neighbors]]',
    '[neighbors.config]',
    `neighbor-address = "${neighbour.address}"`,
    `peer-as = ${neighbour.asn}`,
    ...(neighbour.localAsn === undefined ? [] : [`local-as = ${neighbour.localAsn}`]),
    ...(neighbour.password === undefined ? [] : [`auth-password = "${neighbour.password}"`]),
    '[neighbors.transport.config]',
    `passive-mode = ${neighbour.passive === true}`,
    ...(neighbour.port === undefined ? [] : [`remote-port = ${neighbour.port}`]),
    ...(neighbour.source === undefined ? [] : [`local-address = "${neighbour.source}"`]),
    '[neighbors.timers.config]',
    'connect-retry = 2',
    'idle-hold-time-after-reset = 1',
    ...(neighbour.holdTime === undefined ? [] : [`hold-time = ${neighbour.holdTime}`]),
    ...(neighbour.keepaliveTime === undefined ? [] : [`keepalive-interval = ${neighbour.keepaliveTime}`]),
    ...(neighbour.multihop === undefined
      ? []
      : ['[neighbors.ebgp-multihop.config]', 'enabled = true', `multihop-ttl = ${neighbour.multihop}`]),
    ...(neighbour.ttlSecurity === undefined
      ? []
      : ['[neighbors.ttl-security.config]', 'enabled = true', `ttl-min = ${256 - neighbour.ttlSecurity}`]),
    ...(graceful
      ? [
          '[neighbors.graceful-restart.config]',
          'enabled = true',
          `restart-time = ${typeof gracefulRestart === 'number' ? gracefulRestart : 60}`,
          `helper-only = ${gracefulRestart === 'helper'}`,
          'notification-enabled = true',
        ]
      : []),
    ...(neighbour.extra ?? []),
    ...families.flatMap((family) => [
      '[[neighbors.afi-safis]]',
      '[neighbors.afi-safis.config]',
      `afi-safi-name = "${family}-unicast"`,
      ...(graceful ? ['[neighbors.afi-safis.mp-graceful-restart.config]', 'enabled = true'] : []),
      ...(neighbour.maximumPrefixes === undefined
        ? []
        : ['[neighbors.afi-safis.prefix-limit.config]', `max-prefixes = ${neighbour.maximumPrefixes}`]),
    ]),
  ];
}

/** As numbers of GoBGP's API (api.PeerState_SessionState). */
const STATES = ['unknown', 'idle', 'connect', 'active', 'opensent', 'openconfirm', 'established'];

interface GobgpNeighbour {
  readonly state: { readonly neighbor_address?: string; readonly session_state?: number | string };
  readonly conf?: { readonly neighbor_address?: string };
}

function sessionsOf(text: string, config: RouterConfig): RouterSession[] {
  const all = JSON.parse(text) as readonly GobgpNeighbour[];
  return config.neighbours.map((neighbour) => {
    const found = all.find(
      ({ state, conf }) => (conf?.neighbor_address ?? state.neighbor_address) === neighbour.address,
    );
    const said = found?.state.session_state ?? 0;
    const state = typeof said === 'number' ? (STATES[said] ?? 'unknown') : said.toLowerCase();
    return {
      remote: neighbour.address,
      state,
      established: state === 'established',
      lastError: undefined,
      detail: JSON.stringify(found, undefined, 1),
    };
  });
}

interface GobgpAttribute {
  readonly type: number;
  readonly nexthop?: string;
  readonly value?: unknown;
  readonly as_paths?: readonly { readonly asns: readonly number[] }[];
  readonly communities?: readonly number[];
  readonly metric?: number;
}

interface GobgpPath {
  readonly nlri: { readonly prefix: string };
  readonly attrs: readonly GobgpAttribute[];
  readonly stale?: boolean;
  readonly 'neighbor-ip'?: string;
}

/** Types of path attributes (IANA). */
const TYPE = {
  asPath: 2,
  nextHop: 3,
  med: 4,
  localPref: 5,
  communities: 8,
  reach: 14,
  extended: 16,
  large: 32,
} as const;

function routesOf(text: string): RouterRoute[] {
  const table = JSON.parse(text) as Readonly<Record<string, readonly GobgpPath[]>>;
  return Object.values(table).flatMap((paths) => paths.map(routeOf));
}

function routeOf({ nlri, attrs, stale, 'neighbor-ip': from }: GobgpPath): RouterRoute {
  const find = (type: number): GobgpAttribute | undefined => attrs.find((attribute) => attribute.type === type);
  const hop = find(TYPE.nextHop)?.nexthop ?? find(TYPE.reach)?.nexthop;
  const large = (find(TYPE.large)?.value ?? []) as readonly Readonly<Record<string, number>>[];
  const extended = (find(TYPE.extended)?.value ?? []) as readonly object[];
  return {
    prefix: nlri.prefix,
    from: from === '<nil>' ? undefined : from,
    nextHops: hop === undefined ? [] : [hop],
    asPath: (find(TYPE.asPath)?.as_paths ?? []).flatMap(({ asns }) => asns),
    localPref: find(TYPE.localPref)?.value as number | undefined,
    med: find(TYPE.med)?.metric,
    communities: (find(TYPE.communities)?.communities ?? []).map((value) => `${value >>> 16}:${value & 0xffff}`).sort(),
    largeCommunities: large.map((one) => Object.values(one).join(':')).sort(),
    extendedCommunities: extended.map((one) => JSON.stringify(one)).sort(),
    stale: stale === true,
  };
}
