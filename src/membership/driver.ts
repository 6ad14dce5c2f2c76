import { type Clock, type Milliseconds, ms, seconds, type Timer } from '../base/clock.ts';
import { DueQueue } from '../base/due-queue.ts';
import { environmentError, unreachable } from '../base/errors.ts';
import { formatIpAddress, type IpFamily } from '../base/ip-address.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { DatagramNetwork, DatagramSocket, NetworkError } from '../network/ports.ts';
import { Budget } from './budget.ts';
import { type MembershipCounters, zeroCounters } from './counters.ts';
import type { MembershipEffect, MembershipEvent, Notice, TimerName } from './events.ts';
import { Membership } from './fsm.ts';
import type { GroupKey } from './keys.ts';
import { type Instance, instanceFromBytes, isMember, type Member, type Seed, type TransportAddress } from './member.ts';
import type { Profile } from './settings.ts';
import { INSTANCE } from './wire/constants.ts';
import { type DatagramError, Opener, Sealer } from './wire/datagram.ts';
import type { Message } from './wire/message.ts';

export type { MembershipCounters } from './counters.ts';

/** What concerns whoever uses the membership. */
export type MembershipReport = Extract<
  MembershipEffect,
  {
    kind:
      | 'member-changed'
      | 'member-forgotten'
      | 'payload'
      | 'digest-differs'
      | 'standing'
      | 'duplicate-name'
      | 'duplicate-name-over'
      | 'name-taken';
  }
>;

export interface MembershipOptions {
  readonly node: string;
  readonly profile: Profile;
  /** At least one (keys.ts). */
  readonly keys: readonly GroupKey[];
  /** What to listen at: one address a family, usually the wildcard of each. */
  readonly listen: readonly TransportAddress[];
  /** Where the others reach us; a port of 0 stands for the one that is listened at. */
  readonly addresses: readonly TransportAddress[];
  readonly network: DatagramNetwork;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onReport: (report: MembershipReport) => void;
  /** The process did not run for `gap`: be silent until a member says how it sees us. Called before anything else happens. */
  readonly onWoke: (gap: Milliseconds) => void;
}

/** First datagrams of instances, looked at each second: from addresses of the Node list, and from anywhere else. */
const SEEDED_STRANGERS = 1000;
const OTHER_STRANGERS = 50;
/** Of each kind of trouble that goes on, one line in so long a time. */
const LOG_INTERVAL = seconds(60);
/** Wrong keys and forgeries are worth a line; the rest happens on every network. */
const SUSPICIOUS: readonly DatagramError[] = ['unknown-version', 'unknown-key', 'unauthentic'];

/** The effects of the membership: sockets, one timer of the clock, logs. Every event passes `#step`. */
export class MembershipDriver {
  readonly instance: Instance;
  readonly #options: MembershipOptions;
  readonly #fsm: Membership;
  readonly #sealer: Sealer;
  readonly #opener: Opener;
  readonly #sockets = new Map<IpFamily, DatagramSocket>();
  readonly #timers = new DueQueue<TimerName>();
  readonly #counters = zeroCounters();
  readonly #seededStrangers = new Budget(SEEDED_STRANGERS);
  readonly #otherStrangers = new Budget(OTHER_STRANGERS);
  readonly #logged = new Map<string, Milliseconds>();
  #profile: Profile;
  #seeded: ReadonlySet<string> = new Set();
  #wake: Timer | undefined;
  /** The last look at the clock. */
  #lookedAt: Milliseconds;
  #departed: (() => void) | undefined;
  #stopped = false;

  /** Listens, and greets as soon as it is told the seeds. Fails with an environment error where it cannot listen. */
  static async open(options: MembershipOptions): Promise<MembershipDriver> {
    const instance = instanceFromBytes(options.random.bytes(INSTANCE));
    const sockets: DatagramSocket[] = [];
    let driver: MembershipDriver | undefined;
    // Nothing is for us before we have said hello.
    const whenOpen = (run: (open: MembershipDriver) => void): void => {
      if (driver !== undefined) run(driver);
    };
    for (const local of options.listen) {
      const socket = await options.network.openDatagramSocket(local, {
        datagram: (bytes, from) => whenOpen((open) => open.#received(bytes, from)),
        refused: (to) => whenOpen((open) => open.#step({ kind: 'refused', to })),
        error: (error) => whenOpen((open) => open.#failed(error)),
      });
      if (!socket.ok) {
        for (const open of sockets) open.close();
        throw environmentError(
          `${socket.error.message}; the speakers find out by UDP who is alive: free the port, or choose another one`,
        );
      }
      sockets.push(socket.value);
    }
    driver = new MembershipDriver(options, instance, sockets);
    driver.#step({ kind: 'started' });
    return driver;
  }

  private constructor(options: MembershipOptions, instance: Instance, sockets: readonly DatagramSocket[]) {
    const { node, profile, keys, random, clock } = options;
    this.instance = instance;
    this.#options = options;
    this.#lookedAt = clock.now();
    this.#profile = profile;
    this.#sealer = new Sealer(instance, keys);
    this.#opener = new Opener(instance, keys);
    for (const socket of sockets) this.#sockets.set(socket.local.address.family, socket);
    const addresses = options.addresses.map(({ address, port }) => ({
      address,
      port: port === 0 ? (this.#sockets.get(address.family)?.local.port ?? 0) : port,
    }));
    this.#fsm = new Membership({ node, instance, addresses, profile }, random);
  }

  /** The whole Node list, this node perhaps in it. */
  setSeeds(seeds: readonly Seed[]): void {
    this.#seeded = new Set(seeds.flatMap(({ addresses }) => addresses.map(({ address }) => formatIpAddress(address))));
    this.#step({ kind: 'seeds-changed', seeds });
  }

  /** Reliably, while that node has a member. At most MAX_PAYLOAD octets. */
  send(to: string, payload: Uint8Array): void {
    this.#step({ kind: 'send', to, payload });
  }

  /** 8 octets; a member that carries others for longer than a round trip is reported as `digest-differs`. */
  setDigest(digest: Uint8Array): void {
    this.#step({ kind: 'payload-digest', digest });
  }

  /** Seals with the first from now on, opens with each. */
  useKeys(keys: readonly GroupKey[]): void {
    this.#sealer.use(keys);
    this.#opener.use(keys);
  }

  /** All speakers should use the same one; while they do not, each finds out at its own pace. */
  useProfile(profile: Profile): void {
    this.#profile = profile;
    this.#step({ kind: 'profile-changed', profile });
  }

  /**
   * The thread has just done a piece of work. To take over thousands of addresses is no pause, unless it took so long that the
   * others may call us dead before we are heard again.
   */
  worked(): void {
    const now = this.#options.clock.now();
    const { indirectTimeout, suspicion } = this.#profile;
    if (now - this.#lookedAt <= indirectTimeout + suspicion / 2) this.#lookedAt = now;
  }

  /** Of every other node; the dead ones too while they have a Node. */
  members(): readonly Member[] {
    return this.#fsm.members();
  }

  /** More likely it is this node that cannot hear than the others that are dead. */
  get deaf(): boolean {
    return this.#fsm.deaf;
  }

  counters(): MembershipCounters {
    return structuredClone(this.#counters);
  }

  /** The port that is listened at. */
  port(family: IpFamily): number | undefined {
    return this.#sockets.get(family)?.local.port;
  }

  /** Tells all members, then stops. It takes some 60 ms. */
  leave(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stopped || this.#departed !== undefined) {
        resolve();
        return;
      }
      this.#departed = resolve;
      this.#step({ kind: 'leave' });
    });
  }

  /** Silent from now on, without a word to anybody: sockets closed, no timer. */
  stop(): void {
    this.#stopped = true;
    this.#wake?.stop();
    for (const socket of this.#sockets.values()) socket.close();
    this.#departed?.();
  }

  #received(bytes: Uint8Array, from: TransportAddress): void {
    // A knock: our being here was the answer.
    if (this.#stopped || bytes.length === 0) return;
    this.#counters.received++;
    this.#counters.receivedOctets += bytes.length;
    const now = this.#options.clock.now();
    const strangers = this.#seeded.has(formatIpAddress(from.address)) ? this.#seededStrangers : this.#otherStrangers;
    const opened = this.#opener.open(bytes, () => strangers.take(now));
    if (opened.ok) this.#step({ kind: 'received', from, ...opened.value });
    else this.#dropped(opened.error, from);
  }

  #step(event: DistributiveOmit<MembershipEvent, 'now'>): void {
    if (this.#stopped) return;
    this.#noticePause();
    this.#handle(event);
    this.worked();
    this.#rearm();
  }

  #handle(event: DistributiveOmit<MembershipEvent, 'now'>): void {
    for (const effect of this.#fsm.handle({ ...event, now: this.#options.clock.now() })) this.#perform(effect);
  }

  /**
   * A timer is overdue by half a suspicion, and for so long we did nothing else either: we did not run, and the others may have
   * called us dead. A timer that waits while a backlog of datagrams is read is late, but no pause.
   */
  #noticePause(): void {
    const due = this.#timers.nextDue();
    const now = this.#options.clock.now();
    const gap = ms(now - Math.max(due ?? now, this.#lookedAt));
    this.#lookedAt = now;
    if (gap <= this.#profile.suspicion / 2) return;
    this.#counters.pauses++;
    this.#options.logger.warn('the process did not run for a while; silent until a member has answered', { ms: gap });
    this.#options.onWoke(gap);
    this.#handle({ kind: 'woke', gap });
  }

  #rearm(): void {
    this.#wake?.stop();
    const due = this.#timers.nextDue();
    if (due === undefined || this.#stopped) return;
    const after = ms(Math.max(0, due - this.#options.clock.now()));
    this.#wake = this.#options.clock.startTimer('membership', after, () => {
      this.#wake = undefined;
      this.#noticePause();
      // What arrived before a timer was due counts before it.
      this.#options.network.whenDrained(() => this.#runTimers());
    });
  }

  #runTimers(): void {
    if (this.#stopped) return;
    this.#noticePause();
    const now = this.#options.clock.now();
    for (let timer = this.#timers.peek(now); timer !== undefined; timer = this.#timers.peek(now)) {
      this.#timers.delete(timer);
      this.#handle({ kind: 'timer-fired', timer });
    }
    this.worked();
    this.#rearm();
  }

  #perform(effect: MembershipEffect): void {
    switch (effect.kind) {
      case 'transmit':
        this.#transmit(effect.to, effect.receiver, effect.messages);
        return;
      case 'knock':
        this.#sockets.get(effect.to.address.family)?.knock(effect.to);
        return;
      case 'start-timer':
        this.#timers.set(effect.timer, ms(this.#options.clock.now() + effect.after));
        return;
      case 'stop-timer':
        this.#timers.delete(effect.timer);
        return;
      case 'departed':
        this.stop();
        return;
      case 'notice':
        this.#noticed(effect.notice);
        return;
      case 'member-changed':
      case 'member-forgotten':
      case 'payload':
      case 'digest-differs':
      case 'standing':
      case 'duplicate-name':
      case 'duplicate-name-over':
      case 'name-taken':
        this.#logReport(effect);
        this.#options.onReport(effect);
        return;
      default:
        unreachable(effect);
    }
  }

  /** An address of a family that this node does not have is nobody's fault. */
  #transmit(to: TransportAddress, receiver: Instance | undefined, messages: readonly Message[]): void {
    const socket = this.#sockets.get(to.address.family);
    if (socket === undefined) return;
    const bytes = this.#sealer.seal(messages, receiver);
    this.#counters.sent++;
    this.#counters.sentOctets += bytes.length;
    socket.send(bytes, to);
  }

  #dropped(error: DatagramError, { address }: TransportAddress): void {
    this.#counters.dropped[error]++;
    if (!SUSPICIOUS.includes(error)) return;
    const fields = { why: error, from: formatIpAddress(address), total: this.#counters.dropped[error] };
    this.#warnSeldom(error, 'datagrams are refused that no speaker with our keys wrote', fields);
  }

  #failed({ code, message }: NetworkError): void {
    this.#counters.sendErrors++;
    this.#warnSeldom(code, 'datagrams cannot be sent or received', { why: message, total: this.#counters.sendErrors });
  }

  #warnSeldom(what: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    const now = this.#options.clock.now();
    const last = this.#logged.get(what);
    if (last !== undefined && now - last < LOG_INTERVAL) return;
    this.#logged.set(what, now);
    this.#options.logger.warn(message, fields);
  }

  #noticed(notice: Notice): void {
    switch (notice.kind) {
      case 'suspicion-began':
        this.#counters.suspicions++;
        this.#options.logger.debug('a member is suspected', { node: notice.node });
        return;
      case 'suspicion-ended':
        this.#counters.suspicionsEnded++;
        return;
      case 'refuted':
        this.#counters.refuted++;
        return;
      case 'local-health':
        this.#counters.localHealth = notice.score;
        return;
      default:
        unreachable(notice);
    }
  }

  #logReport(report: MembershipReport): void {
    const { logger } = this.#options;
    if (report.kind === 'member-changed' && isTransition(report)) {
      const { node, instance, status } = report.member;
      const member = { node, instance };
      if (status === 'alive') logger.info('a speaker is there', member);
      else if (status === 'left') logger.info('a speaker left', member);
      else logger.warn('a speaker is not heard any more', member);
    }
    if (report.kind === 'duplicate-name')
      logger.error('two speakers have the same node name; the one that came first keeps it', {
        node: report.node,
        addresses: report.addresses.map(({ address }) => formatIpAddress(address)),
        next: 'start one of them with another --node',
      });
    if (report.kind === 'duplicate-name-over') logger.info('a node name has one speaker again', { node: report.node });
    if (report.kind === 'name-taken' && report.taken)
      logger.error(
        'another speaker has the name of this node and came first; this one holds nothing while it is there',
      );
    else if (report.kind === 'name-taken') logger.info('the name of this node is free');
    if (report.kind === 'standing' && report.standing === 'void')
      logger.warn('this speaker was thought dead', { by: report.by.node });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** A suspicion that comes and goes is none. */
const isTransition = ({ member, before }: Extract<MembershipReport, { kind: 'member-changed' }>): boolean =>
  !isMember(member) || !(before === 'alive' || before === 'suspect');
