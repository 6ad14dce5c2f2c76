import type { MembershipEffect } from '../../src/membership/events.ts';
import type { Member, MemberStatus } from '../../src/membership/member.ts';
import { DEFAULT_PROFILE, type Profile } from '../../src/membership/settings.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { MembershipNode, type MembershipReport, nameOf, type SimulatedDatagram, seedsOf } from './membership-node.ts';
import { GOOD_NETWORK, type NetworkConditions, SimulatedNetwork, SimulatedTime } from './network-model.ts';

interface WorldOptions {
  readonly count: number;
  readonly seed: number;
  readonly profile?: Profile;
  readonly conditions?: Partial<NetworkConditions>;
  readonly late?: { readonly part: number; readonly by: number };
}

type Changed = Extract<MembershipEffect, { kind: 'member-changed' }>;

/** One report, with when and at whom. */
export interface Seen {
  readonly at: number;
  readonly by: string;
  readonly report: MembershipReport;
}

/** A cluster of memberships, nothing on top: node-1 to node-N. The same seed gives the same story. */
export class MembershipWorld {
  readonly time = new SimulatedTime();
  readonly network: SimulatedNetwork<SimulatedDatagram>;
  readonly nodes: MembershipNode[] = [];
  readonly random;
  /** All but notices, which are counted. */
  readonly seen: Seen[] = [];
  suspicions = 0;
  readonly #options: WorldOptions;
  #births = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    this.network = new SimulatedNetwork(this.time, this.random, { ...GOOD_NETWORK, ...options.conditions });
    for (let number = 1; number <= options.count; number++) this.start(number);
  }

  /** A new process on that node; `name` and `place` make it claim what is another one's. */
  start(number: number, name = nameOf(number), place = number): MembershipNode {
    const { count, profile = DEFAULT_PROFILE, late, seed } = this.#options;
    const options = {
      node: name,
      profile,
      time: this.time,
      network: this.network,
      seed: seed * 7919 + this.#births++,
      ...(late === undefined ? {} : { late }),
      onReport: (report: MembershipReport) => {
        if (report.kind !== 'notice') this.seen.push({ at: this.time.now, by: name, report });
        else if (report.notice.kind === 'suspicion-began') this.suspicions++;
      },
    };
    const node = new MembershipNode(options, place);
    this.nodes[number - 1] = node;
    node.step({ kind: 'seeds-changed', seeds: seedsOf(count) });
    node.step({ kind: 'started' });
    return node;
  }

  node(number: number): MembershipNode {
    return this.nodes[number - 1]!;
  }

  run(duration: number): void {
    this.time.run(duration);
  }

  /** What that node thinks of the other one. */
  view(by: number, of: number): Member | undefined {
    return this.node(by)
      .fsm.members()
      .find(({ node }) => node === nameOf(of));
  }

  /** Everybody is a member for everybody. */
  whole(numbers = this.nodes.map((_, i) => i + 1)): boolean {
    return numbers.every((by) => numbers.every((of) => by === of || this.view(by, of)?.status === 'alive'));
  }

  changes(status: MemberStatus, of?: number): readonly (Seen & { readonly report: Changed })[] {
    return this.seen.filter(
      (seen): seen is Seen & { readonly report: Changed } =>
        seen.report.kind === 'member-changed' &&
        seen.report.member.status === status &&
        (of === undefined || seen.report.member.node === nameOf(of)),
    );
  }
}

/** How long after its death a member is called dead: by the first, and by the last of the others. */
export function detection(options: WorldOptions): { readonly first: number; readonly last: number } {
  const world = new MembershipWorld(options);
  world.run(2000 + 1000 * world.random.fraction());
  const died = world.time.now;
  world.node(1).die();
  world.run(3000);
  const times = world.changes('dead', 1).map(({ at }) => at - died);
  if (times.length !== options.count - 1 || times.some((time) => time < 0))
    throw new Error(`seed ${options.seed}: ${times.length} of ${options.count - 1} noticed it, at ${times.join(', ')}`);
  return { first: Math.min(...times), last: Math.max(...times) };
}

/** The value below which that part of all is. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}
