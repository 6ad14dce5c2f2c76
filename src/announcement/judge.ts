import type { IpAddress } from '../base/ip-address.ts';
import type { Endpoint } from '../inventory/endpoint.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { ServiceRequest } from '../inventory/service-request.ts';
import { sameVerdict } from './diff.ts';
import { type Ground, type GroundFacts, groundOf, sameGround } from './ground.ts';
import { servingOf } from './serving.ts';
import type { AddressVerdict } from './verdict.ts';

/**
 * Announcement: which node may say what about which address, or why not. The path of one address:
 *
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
  let seats: readonly Seat[] = [];
  let cases = new Map<bigint, Case>();
  let verdicts: readonly AddressVerdict[] = [];

  return (input) => {
    if (ground === undefined || !sameGround(ground.facts, input)) {
      const { config, nodes, ignoreExcludeLb } = input;
      // No more than that: the ground lives long, and would keep the Services of this pass alive.
      ground = groundOf({ config, nodes, ignoreExcludeLb });
    }
    let changed = false;
    if (asked?.services !== input.services || asked.loadBalancerClass !== input.loadBalancerClass) {
      seats = seatsOf(input, seats);
      cases = new Map(seats.flatMap(({ place }) => withCase(place, cases.get(place))));
      changed = true;
    }
    asked = input;
    for (const seat of seats) {
      const before = cases.get(seat.place);
      if (before !== undefined && stillHolds(before, ground, seat, input)) continue;
      const now = judgeCase(ground, seat, input, before);
      cases.set(seat.place, now);
      changed ||= now.verdict !== before?.verdict;
    }
    if (changed) {
      const list = seats.map(({ place }) => cases.get(place)!.verdict);
      if (!sameItems(list, verdicts)) verdicts = list;
    }
    return verdicts;
  };
}

/** An address and who holds it. Never changed in place. */
interface Seat {
  readonly place: bigint;
  readonly address: IpAddress;
  /** Sorted. */
  readonly services: readonly ServiceRequest[];
}
/** A verdict and all that it depends on, compared by identity: none of it is ever changed in place. */
interface Case {
  readonly ground: Ground;
  readonly services: readonly ServiceRequest[];
  /** One entry for each of `services`. */
  readonly endpoints: readonly (readonly Endpoint[])[];
  readonly verdict: AddressVerdict;
}

const withCase = (place: bigint, found: Case | undefined): readonly (readonly [bigint, Case])[] =>
  found === undefined ? [] : [[place, found]];

/** A number for each address that sorts as addresses are listed: IPv4 first. */
const placeOf = ({ family, value }: IpAddress): bigint => (family === 'ipv4' ? value : value + (1n << 32n));

/** In the order of addresses. The last pass has them sorted already, and only new ones have to be put in. */
function seatsOf({ services, loadBalancerClass }: AnnouncementInput, before: readonly Seat[]): readonly Seat[] {
  const holders = new Map<
    bigint,
    { readonly place: bigint; readonly address: IpAddress; readonly services: ServiceRequest[] }
  >();
  for (const service of services.values()) {
    if (!service.loadBalancer || service.loadBalancerClass !== loadBalancerClass) continue;
    for (const address of service.assigned) {
      const place = placeOf(address);
      const found = holders.get(place);
      if (found === undefined) holders.set(place, { place, address, services: [service] });
      else if (!found.services.includes(service)) found.services.push(service);
    }
  }
  for (const { services: sharing } of holders.values())
    if (sharing.length > 1) sharing.sort((a, b) => (a.key < b.key ? -1 : 1));
  const kept = before.flatMap(({ place }) => holders.get(place) ?? []);
  if (kept.length === holders.size) return kept;
  const old = new Set(kept);
  const added = [...holders.values()].filter((seat) => !old.has(seat));
  return [...kept, ...added].sort((a, b) => (a.place < b.place ? -1 : 1));
}

const noEndpoints: readonly Endpoint[] = [];

const stillHolds = (before: Case, ground: Ground, { services }: Seat, { endpoints }: AnnouncementInput): boolean =>
  before.ground === ground &&
  (before.services === services || sameItems(before.services, services)) &&
  services.every(({ key }, i) => (endpoints.get(key) ?? noEndpoints) === before.endpoints[i]);

const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((one, i) => one === b[i]);

function judgeCase(
  ground: Ground,
  { address, services }: Seat,
  input: AnnouncementInput,
  before: Case | undefined,
): Case {
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
  const same = before !== undefined && sameVerdict(before.verdict, verdict);
  return { ground, services, endpoints, verdict: same ? before.verdict : verdict };
}
