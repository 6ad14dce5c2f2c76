import { announcementJudge, type Verdicts } from '../announcement/judge.ts';
import type { AddressVerdict } from '../announcement/verdict.ts';
import { type Clock, type Milliseconds, ms, seconds, type Timer } from '../base/clock.ts';
import { formatIpAddress, type IpAddress, ipAddressIn } from '../base/ip-address.ts';
import type { Logger } from '../base/logger.ts';
import { OneOfEach } from '../base/one-of-each.ts';
import { ReconcileLoop } from '../base/reconcile-loop.ts';
import { Follower } from '../base/tracked-map.ts';
import type { BfdSessionReport } from '../bfd/session-report.ts';
import type { SessionReport } from '../bgp/session-report.ts';
import { listObjects } from '../cluster/object-lists.ts';
import type { AddressWord, ClusterReader, ReportBoard, SecretName } from '../cluster/ports.ts';
import type { Config } from '../config/config.ts';
import { decodeEffective } from '../config/effective.ts';
import type { ClusterNode } from '../inventory/node.ts';
import type { ServiceKey, ServiceRequest } from '../inventory/service-request.ts';
import { type InventoryTaker, inventoryTaker } from '../inventory/take.ts';
import type { GroupKey } from '../membership/keys.ts';
import type { Member } from '../membership/member.ts';
import type { Told } from '../status/report.ts';
import type { FromWire, Namesake, ToWire, WireAddress, WireAddressReport } from './messages.ts';
import type { Routing } from './routing.ts';
import { bgpWord, layer2Word } from './speaker-report.ts';
import { wireAddress } from './wire-address.ts';

/**
 * The control thread of a speaker: cluster -> effective configuration + inventory -> announcement -> wire thread.
 * It may stall (a list of 10,000 Services, a slow disk) without a consequence to layer 2: the wire thread goes on with
 * what it was told. What comes back from there is published as this node's report.
 */
export interface ControlDeps {
  readonly node: string;
  readonly cluster: ClusterReader & ReportBoard;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly loadBalancerClass: string | undefined;
  readonly ignoreExcludeLb: boolean;
  readonly toWire: (message: ToWire) => void;
  /** Undefined: this speaker only observes, and talks to no router. */
  readonly routing: Routing | undefined;
  /** Of the group of speakers; undefined: there are no other nodes, now and later. */
  readonly keys: readonly GroupKey[] | undefined;
  /** Shared with whoever else looks at the same cluster in this process. */
  readonly takeInventory?: InventoryTaker | undefined;
}

/** Reports of many addresses at once become one write; short enough that `kubectl wait` does not notice. */
const REPORT_DELAY = ms(20);
/** A report has all addresses in it; making reports takes no more than a tenth of the thread. */
const REPORT_SHARE = 10;
/** A report that could not be written (a full disk) is tried again: nothing else may change for hours. */
const REPORT_RETRY = ms(1000);

/** How often is looked whether the view of the cluster has become old. */
const LOOK_AT_VIEW = seconds(1);

/** What the wire thread has not confirmed by then is not so any more. */
const INHERITED_FOR = seconds(10);

export class Control {
  readonly #deps: ControlDeps;
  readonly #loop: ReconcileLoop;
  readonly #takeInventory: InventoryTaker;
  readonly #judge = announcementJudge();
  readonly #unsubscribe: () => void;
  readonly #wire = new Map<string, WireAddressReport>();
  /** What this node said last before it was started anew, of addresses that the wire thread has said nothing of yet. */
  #inherited: Map<string, AddressWord>;
  #pastTold = false;
  #past: Timer | undefined;
  readonly #holders = new OneOfEach<string>();
  readonly #states = new OneOfEach<NonNullable<WireAddressReport['layer2']>>();
  readonly #newVerdicts = new Follower<string, AddressVerdict>();
  #verdicts: Verdicts = new Map();
  #members: readonly Member[] = [];
  #nameTaken = false;
  #namesakes: readonly Namesake[] = [];
  #view: Timer | undefined;
  #viewAge = ms(0);
  /** Of the election, as the wire thread was told. */
  #settings: { readonly profile: string; readonly port: number; readonly perMinute: number | undefined } | undefined;
  #nodes: ReadonlyMap<string, ClusterNode> | undefined;
  #seeds = '';
  #moves: { readonly text: string; readonly services: readonly ServiceKey[] } = { text: '', services: [] };
  #movesReadIn: ReadonlyMap<ServiceKey, ServiceRequest> | undefined;
  #effectiveText: string | undefined;
  #config: Config | undefined;
  #layer2Settings = '';
  #publishing: Timer | undefined;
  #reportDelay = REPORT_DELAY;
  #unknownNodeTold = false;
  #reportFailing = false;
  #stopped = false;

  constructor(deps: ControlDeps) {
    this.#deps = deps;
    const { cluster, clock, logger } = deps;
    this.#takeInventory = deps.takeInventory ?? inventoryTaker(deps.node);
    this.#loop = new ReconcileLoop(
      'speaker',
      clock,
      () => this.#pass(),
      (thrown) => {
        logger.error('a bug: the speaker could not finish a pass', { err: thrown });
      },
    );
    const last = cluster.reports().find((report) => report.node === deps.node)?.addresses ?? new Map<string, never>();
    this.#inherited = new Map([...last].map(([address, [first]]) => [address, first!]));
    this.#unsubscribe = cluster.onChange(() => this.#loop.mark());
    this.#loop.mark();
    this.#lookAtView();
  }

  /** For metrics, readiness and the report. */
  snapshot(): ControlSnapshot {
    return {
      configured: this.#config !== undefined,
      verdicts: this.#verdicts,
      wire: [...this.#wire.values()],
      nodes: this.#nodes,
      members: this.#members,
      nameTaken: this.#nameTaken,
      namesakes: this.#namesakes,
      sessions: this.#deps.routing?.sessions() ?? [],
      bfd: this.#deps.routing?.bfdSessions() ?? [],
      told: this.#deps.routing?.told() ?? (() => undefined),
    };
  }

  /** A session of BGP came up or went down: what is reported of addresses may change. */
  sessionsChanged(): void {
    this.#publishAfter(this.#reportDelay);
  }

  fromWire(message: Extract<FromWire, { kind: 'report' | 'members' }>): void {
    if (message.kind === 'members') {
      this.#members = message.members;
      this.#namesakes = message.namesakes;
      if (message.nameTaken !== this.#nameTaken) {
        this.#nameTaken = message.nameTaken;
        this.#publishAfter(this.#reportDelay);
      }
      return;
    }
    for (const { address } of message.changed) this.#inherited.delete(formatIpAddress(address));
    for (const address of message.removed) {
      this.#wire.delete(formatIpAddress(address));
      this.#inherited.delete(formatIpAddress(address));
    }
    for (const report of message.changed)
      this.#wire.set(formatIpAddress(report.address), {
        ...report,
        holder: report.holder && this.#holders.of(report.holder),
        layer2: report.layer2 && this.#states.of(report.layer2),
      });
    this.#publishAfter(this.#reportDelay);
  }

  stop(): void {
    this.#unsubscribe();
    this.#loop.stop();
    this.#publishing?.stop();
    this.#past?.stop();
    this.#view?.stop();
    this.#stopped = true;
  }

  #pass(): void {
    const { cluster, node, ignoreExcludeLb, loadBalancerClass, toWire } = this.#deps;
    const config = this.#effectiveConfig();
    if (config === undefined) return;
    const inventory = this.#takeInventory(listObjects(cluster));
    // One that has nothing to say says so: a controller that has just started waits for its word.
    if (this.#nodes === undefined) this.#publishAfter(this.#reportDelay);
    this.#warnWhenUnknown(inventory.nodes);
    const verdicts = this.#judge({
      config,
      services: inventory.services,
      endpoints: inventory.endpoints,
      nodes: inventory.nodes,
      ignoreExcludeLb,
      loadBalancerClass,
    });
    this.#verdicts = verdicts;
    this.#tellNodes(inventory.nodes, config);
    const set: WireAddress[] = [];
    const remove: IpAddress[] = [];
    const changed = new Set(this.#newVerdicts.changed(verdicts));
    for (const { address } of this.#movesChanged(inventory.services)) changed.add(formatIpAddress(address));
    for (const address of changed) {
      const verdict = verdicts.get(address);
      const entry = verdict && wireAddress(verdict, inventory.services, node);
      if (entry === undefined) remove.push(ipAddressIn(address));
      else set.push(entry);
    }
    this.#newVerdicts.seen();
    if (set.length > 0 || remove.length > 0) toWire({ kind: 'addresses', set: this.#withPast(set), remove });
    // After the wire thread, which then works beside us.
    const own = inventory.nodes.get(node);
    if (own !== undefined) this.#deps.routing?.update({ config, node: own, verdicts, secrets: cluster.list('Secret') });
  }

  /** The wire thread tells other nodes, so that one that knows better may ask for what this one should not hold any more. */
  #lookAtView(): void {
    const { cluster, clock, toWire } = this.#deps;
    this.#view = clock.startTimer('view of the cluster', LOOK_AT_VIEW, () => this.#lookAtView());
    const age = cluster.viewAge();
    if (age > 0 || this.#viewAge > 0) toWire({ kind: 'api-view', age });
    this.#viewAge = age;
  }

  /** In the first pass this is everything that there is: what else was inherited is nobody's business any more. */
  #withPast(set: readonly WireAddress[]): readonly WireAddress[] {
    if (this.#pastTold) return set;
    this.#pastTold = true;
    const before = this.#inherited;
    this.#inherited = new Map();
    if (before.size === 0) return set;
    this.#past = this.#deps.clock.startTimer('inherited report', INHERITED_FOR, () => {
      this.#inherited.clear();
      this.#publishAfter(this.#reportDelay);
    });
    return set.map((entry) => {
      const text = formatIpAddress(entry.address);
      const said = before.get(text);
      if (said === undefined) return entry;
      this.#inherited.set(text, said);
      return said.state === 'announced' && said.reason === undefined ? { ...entry, announcedBefore: true } : entry;
    });
  }

  /** The first time, this is what the wire thread waits for to take part. */
  #tellNodes(nodes: ReadonlyMap<string, ClusterNode>, { membership, election }: Config): void {
    const { keys, toWire } = this.#deps;
    const { profile, port, settleTime } = membership;
    const told = this.#settings;
    const settings = { profile, port, perMinute: election.rebalancePerMinute };
    this.#settings = settings;
    if (told !== undefined && (told.profile !== profile || told.port !== port))
      toWire({ kind: 'membership', profile, port });
    if (nodes !== this.#nodes) {
      this.#nodes = nodes;
      const seeds = [...nodes.values()].map(({ name, addresses }) => ({
        node: name,
        addresses: addresses.map((address) => ({ address, port })),
      }));
      const text = seeds
        .map((seed) => [seed.node, ...seed.addresses.map(({ address }) => formatIpAddress(address))].join(' '))
        .join(',');
      if (told === undefined) toWire({ kind: 'join', join: { profile, port, settleTime, keys, nodes: seeds } });
      else if (text !== this.#seeds) toWire({ kind: 'nodes', nodes: seeds });
      this.#seeds = text;
    }
    if (told === undefined || told.perMinute !== settings.perMinute)
      toWire({ kind: 'rebalance', perMinute: settings.perMinute });
  }

  /** Of addresses that `clarion move` asks for, or asked for, otherwise than before. */
  #movesChanged(services: ReadonlyMap<ServiceKey, ServiceRequest>): readonly AddressVerdict[] {
    if (services === this.#movesReadIn) return [];
    this.#movesReadIn = services;
    const asked = [...services.values()].filter(({ moveTo }) => moveTo !== undefined);
    const text = asked.map(({ key, moveTo }) => `${key} ${JSON.stringify(moveTo, bigintText)}`).join(',');
    if (text === this.#moves.text) return [];
    const keys = new Set([...asked.map(({ key }) => key), ...this.#moves.services]);
    this.#moves = { text, services: asked.map(({ key }) => key) };
    return [...this.#verdicts.values()].filter((verdict) => verdict.services.some((key) => keys.has(key)));
  }

  #effectiveConfig(): Config | undefined {
    const { cluster, logger, toWire } = this.#deps;
    const text = cluster.effectiveConfig();
    if (text === undefined || text === this.#effectiveText) return this.#config;
    this.#effectiveText = text;
    const effective = decodeEffective(text);
    if (!effective.ok) {
      logger.error('the effective configuration cannot be read; the one before stays in force', {
        why: effective.error,
      });
      return this.#config;
    }
    this.#config = effective.value.config;
    cluster.wantSecrets(secretsNamed(this.#config));
    const settings = JSON.stringify(this.#config.layer2);
    if (settings !== this.#layer2Settings) toWire({ kind: 'layer2-settings', settings: this.#config.layer2 });
    this.#layer2Settings = settings;
    return this.#config;
  }

  /** Nothing is announced from a node that nobody knows; said once, since every pass finds it again. */
  #warnWhenUnknown(nodes: ReadonlyMap<string, ClusterNode>): void {
    const { node, logger } = this.#deps;
    if (!nodes.has(node) && !this.#unknownNodeTold)
      logger.warn('no Node object has the name of this speaker, so it may announce nothing', {
        node,
        nodes: [...nodes.keys()].slice(0, 10),
        next: 'start the speaker with --node NAME, or add the Node',
      });
    this.#unknownNodeTold = !nodes.has(node);
  }

  #publishAfter(delay: Milliseconds): void {
    if (this.#stopped) return;
    const { clock } = this.#deps;
    this.#publishing ??= clock.startTimer('report', delay, () => {
      this.#publishing = undefined;
      const started = clock.now();
      this.#publish();
      this.#reportDelay = ms(Math.max(REPORT_DELAY, REPORT_SHARE * (clock.now() - started)));
    });
  }

  #publish(): void {
    const { cluster, clock, node, logger } = this.#deps;
    // What one says that holds nothing would overwrite the report of the one whose name it is.
    if (this.#nameTaken) return;
    const told = this.#deps.routing?.told();
    const addresses = new Map<string, readonly AddressWord[]>();
    const say = (address: string, word: AddressWord | undefined): void => {
      if (word !== undefined) addresses.set(address, [...(addresses.get(address) ?? []), word]);
    };
    for (const [address, report] of this.#wire) say(address, layer2Word(report, node));
    for (const [address, word] of this.#inherited) say(address, word);
    for (const [text, { address }] of this.#verdicts) say(text, bgpWord(told?.(address)));
    void cluster.publish({ node, at: clock.wallTime().toISOString(), addresses }).then((outcome) => {
      const failing = outcome.kind !== 'done';
      if (failing && !this.#reportFailing) logger.warn('report not published', { why: outcome.message });
      if (!failing && this.#reportFailing) logger.info('report published after all');
      this.#reportFailing = failing;
      if (outcome.kind === 'retry') this.#publishAfter(REPORT_RETRY);
    });
  }
}

function secretsNamed({ peers, bfdProfiles }: Config): readonly SecretName[] {
  const keys = bfdProfiles.flatMap(({ authentication }) => authentication?.keySecret ?? []);
  return [...peers.flatMap(({ passwordSecret }) => passwordSecret ?? []), ...keys];
}

export interface ControlSnapshot {
  readonly configured: boolean;
  readonly verdicts: Verdicts;
  readonly wire: readonly WireAddressReport[];
  readonly nodes: ReadonlyMap<string, ClusterNode> | undefined;
  /** Of every other node. */
  readonly members: readonly Member[];
  /** Another speaker that came first has this node's name. */
  readonly nameTaken: boolean;
  readonly namesakes: readonly Namesake[];
  readonly sessions: readonly SessionReport[];
  /** As of the last change of each. */
  readonly bfd: readonly BfdSessionReport[];
  readonly told: (address: IpAddress) => Told | undefined;
}

const bigintText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
