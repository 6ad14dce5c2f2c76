import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { IpFamily } from '../base/ip-address.ts';
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

/** Bring up the daemons in this order: bgpd looks for the other two. */
const DAEMONS = ['zebra', 'bfdd', 'bgpd'] as const;

/**
 * FRR. It insists on the user frr, who does not exist in a private tree (there only root does): what it reads as passwd and
 * group is a copy in which frr is another name of root, mounted for its processes alone.
 */
export async function startFrr(lab: Lab, host: string, first: RouterConfig): Promise<Router> {
  const instance = lab.namespace(host);
  const folder = routerFolder('frr', lab, host);
  const programs = DAEMONS.map((daemon) => new LoggedProgram(lab, host, `${folder}/${daemon}.log`));
  let config = first;
  mkdirSync('/run/frr/etc', { recursive: true });
  writeFileSync(
    '/run/frr/etc/passwd',
    readFileSync('/etc/passwd', 'utf8').replace(/^frr:.*$/m, 'frr:x:0:0::/:/bin/false'),
  );
  writeFileSync(
    '/run/frr/etc/group',
    readFileSync('/etc/group', 'utf8')
      .replace(/^frr:.*$/m, 'frr:x:0:')
      .replace(/^frrvty:.*$/m, 'frrvty:x:0:'),
  );
  const ask = (...words: readonly string[]): Promise<string> =>
    lab.run(host, ['vtysh', '-N', instance, '-d', 'bgpd', '-c', words.join(' ')]);
  const start = async (next = config): Promise<void> => {
    config = next;
    writeFileSync(`${folder}/frr.conf`, frrConfig(config));
    const needed = config.neighbours.some(({ bfd }) => bfd !== undefined) ? DAEMONS : (['zebra', 'bgpd'] as const);
    for (const daemon of needed) {
      const program = programs[DAEMONS.indexOf(daemon)]!;
      const port = daemon === 'bgpd' && config.port !== undefined ? ['-p', String(config.port)] : [];
      program.start([
        'sh',
        '-c',
        'mount --bind /run/frr/etc/passwd /etc/passwd && mount --bind /run/frr/etc/group /etc/group && exec "$@"',
        'sh',
        `/usr/lib/frr/${daemon}`,
        ...['-N', instance, '-f', `${folder}/frr.conf`, '-P', '0', '--log', 'stdout', ...port],
      ]);
      await answering(`FRR ${daemon}`, [program], () =>
        lab.run(host, ['vtysh', '-N', instance, '-d', daemon, '-c', 'show version']),
      );
    }
  };
  const all = (act: (program: LoggedProgram) => Promise<void>): Promise<void> =>
    Promise.all(programs.map(act)).then(() => {});
  const bgpd = programs[DAEMONS.indexOf('bgpd')]!;
  await start();
  return {
    kind: 'frr',
    get config() {
      return config;
    },
    ask,
    start,
    sessions: async () => sessionsOf(await ask('show bgp neighbors json'), config),
    routes: async (family) => routesOf(await ask(`show bgp ${family} unicast json detail`)),
    count: async (family) => {
      const text = await ask(`show bgp ${family} unicast statistics json`);
      return Number(/"totalPrefixes":\s*(\d+)/.exec(text)?.[1] ?? 0);
    },
    log: () => programs.map((program) => program.log()).join('\n'),
    pause: () => bgpd.signal('SIGSTOP'),
    resume: () => bgpd.signal('SIGCONT'),
    kill: () => all((program) => program.kill()),
    stop: () => all((program) => program.stop()),
  };
}

function frrConfig(config: RouterConfig): string {
  const { asn, routerId, neighbours, networks = [] } = config;
  const of = (family: IpFamily): readonly RouterNeighbour[] =>
    neighbours.filter(({ families = ['ipv4'] }) => families.includes(family));
  const block = (family: IpFamily): string[] => [
    ` address-family ${family} unicast`,
    ...networks
      .filter((network) => network.includes(':') === (family === 'ipv6'))
      .map((network) => `  network ${network}`),
    ...of(family).flatMap((neighbour) => [
      `  neighbor ${nameOf(neighbour)} activate`,
      ...(neighbour.maximumPrefixes === undefined
        ? []
        : [`  neighbor ${nameOf(neighbour)} maximum-prefix ${neighbour.maximumPrefixes}`]),
    ]),
    ' exit-address-family',
  ];
  return [
    'hostname router',
    'log stdout',
    'debug bgp neighbor-events',
    ...neighbours.flatMap(bfdProfile),
    `router bgp ${asn}`,
    ` bgp router-id ${routerId}`,
    ' no bgp ebgp-requires-policy',
    ' no bgp default ipv4-unicast',
    ' no bgp network import-check',
    ' bgp graceful-restart notification',
    ...neighbours.flatMap(({ gracefulRestart }) =>
      typeof gracefulRestart === 'number' ? [` bgp graceful-restart restart-time ${gracefulRestart}`] : [],
    ),
    ...(config.forward === true ? [' bgp bestpath as-path multipath-relax'] : []),
    ...neighbours.flatMap((neighbour, index) => neighbourLines(neighbour, index).map((line) => ` ${line}`)),
    ...block('ipv4'),
    ...block('ipv6'),
    'exit',
    '',
  ].join('\n');
}

const nameOf = ({ address, interface: link }: RouterNeighbour): string => link ?? address;

/** Without `exit`: to the daemons that do not know `bfd` it would be the end of the whole configuration. */
function bfdProfile({ bfd }: RouterNeighbour, index: number): string[] {
  if (bfd === undefined) return [];
  return [
    'bfd',
    ` profile p${index}`,
    `  receive-interval ${bfd.interval}`,
    `  transmit-interval ${bfd.interval}`,
    `  detect-multiplier ${bfd.multiplier}`,
  ];
}

function neighbourLines(neighbour: RouterNeighbour, index: number): string[] {
  const name = nameOf(neighbour);
  const { gracefulRestart = 'helper' } = neighbour;
  const lines = [
    neighbour.interface === undefined ? `remote-as ${neighbour.asn}` : `interface remote-as ${neighbour.asn}`,
    'timers connect 2',
    'advertisement-interval 0',
    ...(neighbour.localAsn === undefined ? [] : [`local-as ${neighbour.localAsn} no-prepend replace-as`]),
    ...(neighbour.port === undefined ? [] : [`port ${neighbour.port}`]),
    ...(neighbour.password === undefined ? [] : [`password ${neighbour.password}`]),
    ...(neighbour.passive === true ? ['passive'] : []),
    ...(neighbour.source === undefined ? [] : [`update-source ${neighbour.source}`]),
    ...(neighbour.multihop === undefined ? [] : [`ebgp-multihop ${neighbour.multihop}`]),
    ...(neighbour.ttlSecurity === undefined ? [] : [`ttl-security hops ${neighbour.ttlSecurity}`]),
    ...(neighbour.holdTime === undefined
      ? []
      : [`timers ${neighbour.keepaliveTime ?? Math.floor(neighbour.holdTime / 3)} ${neighbour.holdTime}`]),
    ...(neighbour.extendedNextHop === true ? ['capability extended-nexthop'] : []),
    ...(neighbour.bfd === undefined ? [] : ['bfd', `bfd profile p${index}`]),
    ...(neighbour.bfd?.graceful === true ? ['bfd check-control-plane-failure'] : []),
    ...(neighbour.extra ?? []),
    gracefulRestart === 'off'
      ? 'graceful-restart-disable'
      : gracefulRestart === 'helper'
        ? 'graceful-restart-helper'
        : 'graceful-restart',
  ];
  return lines.map((line) => `neighbor ${name} ${line}`);
}

interface FrrNeighbour {
  readonly bgpState?: string;
  readonly lastResetDueTo?: string;
  readonly lastNotificationReason?: string;
}

function sessionsOf(text: string, config: RouterConfig): RouterSession[] {
  const all = JSON.parse(text) as Readonly<Record<string, FrrNeighbour>>;
  return config.neighbours.map((neighbour) => {
    const found = all[nameOf(neighbour)];
    const state = (found?.bgpState ?? 'unknown').toLowerCase();
    return {
      remote: nameOf(neighbour),
      state,
      established: state === 'established',
      lastError: found?.lastNotificationReason ?? found?.lastResetDueTo,
      detail: JSON.stringify(found, undefined, 1),
    };
  });
}

/** The first entry of a prefix is about the prefix itself and has none of these. */
interface FrrPath {
  readonly aspath?: { readonly segments?: readonly { readonly list: readonly number[] }[] };
  readonly locPrf?: number;
  readonly metric?: number;
  readonly community?: { readonly string: string };
  readonly largeCommunity?: { readonly string: string };
  readonly extendedCommunity?: { readonly string: string };
  readonly stale?: boolean;
  readonly peer?: { readonly peerId: string };
  readonly nexthops?: readonly { readonly ip: string }[];
}

const words = (text: string | undefined): string[] => (text ?? '').split(' ').filter(Boolean).sort();

function routesOf(text: string): RouterRoute[] {
  const { routes } = JSON.parse(text) as { readonly routes?: Readonly<Record<string, readonly FrrPath[]>> };
  return Object.entries(routes ?? {}).flatMap(([prefix, paths]) =>
    paths
      .filter(({ aspath }) => aspath !== undefined)
      .map((path) => ({
        prefix,
        from: ['0.0.0.0', '::'].includes(path.peer?.peerId ?? '::') ? undefined : path.peer?.peerId,
        nextHops: (path.nexthops ?? []).map(({ ip }) => ip),
        asPath: (path.aspath?.segments ?? []).flatMap(({ list }) => list),
        localPref: path.locPrf,
        med: path.metric,
        communities: words(path.community?.string)
          .map((community) => NAMES[community] ?? community)
          .sort(),
        largeCommunities: words(path.largeCommunity?.string),
        // "LB:64512:3 (24 bps)" is one.
        extendedCommunities: path.extendedCommunity?.string.match(/\S+(?: \([^)]*\))?/g)?.toSorted() ?? [],
        stale: path.stale === true,
      })),
  );
}

/** FRR writes names for some; the others write numbers. */
const NAMES: Readonly<Record<string, string>> = {
  'graceful-shutdown': '65535:0',
  'no-export': '65535:65281',
  'no-advertise': '65535:65282',
};
