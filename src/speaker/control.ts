import { isDeepStrictEqual } from 'node:util';
import { announcementJudge, type Verdicts } from '../announcement/judge.ts';
import type { AddressVerdict } from '../announcement/verdict.ts';
import { type Clock, ms, seconds, type Timer } from '../base/clock.ts';
import { formatIpAddress, type IpAddress, ipAddressIn } from '../base/ip-address.ts';
import type { Logger } from '../base/logger.ts';
import { ReconcileLoop } from '../base/reconcile-loop.ts';
import { Follower } from '../base/tracked-map.ts';
import type { BfdSessionReport } from '../bfd/session-report.ts';
import type { SessionReport } from '../bgp/session-report.ts';
import { passObjects } from '../cluster/object-lists.ts';
import type { ClusterReader, ReportBoard, SecretName } from '../cluster/ports.ts';
import type { Config } from '../config/config.ts';
import { decodeEffective } from '../config/effective.ts';
import type { ClusterNode } from '../inventory/node.ts';
import type { ServiceKey, ServiceRequest } from '../inventory/service-request.ts';
import { type InventoryTaker, inventoryTaker } from '../inventory/take.ts';
import type { GroupKey } from '../membership/keys.ts';
import type { Member } from '../membership/member.ts';
import type { Told } from '../status/report.ts';
import type { FromWire, Namesake, ToWire, WireAddress, WireAddressReport } from './messages.ts';
import { OwnReport } from './own-report.ts';
import type { Routing } from './routing.ts';
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
  readonly #report: OwnReport;
  #pastTold = false;
  #past: Timer | undefined;
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
  readonly #newServices = new Follower<ServiceKey, ServiceRequest>();
  /** What `clarion move` asks for, as the wire thread was told. */
  readonly #moves = new Map<ServiceKey, NonNullable<ServiceRequest['moveTo']>>();
  #effectiveText: string | undefined;
  #config: Config | undefined;
  #layer2Settings = '';
  #unknownNodeTold = false;

  constructor(deps: ControlDeps) {
    this.#deps = deps;
    const { node, cluster, clock, logger, routing } = deps;
    this.#takeInventory = deps.takeInventory ?? inventoryTaker(node);
    this.#report = new OwnReport({ node, board: cluster, clock, logger, routing });
    this.#loop = new ReconcileLoop(
      'speaker',
      clock,
      () => this.#pass(),
      (thrown) => {
        logger.error('a bug: the speaker could not finish a pass', { err: thrown });
      },
    );
    this.#unsubscribe = cluster.onChange(() => this.#loop.mark());
    this.#loop.mark();
    this.#lookAtView();
  }

  /** For metrics, readiness and the report. */
  snapshot(): ControlSnapshot {
    return {
      configured: this.#config !== undefined,
      verdicts: this.#verdicts,
      wire: this.#report.wire,
      nodes: this.#nodes,
      members: this.#members,
      nameTaken: this.#nameTaken,
      namesakes: this.#namesakes,
      sessions: this.#deps.routing?.sessions() ?? [],
      bfd: this.#deps.routing?.bfdSessions() ?? [],
      told: this.#deps.routing?.told() ?? (() => undefined),
    };
  }

  /** A session of BGP came up or went down, or routes changed: what is reported of addresses may change. */
  sessionsChanged(): void {
    this.#report.publishSoon();
  }

  fromWire(message: Extract<FromWire, { kind: 'report' | 'members' }>): void {
    if (message.kind === 'report') {
      this.#report.fromWire(message.changed, message.removed);
      return;
    }
    this.#members = message.members;
    this.#namesakes = message.namesakes;
    this.#nameTaken = message.nameTaken;
    this.#report.nameTaken(message.nameTaken);
  }

  stop(): void {
    this.#unsubscribe();
    this.#loop.stop();
    this.#report.stop();
    this.#past?.stop();
    this.#view?.stop();
  }

  #pass(): void {
    const { cluster, node, ignoreExcludeLb, loadBalancerClass, toWire } = this.#deps;
    const config = this.#effectiveConfig();
    if (config === undefined) return;
    const inventory = this.#takeInventory(passObjects(cluster));
    // One that has nothing to say says so: a controller that has just started waits for its word.
    if (this.#nodes === undefined) this.#report.publishSoon();
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
    for (const address of this.#movesChanged(inventory.services)) changed.add(address);
    for (const address of changed) {
      const verdict = verdicts.get(address);
      const entry = verdict && wireAddress(verdict, inventory.services, node);
      if (entry === undefined) remove.push(ipAddressIn(address));
      else set.push(entry);
    }
    if (set.length > 0 || remove.length > 0) toWire({ kind: 'addresses', set: this.#withPast(set), remove });
    this.#newVerdicts.seen();
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

  /** In the first pass this is everything that there is. */
  #withPast(set: readonly WireAddress[]): readonly WireAddress[] {
    if (this.#pastTold) return set;
    this.#pastTold = true;
    const inherited = this.#report.inherit(new Set(set.map(({ address }) => formatIpAddress(address))));
    if (inherited.size === 0) return set;
    this.#past = this.#deps.clock.startTimer('inherited report', INHERITED_FOR, () => this.#report.disinherit());
    return set.map((entry) => {
      const said = inherited.get(formatIpAddress(entry.address));
      return said?.state === 'announced' && said.reason === undefined ? { ...entry, announcedBefore: true } : entry;
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

  /** Addresses that `clarion move` asks for, or asked for, otherwise than before. */
  #movesChanged(services: ReadonlyMap<ServiceKey, ServiceRequest>): readonly string[] {
    const addresses: string[] = [];
    for (const key of this.#newServices.changed(services)) {
      const service = services.get(key);
      if (isDeepStrictEqual(service?.moveTo, this.#moves.get(key))) continue;
      if (service?.moveTo === undefined) this.#moves.delete(key);
      else this.#moves.set(key, service.moveTo);
      // Those of a Service that is gone, and those that it has no more, have another verdict.
      addresses.push(...(service?.assigned ?? []).map(formatIpAddress));
    }
    this.#newServices.seen();
    return addresses.filter((address) => this.#verdicts.has(address));
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
}

function secretsNamed({ peers, bfdProfiles }: Config): readonly SecretName[] {
  const keys = bfdProfiles.flatMap(({ authentication }) => authentication?.keySecret ?? []);
  return [...peers.flatMap(({ passwordSecret }) => passwordSecret ?? []), ...keys];
}

export interface ControlSnapshot {
  readonly configured: boolean;
  readonly verdicts: Verdicts;
  readonly wire: ReadonlyMap<string, WireAddressReport>;
  readonly nodes: ReadonlyMap<string, ClusterNode> | undefined;
  /** Of every other node. */
  readonly members: readonly Member[];
  /** Another speaker that came first has this node's name. */
  readonly nameTaken: boolean;
  readonly namesakes: readonly Namesake[];
  readonly sessions: readonly SessionReport[];
  /** As of the last change of each. */
  readonly bfd: readonly BfdSessionReport[];
  readonly told: (address: string) => Told | undefined;
}
