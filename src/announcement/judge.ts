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

/** For judging again and again: costs in proportion to what changed, and keeps the identity of verdicts that did not. */
export function announcementJudge(): (input: AnnouncementInput) => readonly AddressVerdict[] {
  let ground: Ground | undefined;
  let cases: ReadonlyMap<bigint, Case> = new Map();
  let verdicts: readonly AddressVerdict[] = [];

  return (input) => {
    if (ground === undefined || !sameGround(ground.facts, input)) ground = groundOf(input);
    const holders = holdersOf(input);
    const next = new Map<bigint, Case>();
    for (const place of placesInOrder(cases, holders)) {
      const facts = factsOf(ground, holders.get(place)!, input);
      const before = cases.get(place);
      next.set(place, before !== undefined && sameFacts(before.facts, facts) ? before : judgeCase(facts, before));
    }
    cases = next;
    const list = Array.from(next.values(), ({ verdict }) => verdict);
    const changed = list.length !== verdicts.length || list.some((verdict, i) => verdict !== verdicts[i]);
    if (changed) verdicts = list;
    return verdicts;
  };
}

/** All that the verdict about one address depends on. Compared by identity: none of these is ever changed in place. */
interface Facts {
  readonly ground: Ground;
  readonly address: IpAddress;
  /** Sorted. */
  readonly services: readonly ServiceRequest[];
  /** One entry for each of `services`. */
  readonly endpoints: readonly (readonly Endpoint[])[];
}
interface Case {
  readonly facts: Facts;
  readonly verdict: AddressVerdict;
}
interface Holders {
  readonly address: IpAddress;
  readonly services: ServiceRequest[];
}

/** A number for each address that sorts as addresses are listed: IPv4 first. */
const placeOf = ({ family, value }: IpAddress): bigint => (family === 'ipv4' ? value : value + (1n << 32n));

function holdersOf({ services, loadBalancerClass }: AnnouncementInput): ReadonlyMap<bigint, Holders> {
  const holders = new Map<bigint, Holders>();
  for (const service of services.values()) {
    if (!service.loadBalancer || service.loadBalancerClass !== loadBalancerClass) continue;
    for (const address of service.assigned) {
      const place = placeOf(address);
      const found = holders.get(place);
      if (found === undefined) holders.set(place, { address, services: [service] });
      else if (!found.services.includes(service)) found.services.push(service);
    }
  }
  return holders;
}

/** The last pass has them sorted already, and only new ones have to be put in. */
function placesInOrder(before: ReadonlyMap<bigint, unknown>, now: ReadonlyMap<bigint, unknown>): readonly bigint[] {
  const kept = [...before.keys()].filter((place) => now.has(place));
  if (kept.length === now.size) return kept;
  const added = [...now.keys()].filter((place) => !before.has(place));
  return [...kept, ...added].sort((a, b) => (a < b ? -1 : 1));
}

const noEndpoints: readonly Endpoint[] = [];

function factsOf(ground: Ground, { address, services }: Holders, { endpoints }: AnnouncementInput): Facts {
  if (services.length > 1) services.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { ground, address, services, endpoints: services.map(({ key }) => endpoints.get(key) ?? noEndpoints) };
}

const sameFacts = (a: Facts, b: Facts): boolean =>
  a.ground === b.ground && sameItems(a.services, b.services) && sameItems(a.endpoints, b.endpoints);

const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((one, i) => one === b[i]);

function judgeCase(facts: Facts, before: Case | undefined): Case {
  const { ground, address, services, endpoints } = facts;
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
  return { facts, verdict: before !== undefined && sameVerdict(before.verdict, verdict) ? before.verdict : verdict };
}
