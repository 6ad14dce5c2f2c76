import { writeFileSync } from 'node:fs';
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

/** BIRD 2. */
export async function startBird(lab: Lab, host: string, first: RouterConfig): Promise<Router> {
  const folder = routerFolder('bird', lab, host);
  const program = new LoggedProgram(lab, host, `${folder}/log`);
  let config = first;
  const ask = (...words: readonly string[]): Promise<string> =>
    lab.run(host, ['birdc', '-s', `${folder}/ctl`, ...words]);
  const start = async (next = config): Promise<void> => {
    config = next;
    writeFileSync(`${folder}/bird.conf`, birdConfig(config));
    // -R: after a crash or a stop, its own side of graceful restart.
    program.start(['bird', '-f', '-R', '-c', `${folder}/bird.conf`, '-s', `${folder}/ctl`, '-P', `${folder}/pid`]);
    await answering('BIRD', [program], () => ask('show', 'status'));
  };
  await start();
  return {
    kind: 'bird',
    get config() {
      return config;
    },
    ask,
    start,
    sessions: async () => sessionsOf(await ask('show', 'protocols', 'all'), config),
    routes: async (family) => routesOf(await ask('show', 'route', 'table', TABLE[family], 'all'), config),
    count: async (family) => {
      const text = await ask('show', 'route', 'table', TABLE[family], 'count');
      return Number(/for (\d+) networks/.exec(text)?.[1] ?? Number.NaN);
    },
    log: () => program.log(),
    pause: () => program.signal('SIGSTOP'),
    resume: () => program.signal('SIGCONT'),
    kill: () => program.kill(),
    stop: () => program.stop(),
  };
}

const TABLE: Readonly<Record<IpFamily, string>> = { ipv4: 'master4', ipv6: 'master6' };

const nameOf = (index: number): string => `n${index}`;

function birdConfig(config: RouterConfig): string {
  const { asn, routerId, neighbours, networks = [], forward = false } = config;
  const statics = (family: IpFamily): string[] => {
    const own = networks.filter((network) => network.includes(':') === (family === 'ipv6'));
    return own.length === 0
      ? []
      : [`protocol static own_${family} { ${family};`, ...own.map((network) => `  route ${network} blackhole;`), '}'];
  };
  const kernel = (family: IpFamily): string =>
    `protocol kernel kernel_${family} { ${family} { export where source = RTS_BGP; }; merge paths on; }`;
  return [
    'log stderr all;',
    `router id ${routerId};`,
    'protocol device { scan time 1; }',
    ...(forward ? [kernel('ipv4'), kernel('ipv6')] : []),
    ...(neighbours.some(({ bfd }) => bfd !== undefined) ? ['protocol bfd { }'] : []),
    ...statics('ipv4'),
    ...statics('ipv6'),
    ...neighbours.flatMap((neighbour, index) => [
      `protocol bgp ${nameOf(index)} {`,
      ...neighbourLines(neighbour, asn, config.port).map((line) => `  ${line}`),
      '}',
    ]),
    '',
  ].join('\n');
}

function neighbourLines(neighbour: RouterNeighbour, asn: number, port: number | undefined): string[] {
  const { families = ['ipv4'], gracefulRestart = 'helper', bfd } = neighbour;
  const graceful = { off: 'off', helper: 'aware' } as const;
  return [
    `local ${neighbour.source ?? ''} ${port === undefined ? '' : `port ${port}`} as ${neighbour.localAsn ?? asn};`,
    `neighbor ${neighbour.address} ${neighbour.port === undefined ? '' : `port ${neighbour.port}`} as ${neighbour.asn};`,
    ...(neighbour.interface === undefined ? [] : [`interface "${neighbour.interface}";`]),
    // Its own defaults make a lab wait: 5 s before the first try, 60 s after an error.
    'connect delay time 1; connect retry time 2; error wait time 1, 2;',
    ...(neighbour.password === undefined ? [] : [`password "${neighbour.password}";`]),
    ...(neighbour.passive === true ? ['passive on;'] : []),
    ...(neighbour.multihop === undefined ? [] : [`multihop ${neighbour.multihop};`]),
    ...(neighbour.ttlSecurity === undefined ? [] : ['ttl security on;']),
    ...(neighbour.ttlSecurity !== undefined && neighbour.ttlSecurity > 1 ? [`multihop ${neighbour.ttlSecurity};`] : []),
    ...(neighbour.holdTime === undefined ? [] : [`hold time ${neighbour.holdTime};`]),
    ...(neighbour.keepaliveTime === undefined ? [] : [`keepalive time ${neighbour.keepaliveTime};`]),
    ...(typeof gracefulRestart === 'number'
      ? [`graceful restart on; graceful restart time ${gracefulRestart};`]
      : [`graceful restart ${graceful[gracefulRestart]};`]),
    ...(bfd === undefined
      ? []
      : [
          ...(bfd.graceful === true ? ['bfd graceful;'] : []),
          `bfd { interval ${bfd.interval} ms; multiplier ${bfd.multiplier}; };`,
        ]),
    ...families.map((family) => {
      const limit =
        neighbour.maximumPrefixes === undefined ? '' : ` import limit ${neighbour.maximumPrefixes} action restart;`;
      const hop = neighbour.extendedNextHop === true && family === 'ipv4' ? ' extended next hop on;' : '';
      return `${family} { import all; export where source = RTS_STATIC;${limit}${hop} };`;
    }),
    ...(neighbour.extra ?? []),
  ];
}

function sessionsOf(text: string, config: RouterConfig): RouterSession[] {
  return config.neighbours.map((neighbour, index) => {
    const detail = new RegExp(`^${nameOf(index)} +BGP [^]*?(?=^$|(?![^]))`, 'm').exec(text)?.[0] ?? '';
    const state = (/BGP state: +(\S+)/.exec(detail)?.[1] ?? 'unknown').toLowerCase();
    return {
      remote: neighbour.address,
      state,
      established: state === 'established',
      lastError: /Last error: +(.+)/.exec(detail)?.[1],
      detail,
    };
  });
}

/** A prefix is written once for all its routes; each route begins with its type and ends before the next one. */
function routesOf(text: string, config: RouterConfig): RouterRoute[] {
  const found: RouterRoute[] = [];
  let prefix = '';
  let block: string[] = [];
  const close = (): void => {
    if (block.length > 0) found.push(routeOf(prefix, block, config));
    block = [];
  };
  for (const line of text.split('\n')) {
    const head = /^(\S*)\s+(?:unicast|blackhole|unreachable) \[/.exec(line);
    if (head !== null) {
      close();
      if (head[1] !== '') prefix = head[1]!;
      block = [line];
    } else if (line === '' || line.startsWith('Table ')) close();
    else if (block.length > 0) block.push(line);
  }
  close();
  return found;
}

function routeOf(prefix: string, lines: readonly string[], config: RouterConfig): RouterRoute {
  const text = lines.join('\n');
  const attribute = (name: string): string | undefined =>
    new RegExp(`^\\s*BGP\\.${name}: ?(.*)$`, 'm').exec(text)?.[1]?.trim();
  const numberOf = (name: string): number | undefined => {
    const value = attribute(name);
    return value === undefined ? undefined : Number(value);
  };
  const list = (name: string): string[] =>
    [...(attribute(name) ?? '').matchAll(/\(([^)]*)\)/g)]
      .map(([, inner]) => inner!.replaceAll(', ', ':').replaceAll(',', ':'))
      .sort();
  const protocol = /\[(\S+) /.exec(lines[0]!)?.[1] ?? '';
  const index = /^n(\d+)$/.exec(protocol)?.[1];
  return {
    prefix,
    from: index === undefined ? undefined : config.neighbours[Number(index)]?.address,
    nextHops: (attribute('next_hop') ?? '').split(' ').filter((hop) => hop !== ''),
    asPath: (attribute('as_path') ?? '').split(' ').filter(Boolean).map(Number),
    localPref: numberOf('local_pref'),
    med: numberOf('med'),
    communities: list('community'),
    largeCommunities: list('large_community'),
    extendedCommunities: list('ext_community'),
    // (100s): the s is for stale.
    stale: /\(\d+-?s/.test(lines[0]!),
  };
}
