import type { Clock, Milliseconds } from '../base/clock.ts';
import { messageOf, unreachable } from '../base/errors.ts';
import { type IpFamily, ipAddress } from '../base/ip-address.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { type MembershipCounters, MembershipDriver, type MembershipReport } from '../membership/driver.ts';
import type { GroupKey } from '../membership/keys.ts';
import { type Instance, isMember, type Seed, type TransportAddress } from '../membership/member.ts';
import { DEFAULT_PROFILE, FAST_PROFILE, type Profile } from '../membership/settings.ts';
import type { DatagramNetwork } from '../network/ports.ts';
import type { FromWire, Join } from './messages.ts';

interface GroupDeps {
  readonly node: string;
  readonly datagrams: DatagramNetwork;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly send: (message: FromWire) => void;
  /** Before control is told. */
  readonly onReport: (report: MembershipReport) => void;
  readonly onWoke: (gap: Milliseconds) => void;
}

/** This speaker's part in the group of speakers: membership with the settings that control tells, and what control is told of it. */
export class Group {
  readonly #deps: GroupDeps;
  #membership: MembershipDriver | undefined;
  #port: number | undefined;
  /** Told while the sockets were being opened, or later. */
  #keys: readonly GroupKey[] | undefined;
  /** Node names that two speakers have, and where the one that came later is. */
  readonly #namesakes = new Map<string, readonly TransportAddress[]>();
  #nameTaken = false;

  constructor(deps: GroupDeps) {
    this.#deps = deps;
  }

  /** Undefined: there is no group. */
  get instance(): Instance | undefined {
    return this.#membership?.instance;
  }

  /** Where there is nobody to hear, silence says nothing. */
  get deaf(): boolean {
    return this.#membership?.deaf === true && this.#membership.members().some(isMember);
  }

  /** False: others should be there and cannot be heard, which control has been told. */
  async open(join: Join): Promise<boolean> {
    this.#port = join.port;
    try {
      this.#membership = await this.#listen(join);
    } catch (thrown) {
      const { node, logger, send } = this.#deps;
      if (join.nodes.some((other) => other.node !== node)) {
        // To take part without hearing the others would be to claim what they hold.
        send({ kind: 'failed', message: messageOf(thrown) });
        return false;
      }
      logger.warn('no other speaker will be heard, and so far there is none', { why: messageOf(thrown) });
    }
    if (this.#keys !== undefined) this.#membership?.useKeys(this.#keys);
    return true;
  }

  setNodes(nodes: readonly Seed[]): void {
    this.#membership?.setSeeds(nodes);
  }

  useKeys(keys: readonly GroupKey[]): void {
    this.#keys = keys;
    this.#membership?.useKeys(keys);
  }

  /** All speakers are told at about the same time; datagrams to another port than before would reach those only that have it too. */
  configure(profile: Join['profile'], port: number): void {
    this.#membership?.useProfile(profileOf(profile));
    if (this.#membership === undefined || port === this.#port) return;
    this.#port = port;
    this.#deps.logger.warn('another membership port takes effect when the speakers start anew', {
      configured: port,
      inUse: this.#membership.port('ipv4') ?? this.#membership.port('ipv6'),
      next: 'restart all of them at once: those with different ports do not hear each other',
    });
  }

  send(node: string, payload: Uint8Array): void {
    this.#membership?.send(node, payload);
  }
  /** See MembershipDriver. */
  worked(): void {
    this.#membership?.worked();
  }
  setDigest(digest: Uint8Array): void {
    this.#membership?.setDigest(digest);
  }
  counters(): MembershipCounters | undefined {
    return this.#membership?.counters();
  }
  async leave(): Promise<void> {
    await this.#membership?.leave();
  }
  stop(): void {
    this.#membership?.stop();
  }

  async #listen({ profile, port, keys, nodes }: Join): Promise<MembershipDriver | undefined> {
    if (keys === undefined) return undefined;
    const { node, datagrams, clock, random, logger, onWoke } = this.#deps;
    const own = nodes.find((one) => one.node === node)?.addresses ?? [];
    const families = new Set(nodes.flatMap(({ addresses }) => addresses.map(({ address }) => address.family)));
    return MembershipDriver.open({
      node,
      profile: profileOf(profile),
      keys,
      listen: (families.size === 0 ? (['ipv4'] as const) : [...families]).map((family) => anyAddress(family, port)),
      addresses: own,
      network: datagrams,
      clock,
      random,
      logger,
      onReport: (report) => this.#changed(report),
      onWoke,
    });
  }

  #changed(report: MembershipReport): void {
    this.#deps.onReport(report);
    switch (report.kind) {
      case 'member-changed':
      case 'member-forgotten':
        break;
      case 'name-taken':
        this.#nameTaken = report.taken;
        break;
      case 'duplicate-name':
        this.#namesakes.set(report.node, report.addresses);
        break;
      case 'duplicate-name-over':
        this.#namesakes.delete(report.node);
        break;
      case 'payload':
      case 'digest-differs':
      case 'standing':
        return;
      default:
        unreachable(report);
    }
    this.#deps.send({
      kind: 'members',
      members: this.#membership?.members() ?? [],
      nameTaken: this.#nameTaken,
      namesakes: [...this.#namesakes].map(([node, addresses]) => ({ node, addresses })),
    });
  }
}

const profileOf = (name: Join['profile']): Profile => (name === 'fast' ? FAST_PROFILE : DEFAULT_PROFILE);

const anyAddress = (family: IpFamily, port: number): TransportAddress => ({ address: ipAddress(family, 0n), port });
