import type { Endpoint } from '../inventory/endpoint.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { sameVerdict } from './diff.ts';
import { type Ground, type GroundFacts, groundOf, sameGround } from './ground.ts';
import { type Judged, type Seat, Seating } from './seating.ts';
import { servingOf } from './serving.ts';
import type { AddressVerdict } from './verdict.ts';

/**
 * Announcement: which node may say what about which address, or why not. The path of one address:
 *
 *   who holds it               ─> seating.ts         which of our Services
 *   its pool and its Services   ─> selection.ts       which advertisements select them
 *                               ─> footing.ts         what those and the Node allow, for each node (route.ts: to which peers)
 *                               ─> serving.ts         where endpoints serve
 *                               ─> node-verdicts.ts   both together: may, or why not
 *
 * ground.ts keeps what addresses have in common.
 *
 * The order of the rules is the order of the reasons: endpoints, the Node, advertisements, interfaces and peers, and last
 * the drain, which bars nobody unless another node can take over. What only a node knows of itself is not here.
 *
 * Every speaker judges every node, so that all agree on the candidates without a word; the price is that this runs on each
 * change over all addresses. So everything that many addresses have in common is computed once, and a verdict that says the
 * same as in the pass before *is* the same object.
 *
 * Deliberately missing: a Service that is not (or no longer) ours has no say, whatever its status holds; whether an
 * address was rightly assigned is allocation's business, and one that was is announced even when its pool is gone.
 */
export interface AnnouncementInput extends GroundFacts, Pick<Inventory, 'services' | 'endpoints'> {
  /** Undefined: Services without a class are ours. */
  readonly loadBalancerClass: string | undefined;
}

/** One judgement from nothing; sorted by address. */
export const judgeAnnouncements = (input: AnnouncementInput): readonly AddressVerdict[] => announcementJudge()(input);

/**
 * For judging again and again: keeps the identity of verdicts that did not change. Where only endpoints change, as they do
 * most often, an address costs no more than a look at its own.
 */
export function announcementJudge(): (input: AnnouncementInput) => readonly AddressVerdict[] {
  let ground: Ground | undefined;
  let asked: AnnouncementInput | undefined;
  const seating = new Seating();
  let verdicts: readonly AddressVerdict[] = [];

  return (input) => {
    const moved = ground === undefined || !sameGround(ground.facts, input);
    if (ground === undefined || moved) {
      const { config, nodes, ignoreExcludeLb } = input;
      // No more than that: the ground lives long, and would keep the Services of this pass alive.
      ground = groundOf({ config, nodes, ignoreExcludeLb });
    }
    const reseated = asked?.services !== input.services || asked.loadBalancerClass !== input.loadBalancerClass;
    if (!moved && !reseated && asked?.endpoints === input.endpoints) return verdicts;
    asked = input;
    let changed = reseated && seating.take(input.services, input.loadBalancerClass);
    for (const seat of seating.seats) {
      if (stillHolds(seat, ground, input.endpoints)) continue;
      const before = seat.judged?.verdict;
      seat.judged = judgeSeat(ground, seat, input);
      changed ||= seat.judged.verdict !== before;
    }
    if (changed) verdicts = seating.seats.map(({ judged }) => judged!.verdict);
    return verdicts;
  };
}

const noEndpoints: readonly Endpoint[] = [];

/** A loop, and a plain one: it runs for every address on every change. */
function stillHolds({ services, judged }: Seat, ground: Ground, endpoints: AnnouncementInput['endpoints']): boolean {
  if (judged === undefined || judged.ground !== ground || judged.services !== services) return false;
  for (let i = 0; i < services.length; i++)
    if ((endpoints.get(services[i]!.key) ?? noEndpoints) !== judged.endpoints[i]) return false;
  return true;
}

function judgeSeat(ground: Ground, { address, services, judged }: Seat, input: AnnouncementInput): Judged {
  const endpoints = services.map(({ key }) => input.endpoints.get(key) ?? noEndpoints);
  const pool = ground.poolAt(address)?.name ?? services.find(({ assignedPool }) => assignedPool)?.assignedPool;
  const plot = ground.plotFor(pool, services);
  const serving = servingOf(services, endpoints);
  const verdict: AddressVerdict = {
    address,
    services: services.map(({ key }) => key),
    pool,
    barred: plot.advertised ? (serving.kind === 'nowhere' ? 'no-endpoints' : undefined) : 'no-advertisement',
    nodes: plot.nodes(serving, address),
  };
  const same = judged !== undefined && sameVerdict(judged.verdict, verdict);
  return { ground, services, endpoints, verdict: same ? judged.verdict : verdict };
}
