import { compareIpAddress } from '../base/ip-address.ts';
import { Follower, TrackedMap } from '../base/tracked-map.ts';
import type { Endpoint } from '../inventory/endpoint.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { ServiceKey } from '../inventory/service-request.ts';
import { type Ground, type GroundFacts, groundOf, sameGround } from './ground.ts';
import { sameVerdict } from './same-verdict.ts';
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
 * Every speaker judges every node, so that all agree on the candidates without a word. What many addresses have in common is
 * computed once, and a verdict that says the same as in the pass before *is* the same object.
 *
 * Deliberately missing: a Service that is not (or no longer) ours has no say, whatever its status holds; whether an
 * address was rightly assigned is allocation's business, and one that was is announced even when its pool is gone.
 */
export interface AnnouncementInput extends GroundFacts, Pick<Inventory, 'services' | 'endpoints'> {
  /** Undefined: Services without a class are ours. */
  readonly loadBalancerClass: string | undefined;
}

/** One judgement from nothing; sorted by address. */
export const judgeAnnouncements = (input: AnnouncementInput): readonly AddressVerdict[] =>
  [...announcementJudge()(input).values()].sort((a, b) => compareIpAddress(a.address, b.address));

/** By the address as text. */
export type Verdicts = ReadonlyMap<string, AddressVerdict>;

/**
 * For judging again and again: one map that is changed in place (base/tracked-map.ts), where what did not change stays the same
 * object. It costs the addresses of those Services that changed, or whose endpoints did; all of them when configuration or Nodes change.
 */
export function announcementJudge(): (input: AnnouncementInput) => Verdicts {
  let ground: Ground | undefined;
  const seating = new Seating();
  const endpoints = new Follower<ServiceKey, readonly Endpoint[]>();
  const verdicts = new TrackedMap<string, AddressVerdict>();
  /** What a pass that failed did not come to is judged by the next one. */
  const concerned = new Set<Seat>();

  return (input) => {
    seating.take(input.services, input.loadBalancerClass, concerned);
    for (const key of endpoints.changed(input.endpoints)) for (const seat of seating.seatsOf(key)) concerned.add(seat);
    endpoints.seen();
    if (ground === undefined || !sameGround(ground.facts, input)) {
      const { config, nodes, ignoreExcludeLb } = input;
      // No more than that: the ground lives long, and would keep the Services of this pass alive.
      ground = groundOf({ config, nodes, ignoreExcludeLb });
      for (const seat of seating.seats()) concerned.add(seat);
    }
    for (const seat of concerned) {
      if (seat.services.length === 0) verdicts.delete(seat.text);
      else if (!stillHolds(seat, ground, input.endpoints)) {
        seat.judged = judgeSeat(ground, seat, input);
        verdicts.set(seat.text, seat.judged.verdict);
      }
      concerned.delete(seat);
    }
    return verdicts;
  };
}

const noEndpoints: readonly Endpoint[] = [];

/** A loop, and a plain one: when a Node changes it runs for every address. */
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
