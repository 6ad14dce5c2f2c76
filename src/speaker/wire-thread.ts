import type { Clock, Milliseconds } from '../base/clock.ts';
import { ms, seconds, type Timer } from '../base/clock.ts';
import { messageOf, unreachable } from '../base/errors.ts';
import { formatIpAddress, type IpAddress, type IpFamily, ipAddress } from '../base/ip-address.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { Bfd } from '../bfd/driver.ts';
import type { Layer2Settings } from '../config/config.ts';
import { ElectionDriver, type OutwardElectionEffect } from '../election/driver.ts';
import type { AddressState } from '../election/events.ts';
import { Layer2 } from '../layer2/driver.ts';
import type { Layer2AddressReport } from '../layer2/table.ts';
import { MembershipDriver, type MembershipReport } from '../membership/driver.ts';
import type { GroupKey } from '../membership/keys.ts';
import { instanceFromBytes, isMember, type Seed, type TransportAddress } from '../membership/member.ts';
import { DEFAULT_PROFILE, FAST_PROFILE, type Profile } from '../membership/settings.ts';
import type { DatagramNetwork, HopDatagramNetwork, Network } from '../network/ports.ts';
import { AddressReports } from './address-reports.ts';
import { Duties } from './duties.ts';
import { logElection, logHolders } from './election-log.ts';
import type { FromWire, Join, ToWire, WireAddress, WireCounters, WireOptions } from './messages.ts';
import { OwnLinks } from './own-links.ts';

/**
 * What runs in the wire thread: membership (who is alive), election (who holds), layer 2 (answers and announces), joined.
 * Control says who may; what is needed to keep an address answered is all here, so that a stall of the control thread,
 * or of the API server, costs no failover.
 */
export interface WireDeps {
  readonly options: WireOptions;
  readonly network: Network;
  readonly datagrams: DatagramNetwork;
  /** For BFD. */
  readonly hops: HopDatagramNetwork;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly send: (message: FromWire) => void;
  /** Whether the data path of this node says that it serves (health-check.ts). */
  readonly healthCheck: (port: number) => Promise<boolean>;
  /** Frames received by an interface since it exists; undefined: not known. */
  readonly framesReceived: (interfaceName: string) => number | undefined;
}

/** How long a stop waits for others to take the addresses over. */
const HAND_OVER_LIMIT = seconds(3);
const INSTANCE_BYTES = 16;
/** An age of the view of the cluster that is off by more is told anew. */
const NEWS_OF_VIEW = seconds(1);

export class Wire {
  readonly #deps: WireDeps;
  readonly #layer2: Layer2;
  readonly #links: OwnLinks;
  readonly #bfd: Bfd;
  readonly #duties = new Duties((address) => this.#wanted.get(formatIpAddress(address))?.interfaces ?? []);
  /** All that control said of addresses, also before there is an election to tell. */
  readonly #wanted = new Map<string, WireAddress>();
  readonly #reports: AddressReports;
  #settings: Layer2Settings | undefined;
  /** Of the control thread's view of the cluster, when it was told; 0: it is live. */
  #apiView = { age: ms(0), at: ms(0) };
  /** Node names that two speakers have, and where the one that came later is. */
  readonly #namesakes = new Map<string, readonly TransportAddress[]>();
  #nameTaken = false;
  #port: number | undefined;
  /** What was told while the sockets were being opened counts as well. */
  #perMinute: number | undefined;
  #keys: readonly GroupKey[] | undefined;
  #nodes: readonly Seed[] = [];
  #election: ElectionDriver | undefined;
  #membership: MembershipDriver | undefined;
  #stopping: 'no' | 'handing-over' | 'leaving' = 'no';
  #stopLimit: Timer | undefined;

  constructor(deps: WireDeps) {
    this.#deps = deps;
    this.#reports = new AddressReports({
      clock: deps.clock,
      concerns: (key) => this.#wanted.has(key),
      tell: (changed) => deps.send({ kind: 'report', changed, removed: [] }),
    });
    const { network, clock, random, logger, options } = deps;
    this.#layer2 = new Layer2({
      network,
      clock,
      random,
      logger,
      ...(options.interfaces.length === 0 ? {} : { interfaces: options.interfaces }),
      judgeRival: (address, mac, how) => this.#judgeRival(address, mac, how),
      onReport: (reports) => this.#layer2Changed(reports),
    });
    this.#bfd = new Bfd({
      ...deps,
      datagrams: deps.hops,
      onReport: (changed) => deps.send({ kind: 'bfd', changed }),
    });
    this.#links = new OwnLinks({
      ...deps,
      only: options.interfaces.length === 0 ? undefined : options.interfaces,
      peers: () => this.#election?.peerInterfaces() ?? [],
      changed: () => this.#tellFacts(),
    });
  }

  receive(message: ToWire): void {
    switch (message.kind) {
      case 'layer2-settings':
        this.#settings = message.settings;
        this.#layer2.apply(this.#duties.all(), message.settings);
        return;
      case 'join':
        void this.#join(message.join);
        return;
      case 'nodes':
        this.#setNodes(message.nodes);
        return;
      case 'keys':
        this.#keys = message.keys;
        this.#membership?.useKeys(message.keys);
        return;
      case 'bfd':
        this.#bfd.setSessions(message.sessions);
        return;
      case 'rebalance':
        this.#perMinute = message.perMinute;
        this.#election?.step({ kind: 'rebalance', perMinute: message.perMinute });
        return;
      case 'membership':
        this.#membershipConfigured(message.profile, message.port);
        return;
      case 'api-view':
        this.#noteApiView(message.age);
        return;
      case 'addresses':
        this.#want(message.set, message.remove);
        return;
      case 'ping': {
        const counters: WireCounters = {
          layer2: this.#layer2.counters(),
          membership: this.#membership?.counters(),
          bfd: this.#bfd.reports(),
        };
        this.#deps.send({ kind: 'pong', number: message.number, counters });
        return;
      }
      case 'stop':
        this.stop();
        return;
      default:
        unreachable(message);
    }
  }

  /** Hand over, say goodbye, be silent; then `stopped`. A second call changes nothing. */
  stop(): void {
    if (this.#stopping !== 'no') return;
    this.#stopping = 'handing-over';
    if (this.#election === undefined) {
      void this.#leave();
      return;
    }
    this.#stopLimit = this.#deps.clock.startTimer('hand-over at stop', HAND_OVER_LIMIT, () => void this.#leave());
    this.#election.step({ kind: 'leave' });
  }

  async #leave(): Promise<void> {
    if (this.#stopping === 'leaving') return;
    this.#stopping = 'leaving';
    this.#stopLimit?.stop();
    this.#election?.step({ kind: 'stop' });
    await this.#membership?.leave();
    this.#bfd.stop();
    this.#links.stop();
    this.#layer2.stop();
    this.#reports.tellAll();
    this.#deps.send({ kind: 'stopped' });
  }

  async #join(join: Join): Promise<void> {
    const { options, clock, random } = this.#deps;
    this.#nodes = join.nodes;
    this.#port = join.port;
    const membership = await this.#openMembership(join);
    if (membership === 'failed') return;
    if (this.#stopping !== 'no') {
      membership?.stop();
      return;
    }
    this.#membership = membership;
    if (this.#keys !== undefined) membership?.useKeys(this.#keys);
    const config = {
      node: options.node,
      instance: membership?.instance ?? instanceFromBytes(random.bytes(INSTANCE_BYTES)),
      settleTime: join.settleTime,
      rebalancePerMinute: undefined,
      // Where there is nobody to hear, silence says nothing.
      isDeaf: () => membership?.deaf === true && membership.members().some(isMember),
      observe: options.observe,
    };
    this.#election = new ElectionDriver(config, clock, (effects) => this.#perform(effects));
    this.#setNodes(this.#nodes);
    this.#tellFacts();
    this.#election.step({ kind: 'started' });
    this.#election.step({ kind: 'rebalance', perMinute: this.#perMinute });
    this.#election.step({ kind: 'addresses', set: [...this.#wanted.values()], remove: [] });
    this.#noteInterfaces([...this.#wanted.values()]);
  }

  async #openMembership({ profile, port, keys }: Join): Promise<MembershipDriver | 'failed' | undefined> {
    const { options, datagrams, clock, random, logger } = this.#deps;
    if (keys === undefined) return undefined;
    const own = this.#nodes.find(({ node }) => node === options.node)?.addresses ?? [];
    const families = new Set(this.#nodes.flatMap(({ addresses }) => addresses.map(({ address }) => address.family)));
    try {
      return await MembershipDriver.open({
        node: options.node,
        profile: profileOf(profile),
        keys,
        listen: (families.size === 0 ? (['ipv4'] as const) : [...families]).map((family) => anyAddress(family, port)),
        addresses: own,
        network: datagrams,
        clock,
        random,
        logger,
        onReport: (report) => this.#membershipChanged(report),
        onWoke: (gap) => this.#election?.step({ kind: 'woke', gap }),
      });
    } catch (thrown) {
      if (this.#others().length > 0) {
        // To take part without hearing the others would be to claim what they hold.
        this.#deps.send({ kind: 'failed', message: messageOf(thrown) });
        return 'failed';
      }
      logger.warn('no other speaker will be heard, and so far there is none', { why: messageOf(thrown) });
      return undefined;
    }
  }

  #others(): readonly Seed[] {
    return this.#nodes.filter(({ node }) => node !== this.#deps.options.node);
  }

  #setNodes(nodes: readonly Seed[]): void {
    this.#nodes = nodes;
    this.#membership?.setSeeds(nodes);
    const own = nodes.find(({ node }) => node === this.#deps.options.node);
    if (this.#membership !== undefined) this.#links.join(own?.addresses ?? []);
    this.#election?.step({ kind: 'nodes', nodes: new Set(nodes.map(({ node }) => node)) });
  }

  /** All speakers are told at about the same time; datagrams to another port than before would reach those only that have it too. */
  #membershipConfigured(profile: Join['profile'], port: number): void {
    this.#membership?.useProfile(profileOf(profile));
    if (this.#membership === undefined || port === this.#port) return;
    this.#port = port;
    this.#deps.logger.warn('another membership port takes effect when the speakers start anew', {
      configured: port,
      inUse: this.#membership.port('ipv4') ?? this.#membership.port('ipv6'),
      next: 'restart all of them at once: those with different ports do not hear each other',
    });
  }

  /** It grows by itself, here and at those who were told. */
  #noteApiView(age: Milliseconds): void {
    const before = this.#apiViewAge();
    this.#apiView = { age, at: this.#deps.clock.now() };
    const isNews = (age === 0) !== (before === 0) || Math.abs(age - before) > NEWS_OF_VIEW;
    if (isNews) this.#tellFacts();
  }

  #apiViewAge(): Milliseconds {
    const { age, at } = this.#apiView;
    return ms(age === 0 ? 0 : age + this.#deps.clock.now() - at);
  }

  #want(set: readonly WireAddress[], remove: readonly IpAddress[]): void {
    for (const address of remove) {
      this.#wanted.delete(formatIpAddress(address));
      this.#reports.forget(address);
    }
    for (const wanted of set) {
      this.#wanted.set(formatIpAddress(wanted.address), wanted);
      this.#duties.refresh(wanted.address);
    }
    this.#election?.step({ kind: 'addresses', set, remove });
    this.#applyDuties();
    this.#noteInterfaces(set);
    if (remove.length > 0) this.#deps.send({ kind: 'report', changed: [], removed: remove });
  }

  #membershipChanged(report: MembershipReport): void {
    const election = this.#election;
    switch (report.kind) {
      case 'member-changed':
      case 'member-forgotten':
        election?.step({ kind: report.kind, member: report.member });
        this.#tellMembers();
        return;
      case 'payload':
        election?.step({ kind: 'received', from: report.from, payload: report.payload });
        // Facts tell whose MACs are ours; an announcement may have come before them.
        if (this.#reports.hasConflicts) this.#layer2.reviewRivals();
        return;
      case 'digest-differs':
        election?.step({ kind: 'digest-differs', member: report.member });
        return;
      case 'standing':
        election?.step({ kind: 'standing', standing: report.standing });
        return;
      case 'name-taken':
        election?.step(report);
        this.#nameTaken = report.taken;
        this.#tellMembers();
        return;
      case 'duplicate-name':
        this.#namesakes.set(report.node, report.addresses);
        this.#tellMembers();
        return;
      case 'duplicate-name-over':
        this.#namesakes.delete(report.node);
        this.#tellMembers();
        return;
      default:
        unreachable(report);
    }
  }

  #tellMembers(): void {
    this.#deps.send({
      kind: 'members',
      members: this.#membership?.members() ?? [],
      nameTaken: this.#nameTaken,
      namesakes: [...this.#namesakes].map(([node, addresses]) => ({ node, addresses })),
    });
  }

  /** In order: an address is answered for before its claim is sent, and before anything is written about it. */
  #perform(effects: readonly OutwardElectionEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'send' || effect.kind === 'holders') this.#applyDuties();
      this.#performOne(effect);
    }
    this.#applyDuties();
    logElection(this.#deps.logger, effects);
  }

  #performOne(effect: OutwardElectionEffect): void {
    switch (effect.kind) {
      case 'send':
        for (const node of effect.to) this.#membership?.send(node, effect.payload);
        return;
      case 'hold':
        this.#duties.set(effect.address, 'hold', effect.fresh && !this.#announcedBefore(effect.address));
        return;
      case 'prepare':
        this.#duties.set(effect.address, 'prepare', !this.#announcedBefore(effect.address));
        return;
      case 'release':
        this.#duties.release(effect.address);
        this.#reports.setLayer2(effect.address, undefined);
        return;
      case 'announce-again':
        this.#layer2.announceAgain(effect.address);
        return;
      case 'mute':
      case 'unmute':
        this.#layer2.mute(effect.kind === 'mute');
        return;
      case 'digest':
        this.#membership?.setDigest(effect.digest);
        return;
      case 'check':
        void this.#check(effect.address);
        return;
      case 'look-around':
        this.#links.lookAround();
        return;
      case 'holders':
        this.#holdersChanged(effect.changed);
        return;
      case 'handed-over':
      case 'nobody-took':
      case 'notice':
        // For the log.
        return;
      case 'emptied':
        if (this.#stopping === 'handing-over') void this.#leave();
        return;
      default:
        unreachable(effect);
    }
  }

  #announcedBefore(address: IpAddress): boolean {
    return this.#wanted.get(formatIpAddress(address))?.announcedBefore === true;
  }

  async #check(address: IpAddress): Promise<void> {
    const ports = this.#wanted.get(formatIpAddress(address))?.healthCheckPorts ?? [];
    const answers = await Promise.all(ports.map((port) => this.#deps.healthCheck(port)));
    this.#election?.step({ kind: 'checked', address, ok: answers.every((ok) => ok) });
  }

  #applyDuties(): void {
    if (this.#settings === undefined) return;
    const change = this.#duties.take();
    if (change !== undefined) this.#layer2.change(change.set, change.remove);
  }

  #judgeRival(address: IpAddress, mac: string, how: 'instead' | 'beside'): 'friend' | 'rival' {
    if (this.#election?.isMember(mac) !== true) return 'rival';
    // Another announcer on the machine of a member, as while MetalLB still runs there.
    if (how === 'instead' && !this.#election.isClaimedBy(address, mac)) return 'rival';
    // Who takes over from us announces before we hear of it: that must stand.
    if (this.#reports.holderOf(address)?.handingOver === undefined)
      this.#election.step({ kind: 'foreign-burst', address });
    return 'friend';
  }

  #facts() {
    const { version, observe } = this.#deps.options;
    const draining = observe || this.#stopping !== 'no';
    return this.#links.facts({ version, draining, apiViewAge: this.#apiViewAge() });
  }

  #tellFacts(): void {
    this.#election?.step({ kind: 'own-facts', facts: this.#facts(), heard: this.#links.heard() });
    this.#noteInterfaces([...this.#wanted.values()]);
  }

  /** Addresses that nobody holds, and that this node might hold if only it had an interface for them. */
  #noteInterfaces(wanted: readonly WireAddress[]): void {
    const { options, logger } = this.#deps;
    for (const { address, candidates, interfaces } of wanted) {
      if (this.#duties.has(address) || this.#election === undefined) continue;
      const lacks = candidates.some(({ node }) => node === options.node) && !this.#election.canSpeakFor(address);
      if (lacks === (this.#reports.layer2Of(address)?.kind === 'no-interface')) continue;
      const named = interfaces.length > 0 ? interfaces : options.interfaces;
      if (lacks) logger.warn('no interface for the address', { address: formatIpAddress(address), named });
      this.#reports.setLayer2(
        address,
        lacks ? { kind: 'no-interface', ...(named.length > 0 && { named }) } : undefined,
      );
    }
  }

  #holdersChanged(changed: readonly AddressState[]): void {
    const changes = changed.map((after) => ({ before: this.#reports.setHolder(after), after }));
    logHolders(this.#deps.logger, changes, this.#deps.options.node);
  }

  #layer2Changed(reports: readonly Layer2AddressReport[]): void {
    for (const { address, state } of reports) {
      if (!this.#duties.has(address)) continue;
      const refused = isRefusal(state);
      const told = refused !== isRefusal(this.#reports.layer2Of(address));
      this.#reports.setLayer2(address, state);
      // Not while the election carries out something else.
      if (told)
        this.#deps.clock.startTimer('refused', ms(0), () =>
          this.#election?.step({ kind: 'refused', address, refused }),
        );
    }
  }
}

const isRefusal = (state: Layer2AddressReport['state'] | undefined): boolean =>
  state?.kind === 'conflict' && !state.defending;

const profileOf = (name: Join['profile']): Profile => (name === 'fast' ? FAST_PROFILE : DEFAULT_PROFILE);

const anyAddress = (family: IpFamily, port: number): TransportAddress => ({ address: ipAddress(family, 0n), port });
