import type { Clock, Milliseconds, Timer } from '../../src/base/clock.ts';
import type { Logger } from '../../src/base/logger.ts';
import { silentLogger } from '../../src/base/logger.ts';
import type { MacAddress } from '../../src/base/mac-address.ts';
import { Bfd } from '../../src/bfd/driver.ts';
import type { BfdSessionConfig } from '../../src/bfd/session-config.ts';
import type { BfdSessionReport } from '../../src/bfd/session-report.ts';
import { FakeHopDatagrams } from '../support/fake-hop-datagrams.ts';
import { FakeNetwork, FakeSegment } from '../support/fake-network.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { config, ip } from './scene.ts';

/** The time of all, for one process: while that is stopped its timers wait, and are late when it goes on. */
class ProcessClock implements Clock {
  stopped = false;
  readonly #clock: Clock;
  #late: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): Milliseconds {
    return this.#clock.now();
  }
  wallTime(ahead?: Milliseconds): Date {
    return this.#clock.wallTime(ahead);
  }
  startTimer(name: string, after: Milliseconds, fire: () => void): Timer {
    let alive = true;
    const timer = this.#clock.startTimer(name, after, () => {
      if (this.stopped) this.#late.push(() => alive && fire());
      else fire();
    });
    return {
      stop: () => {
        alive = false;
        timer.stop();
      },
    };
  }
  goOn(): void {
    this.stopped = false;
    for (const fire of this.#late.splice(0)) fire();
  }
}

type Host = ReturnType<FakeHopDatagrams['host']>;

/** One process with BFD. */
export class Speaker {
  readonly bfd: Bfd;
  readonly host: Host;
  readonly reports: BfdSessionReport[] = [];
  readonly log: string[] = [];
  readonly #clock: ProcessClock;

  constructor(net: FakeHopDatagrams, clock: VirtualClock, address: string, seed: number) {
    this.#clock = new ProcessClock(clock);
    this.host = net.host([address]);
    const network = new FakeNetwork();
    const mac = `02:00:00:00:00:0${address.at(-1)!}` as MacAddress;
    network.addInterface({ name: 'eth0', segment: new FakeSegment(), mac });
    const write =
      (level: string) =>
      (message: string, fields?: object): void =>
        void this.log.push(`${level} ${message} ${JSON.stringify(fields)}`);
    const logger: Logger = { ...silentLogger, info: write('info'), warn: write('warn') };
    this.bfd = new Bfd({
      datagrams: this.host,
      network,
      clock: this.#clock,
      random: seededRandom(seed),
      logger,
      onReport: (changed) => void this.reports.push(...changed),
    });
  }

  /** SIGSTOP, and SIGCONT: what has arrived meanwhile is in the socket, and every timer is late. */
  freeze(): void {
    this.#clock.stopped = true;
    this.host.pause();
  }
  thaw(): void {
    this.host.resume();
    this.#clock.goOn();
  }

  state(key = 'router') {
    return this.bfd.reports().find((report) => report.key === key)?.state;
  }
  /** States in order of their reports, without repetitions. */
  get story(): readonly string[] {
    return this.reports.map(({ state }) => state).filter((state, at, all) => state !== all[at - 1]);
  }
}

/** Two of them on one link, on virtual time. */
export class World {
  readonly clock = new VirtualClock();
  readonly net = new FakeHopDatagrams(this.clock);
  readonly left: Speaker;
  readonly right: Speaker;

  constructor(seed = 1) {
    this.left = new Speaker(this.net, this.clock, '192.0.2.1', seed);
    this.right = new Speaker(this.net, this.clock, '192.0.2.2', seed + 1000);
  }

  /** Both ends with one configuration, or two. */
  start(left: Partial<BfdSessionConfig> = {}, right: Partial<BfdSessionConfig> = left): this {
    this.left.bfd.setSessions([{ ...config(), remote: ip('192.0.2.2'), ...left }]);
    this.right.bfd.setSessions([{ ...config(), remote: ip('192.0.2.1'), ...right }]);
    return this;
  }
  run(time: number): this {
    this.clock.advance(time);
    return this;
  }
  get states(): readonly unknown[] {
    return [this.left.state(), this.right.state()];
  }
}
