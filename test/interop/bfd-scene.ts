import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type Milliseconds, ms, seconds, systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { systemRandom } from '../../src/base/random.ts';
import { Bfd } from '../../src/bfd/driver.ts';
import type { BfdSessionConfig } from '../../src/bfd/session-config.ts';
import type { BfdSessionReport } from '../../src/bfd/session-report.ts';
import type { SessionState } from '../../src/bfd/wire/constants.ts';
import { Lab } from '../../src/lab/lab.ts';
import { answering, LoggedProgram, pause } from '../../src/lab/logged-program.ts';
import { routerFolder } from '../../src/lab/router.ts';
import { linuxHopDatagrams } from '../../src/network/hop-datagrams.ts';
import { linuxNetwork } from '../../src/network/linux.ts';
import { config, ip } from '../bfd/scene.ts';
import { until } from '../support/until.ts';

/**
 * Our BFD in the tree's own namespace; routers one and two hops away. `bird` and `frr` are on cables of their own, `far` is
 * behind `mid`. We are .10 everywhere, they are .1.
 */
const CABLES = { bird: 1, frr: 2, mid: 3 } as const;
export const address4 = (cable: number, host: number): string => `10.77.${cable}.${host}`;
export const address6 = (cable: number, host: number): string => `2001:db8:77:${cable}::${host}`;
const both = (cable: number, host: number): string[] => [`${address4(cable, host)}/24`, `${address6(cable, host)}/64`];

export const US = 10;
export const THEM = 1;
/** Between `mid` and `far`. */
export const BEYOND = 4;

export class BfdLab {
  readonly lab = new Lab('bfd');
  readonly reports: BfdSessionReport[] = [];
  readonly bfd: Bfd;
  #sessions: readonly BfdSessionConfig[] = [];

  constructor() {
    const network = linuxNetwork();
    const datagrams = linuxHopDatagrams(systemRandom);
    if (!network.ok || !datagrams.ok) throw new Error('no network');
    this.bfd = new Bfd({
      datagrams: datagrams.value,
      network: network.value,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      // Of FRR's packets for IPv6 it is us who send them back; for IPv4 a test sees to it that the kernel does.
      forwards: () => true,
      onReport: (changed) => void this.reports.push(...changed),
    });
  }

  async build(): Promise<void> {
    await this.lab.build({
      hosts: [...Object.keys(CABLES), 'far'],
      bridges: [],
      cables: [
        ...Object.entries(CABLES).map(
          ([host, cable]) =>
            [
              { interface: `bfd-${host}`, addresses: both(cable, US) },
              { host, interface: 'eth0', addresses: both(cable, THEM) },
            ] as const,
        ),
        [
          { host: 'mid', interface: 'eth1', addresses: both(BEYOND, US) },
          { host: 'far', interface: 'eth0', addresses: both(BEYOND, THEM) },
        ],
      ],
      routes: [
        { to: `${address4(BEYOND, 0)}/24`, via: address4(CABLES.mid, THEM) },
        { host: 'far', to: `${address4(CABLES.mid, 0)}/24`, via: address4(BEYOND, US) },
      ],
    });
    const forwarding = { 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 };
    await Promise.all(['mid', 'frr'].map((host) => this.lab.sysctl(host, forwarding)));
  }

  async stop(): Promise<void> {
    this.bfd.stop();
    await this.lab.stop();
  }

  set(...sessions: readonly BfdSessionConfig[]): void {
    this.#sessions = sessions;
    this.bfd.setSessions(sessions);
  }
  /** The same session otherwise. */
  change(change: Partial<BfdSessionConfig['timing']>, rest: Partial<BfdSessionConfig> = {}): void {
    this.set(...this.#sessions.map((one) => ({ ...one, ...rest, timing: { ...one.timing, ...change } })));
  }

  report(key = 'router'): BfdSessionReport {
    const found = this.bfd.reports().find((report) => report.key === key);
    if (found === undefined) throw new Error(`there is no session ${key}`);
    return found;
  }

  async becomes(state: SessionState, limit: Milliseconds = seconds(10)): Promise<void> {
    await until(
      `our session is ${state}`,
      limit,
      () => this.report().state === state,
      async () => [this.report(), this.bfd.counters()],
    );
  }
}

export const INTERVAL = 50;
export const session = (
  remote: string,
  timing: Partial<BfdSessionConfig['timing']> = {},
  rest: Partial<BfdSessionConfig> = {},
): BfdSessionConfig =>
  config({ transmitInterval: ms(INTERVAL), receiveInterval: ms(INTERVAL), ...timing }, { remote: ip(remote), ...rest });

/** What both kinds of router can do. */
export interface BfdRouter {
  readonly program: LoggedProgram;
  ask(...words: readonly string[]): Promise<string>;
}

/** `lines`: of `protocol bfd`. */
export async function startBirdBfd(
  lab: Lab,
  host: string,
  lines: readonly string[],
): Promise<BfdRouter & { reconfigure(lines: readonly string[]): Promise<void> }> {
  const folder = routerFolder('bird', lab, host);
  const write = (body: readonly string[]): void =>
    writeFileSync(
      `${folder}/bird.conf`,
      ['log stderr all;', 'router id 10.0.0.1;', 'protocol device {}', 'protocol bfd {', ...body, '}', ''].join('\n'),
    );
  write(lines);
  const program = new LoggedProgram(lab, host, `${folder}/log`);
  const ask = (...words: readonly string[]): Promise<string> =>
    lab.run(host, ['birdc', '-s', `${folder}/ctl`, ...words]);
  program.start(['bird', '-f', '-c', `${folder}/bird.conf`, '-s', `${folder}/ctl`, '-P', `${folder}/pid`]);
  await answering('BIRD', [program], () => ask('show', 'status'));
  return {
    program,
    ask,
    reconfigure: async (body) => {
      write(body);
      await ask('configure');
    },
  };
}

/** `lines`: of `bfd`. The user frr is another name of root in a private tree, as in src/lab/router-frr.ts. */
export async function startFrrBfd(
  lab: Lab,
  host: string,
  lines: readonly string[],
): Promise<BfdRouter & { configure(...commands: readonly string[]): Promise<string>; stop(): Promise<unknown> }> {
  const folder = routerFolder('frr', lab, host);
  mkdirSync('/run/frr/etc', { recursive: true });
  const copy = (name: string, from: RegExp, to: string): void =>
    writeFileSync(`/run/frr/etc/${name}`, readFileSync(`/etc/${name}`, 'utf8').replace(from, to));
  copy('passwd', /^frr:.*$/m, 'frr:x:0:0::/:/bin/false');
  writeFileSync(
    '/run/frr/etc/group',
    readFileSync('/etc/group', 'utf8')
      .replace(/^frr:.*$/m, 'frr:x:0:')
      .replace(/^frrvty:.*$/m, 'frrvty:x:0:'),
  );
  writeFileSync(`${folder}/frr.conf`, ['hostname router', 'log stdout', 'bfd', ...lines, 'exit', ''].join('\n'));
  const instance = lab.namespace(host);
  const started: LoggedProgram[] = [];
  const mounts =
    'mount --bind /run/frr/etc/passwd /etc/passwd && mount --bind /run/frr/etc/group /etc/group && exec "$@"';
  for (const daemon of ['zebra', 'bfdd']) {
    const program = new LoggedProgram(lab, host, `${folder}/${daemon}.log`);
    program.start([
      'sh',
      '-c',
      mounts,
      'sh',
      `/usr/lib/frr/${daemon}`,
      '-N',
      instance,
      '-f',
      `${folder}/frr.conf`,
      '-P',
      '0',
      '--log',
      'stdout',
    ]);
    await answering(`FRR ${daemon}`, [program], () =>
      lab.run(host, ['vtysh', '-N', instance, '-d', daemon, '-c', 'show version']),
    );
    started.push(program);
  }
  const ask = (...words: readonly string[]): Promise<string> =>
    lab.run(host, ['vtysh', '-N', instance, '-d', 'bfdd', '-c', words.join(' ')]);
  const configure = (...commands: readonly string[]): Promise<string> =>
    lab.run(host, [
      'vtysh',
      '-N',
      instance,
      '-d',
      'bfdd',
      ...['configure terminal', 'bfd', ...commands].flatMap((command) => ['-c', command]),
    ]);
  const stop = (): Promise<unknown> => Promise.all(started.map((program) => program.stop()));
  return { program: started[1]!, ask, configure, stop };
}

export { pause };
