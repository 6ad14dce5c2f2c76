import type { Clock } from '../base/clock.ts';
import { ms, seconds, type Timer } from '../base/clock.ts';
import { unreachable } from '../base/errors.ts';
import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { Bfd } from '../bfd/driver.ts';
import type { Layer2Settings } from '../config/config.ts';
import { ElectionDriver, type OutwardElectionEffect } from '../election/driver.ts';
import type { AddressState } from '../election/events.ts';
import { Layer2 } from '../layer2/driver.ts';
import type { Layer2AddressReport } from '../layer2/table.ts';
import type { MembershipReport } from '../membership/driver.ts';
import { instanceFromBytes, type Seed } from '../membership/member.ts';
import type { DatagramNetwork, HopDatagramNetwork, Network } from '../network/ports.ts';
import { AddressReports } from './address-reports.ts';
import { ApiView } from './api-view.ts';
import { Duties } from './duties.ts';
import { logElection, logHolders } from './election-log.ts';
import { Group } from './group.ts';
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
  readonly #apiView: ApiView;
  readonly #group: Group;
  /** Told while the sockets were being opened, or later. */
  #perMinute: number | undefined;
  #nodes: readonly Seed[] = [];
  #election: ElectionDriver | undefined;
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
    this.#apiView = new ApiView(clock);
    this.#group = new Group({
      ...deps,
      node: options.node,
      onReport: (report) => this.#membershipChanged(report),
      onWoke: (gap) => this.#election?.step({ kind: 'woke', gap }),
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
        this.#group.useKeys(message.keys);
        return;
      case 'bfd':
        this.#bfd.setSessions(message.sessions);
        return;
      case 'rebalance':
        this.#perMinute = message.perMinute;
        this.#election?.step({ kind: 'rebalance', perMinute: message.perMinute });
        return;
      case 'membership':
        this.#group.configure(message.profile, message.port);
        return;
      case 'api-view':
        if (this.#apiView.told(message.age)) this.#tellFacts();
        return;
      case 'addresses':
        this.#want(message.set, message.remove);
        return;
      case 'ping': {
        const counters: WireCounters = {
          layer2: this.#layer2.counters(),
          membership: this.#group.counters(),
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
    await this.#group.leave();
    this.#bfd.stop();
    this.#links.stop();
    this.#layer2.stop();
    this.#reports.tellAll();
    this.#deps.send({ kind: 'stopped' });
  }

  async #join(join: Join): Promise<void> {
    const { options, clock, random } = this.#deps;
    this.#nodes = join.nodes;
    if (!(await this.#group.open(join))) return;
    if (this.#stopping !== 'no') {
      this.#group.stop();
      return;
    }
    const config = {
      node: options.node,
      instance: this.#group.instance ?? instanceFromBytes(random.bytes(INSTANCE_BYTES)),
      settleTime: join.settleTime,
      rebalancePerMinute: undefined,
      isDeaf: () => this.#group.deaf,
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

  #setNodes(nodes: readonly Seed[]): void {
    this.#nodes = nodes;
    this.#group.setNodes(nodes);
    const own = nodes.find(({ node }) => node === this.#deps.options.node);
    if (this.#group.instance !== undefined) this.#links.join(own?.addresses ?? []);
    this.#election?.step({ kind: 'nodes', nodes: new Set(nodes.map(({ node }) => node)) });
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
        return;
      case 'duplicate-name':
      case 'duplicate-name-over':
        return;
      default:
        unreachable(report);
    }
  }

  /** In order: an address is answered for before its claim is sent, and before anything is written about it. */
  #perform(effects: readonly OutwardElectionEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'send' || effect.kind === 'holders') this.#applyDuties();
      this.#performOne(effect);
    }
    this.#applyDuties();
    logElection(this.#deps.logger, effects);
    this.#group.worked();
  }

  #performOne(effect: OutwardElectionEffect): void {
    switch (effect.kind) {
      case 'send':
        for (const node of effect.to) this.#group.send(node, effect.payload);
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
        this.#group.setDigest(effect.digest);
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
    return this.#links.facts({ version, draining, apiViewAge: this.#apiView.age });
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
