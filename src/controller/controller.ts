import { isDeepStrictEqual } from 'node:util';
import { Allocation } from '../allocation/allocation.ts';
import type { AllocationDecision } from '../allocation/decision.ts';
import { announcementJudge, type Verdicts } from '../announcement/judge.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { ms, seconds } from '../base/clock.ts';
import { formatIpAddress } from '../base/ip-address.ts';
import type { Logger } from '../base/logger.ts';
import type { Problem } from '../base/problem.ts';
import type { Random } from '../base/random.ts';
import { ReconcileLoop } from '../base/reconcile-loop.ts';
import { Follower } from '../base/tracked-map.ts';
import { passObjects } from '../cluster/object-lists.ts';
import type { ClusterReader, ClusterWriter, Condition, ReportBoard, ServiceStatus } from '../cluster/ports.ts';
import type { EffectiveConfig } from '../config/effective.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { ServiceKey } from '../inventory/service-request.ts';
import { type InventoryTaker, inventoryTaker } from '../inventory/take.ts';
import { servicesAsDecided } from './as-decided.ts';
import { AwaitedWords } from './awaited-words.ts';
import { allocatedCondition, announcedCondition } from './conditions.ts';
import { Configuration } from './configuration.ts';
import { KnownAddresses } from './known-addresses.ts';
import { leftovers } from './leftovers.ts';
import { PoolsInUse } from './pools-in-use.ts';
import { problemEvents } from './problem-events.ts';
import { problemLog } from './problem-log.ts';
import { type Standing, serviceEvents } from './service-events.ts';
import { StatusWrites } from './status-writes.ts';

/**
 * The controller: cluster -> config + inventory -> allocation -> announcement -> cluster. A pass looks at what changed since the
 * one before (base/tracked-map.ts), decides that anew, and writes the statuses that differ. It holds no rule of its own: those
 * are in config/, inventory/, allocation/ and announcement/.
 */
export interface ControllerDeps {
  readonly cluster: ClusterReader & ClusterWriter & ReportBoard;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** What the one node is called where there are no Node objects. */
  readonly node: string;
  readonly loadBalancerClass: string | undefined;
  readonly ignoreExcludeLb: boolean;
  /** Shared with whoever else looks at the same cluster in this process. */
  readonly takeInventory?: InventoryTaker | undefined;
  /** There is no speaker in this process, for which a pass would wait. */
  readonly alone?: boolean | undefined;
  /** Whether this controller still is the active one, asked before each write of a status; absent where it is the only one. */
  readonly mayWrite?: (() => boolean) | undefined;
}

/**
 * A status may be so late; what a speaker of the same process tells its wire thread at the same time may not. A kernel in a
 * virtual machine often leaves both threads on one core although another one sleeps, and then the wire thread runs when we sleep.
 */
const BREATH = ms(2);

/** While so many statuses wait for the API server, what another pass would decide waits as well: the cores are the server's. */
const BACKLOG = 100;
const REST_IN_BACKLOG = ms(200);

export class Controller {
  readonly #deps: ControllerDeps;
  readonly #loop: ReconcileLoop;
  readonly #writes: StatusWrites;
  readonly #configuration: Configuration;
  readonly #takeInventory: InventoryTaker;
  readonly #judge = announcementJudge();
  readonly #allocation = new Allocation();
  readonly #asDecided = servicesAsDecided();
  readonly #tellProblems: (problems: readonly Problem[]) => readonly Problem[];
  readonly #unsubscribe: () => void;
  readonly #known = new KnownAddresses();
  readonly #poolsInUse = new PoolsInUse();
  readonly #newDecisions = new Follower<ServiceKey, AllocationDecision>();
  readonly #decided = new Map<ServiceKey, Standing>();
  /** Of which something is known that their standing does not say yet; what a pass that failed did not come to stays here. */
  readonly #concerned = new Set<ServiceKey>();
  /** Services that have what they are to have; what speakers say of them is not known yet. */
  readonly #unheard = new Set<ServiceKey>();
  readonly #awaited = new AwaitedWords();
  #begun = false;
  #effective: EffectiveConfig | undefined;
  #inventory: Inventory | undefined;
  #due: Timer | undefined;
  #again: Timer | undefined;
  #stopped = false;

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    const { cluster, clock, logger } = deps;
    this.#takeInventory = deps.takeInventory ?? inventoryTaker(deps.node);
    this.#configuration = new Configuration(cluster, logger, () => this.#passSoon());
    this.#writes = new StatusWrites(deps);
    this.#tellProblems = problemLog(logger);
    this.#loop = new ReconcileLoop(
      'controller',
      clock,
      () => this.#pass(),
      (thrown) => {
        logger.error('a bug: the controller could not finish a pass', { err: thrown });
      },
      {
        breath: deps.alone === true ? undefined : BREATH,
        rest: () => (this.#writes.pending > BACKLOG ? REST_IN_BACKLOG : ms(0)),
      },
    );
    this.#unsubscribe = cluster.onChange(() => this.#loop.mark());
    this.#loop.mark();
  }

  /** For metrics and status: what holds as of the last pass. */
  snapshot() {
    return {
      effective: this.#effective,
      usage: this.#allocation.usage(),
      decisions: [...this.#decided.values()].map(({ decision }) => decision),
      problems: this.#problems(),
      pendingWrites: this.#writes.pending,
    };
  }

  /** Resolves when nothing is on its way to the cluster any more. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#loop.stop();
    this.#due?.stop();
    this.#again?.stop();
    this.#stopped = true;
    await this.#writes.stop();
  }

  #pass(): void {
    const { cluster, clock, loadBalancerClass, ignoreExcludeLb } = this.#deps;
    const objects = passObjects(cluster);
    const inventory = this.#takeInventory(objects);
    this.#inventory = inventory;
    this.#effective = this.#configuration.update(this.#poolsInUse.in(inventory.services));
    const decisions = this.#allocation.reconcile({
      pools: this.#effective.config.pools,
      services: inventory.services,
      namespaces: inventory.namespaces,
      loadBalancerClass,
      now: clock.now(),
    });
    const verdicts = this.#judge({
      config: this.#effective.config,
      services: this.#asDecided(inventory.services, decisions),
      endpoints: inventory.endpoints,
      nodes: inventory.nodes,
      ignoreExcludeLb,
      loadBalancerClass,
    });
    for (const event of problemEvents(this.#tellProblems(this.#problems()))) cluster.recordEvent(event);
    // Of what stopped being a LoadBalancer while no controller was active there is nothing in the memory of this one.
    if (!this.#begun) for (const service of leftovers([...objects.Service.values()])) this.#clear(service);
    this.#begun = true;
    this.#writeStatuses(decisions, verdicts);
    this.#writes.passed(objects.Service);
    this.#wakeWhenDue();
  }

  /** Of the configuration, the files and the objects. */
  #problems(): readonly Problem[] {
    return [...this.#configuration.problems(), ...this.#deps.cluster.problems(), ...(this.#inventory?.problems ?? [])];
  }

  /** A Service that is no LoadBalancer any more: an API server takes the address away by itself, and leaves our conditions. */
  #clear(service: ServiceKey): void {
    const [namespace, name] = splitKey(service);
    this.#writes.want(namespace, name, { ingress: [], pool: undefined, conditions: [] });
  }

  /** Of 10,000 Services all but a few are as they were, and are not looked at. */
  #writeStatuses(decisions: ReadonlyMap<ServiceKey, AllocationDecision>, verdicts: Verdicts): void {
    const { cluster, clock } = this.#deps;
    const heard = cluster.heardAll();
    const news = [
      this.#newDecisions.changed(decisions),
      this.#known.update(verdicts, cluster.reports()),
      this.#awaited.overdue(clock.now()),
    ];
    for (const services of heard ? [...news, this.#unheard] : news)
      for (const service of services) this.#concerned.add(service);
    this.#newDecisions.seen();
    for (const service of this.#concerned) {
      const decision = decisions.get(service);
      if (decision === undefined) this.#giveUp(service);
      else this.#settle(service, decision, heard);
      this.#concerned.delete(service);
    }
  }

  #settle(service: ServiceKey, decision: AllocationDecision, heard: boolean): void {
    const before = this.#decided.get(service);
    if (before === undefined && !heard && this.#waitsToBeHeard(decision)) {
      this.#unheard.add(service);
      return;
    }
    this.#unheard.delete(service);
    this.#decided.set(service, this.#decide(before, decision));
  }

  /** It is no Service of ours any more. */
  #giveUp(service: ServiceKey): void {
    const before = this.#decided.get(service);
    this.#unheard.delete(service);
    this.#awaited.forget(service);
    this.#decided.delete(service);
    if (before === undefined || this.#inventory?.services.get(service)?.loadBalancer !== false) return;
    const decision = { ...before.decision, addresses: [], pool: undefined, reason: undefined, message: undefined };
    this.#tellEvents(before, { decision, conditions: [] });
    this.#clear(service);
  }

  /**
   * A controller that has just become active does not know yet what speakers say. What has its addresses already keeps the
   * conditions that it has until they have been heard, or every restart would write every Service twice.
   */
  #waitsToBeHeard({ service, addresses, pool }: AllocationDecision): boolean {
    const standing = this.#inventory?.services.get(service);
    return (
      addresses.length > 0 &&
      standing?.assignedPool === pool &&
      isDeepStrictEqual(standing?.assigned, addresses) &&
      addresses.some((address) => !this.#known.news.has(formatIpAddress(address)))
    );
  }

  #decide(before: Standing | undefined, decision: AllocationDecision): Standing {
    const conditions = conditionsOf(decision, this.#known);
    const now = this.#deps.clock.now();
    const after: Standing = { decision, conditions: this.#awaited.conditions(before, { decision, conditions }, now) };
    const status = statusIn(after);
    this.#tellEvents(before, after);
    if (before !== undefined && isDeepStrictEqual(statusIn(before), status)) return after;
    const [namespace, name] = splitKey(decision.service);
    this.#writes.want(namespace, name, status);
    return after;
  }

  #tellEvents(before: Standing | undefined, after: Standing): void {
    const { cluster, logger } = this.#deps;
    const { service } = after.decision;
    const [namespace, name] = splitKey(service);
    const assigned = this.#inventory?.services.get(service)?.assigned.map(formatIpAddress).join(', ') ?? '';
    for (const event of serviceEvents(before, after, assigned)) {
      cluster.recordEvent({ regarding: { kind: 'Service', namespace, name }, ...event });
      const level = event.type === 'Warning' ? 'warn' : 'info';
      // AddressAssigned -> "address assigned"
      const phrase = event.reason.replace(/(?!^)[A-Z]/g, ' $&').toLowerCase();
      logger[level](phrase, { service, what: event.message });
    }
  }

  /** What could not be published is published by the next pass; here is one, should nothing else ask for it. */
  #passSoon(): void {
    this.#again?.stop();
    if (!this.#stopped) this.#again = this.#deps.clock.startTimer('publish again', seconds(1), () => this.#loop.mark());
  }

  /** An address that rests (reuseAfter) may become free without anything else changing, and patience may end. */
  #wakeWhenDue(): void {
    this.#due?.stop();
    const due = Math.min(this.#allocation.nextDue() ?? Infinity, this.#awaited.nextDue() ?? Infinity);
    if (due === Infinity) return;
    const { clock } = this.#deps;
    this.#due = clock.startTimer('due', ms(Math.max(1, due - clock.now())), () => this.#loop.mark());
  }
}

function conditionsOf(decision: AllocationDecision, known: KnownAddresses): readonly Condition[] {
  // Not ours any more: our conditions go with the address.
  if (isForeign(decision)) return [];
  const { addresses } = decision;
  const allocated = allocatedCondition(decision);
  if (addresses.length === 0) return [allocated];
  return [allocated, announcedCondition(addresses, (address) => known.verdictOf(formatIpAddress(address)), known.news)];
}

function statusIn({ decision, conditions }: Standing): ServiceStatus {
  if (isForeign(decision)) return { ingress: [], pool: undefined, conditions };
  return { ingress: decision.addresses.map(formatIpAddress), pool: decision.pool, conditions };
}

const isForeign = ({ reason }: AllocationDecision): boolean =>
  reason === 'not-load-balancer' || reason === 'other-class';

function splitKey(key: ServiceKey): [string, string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
}
