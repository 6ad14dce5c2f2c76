import type { AddressVerdict } from '../announcement/verdict.ts';
import { compact } from '../base/compact.ts';
import { sameIpAddress } from '../base/ip-address.ts';
import { type ElectionCandidate, partingOf } from '../election/address.ts';
import type { ServiceKey, ServiceRequest } from '../inventory/service-request.ts';
import type { WireAddress } from './messages.ts';

/** What the wire thread is told of an address. Undefined: layer 2 has nothing to do with it, here or anywhere. */
export function wireAddress(
  verdict: AddressVerdict,
  services: ReadonlyMap<ServiceKey, ServiceRequest>,
  self: string,
): WireAddress | undefined {
  if (verdict.barred !== undefined && verdict.barred !== 'no-endpoints') return undefined;
  const candidates = candidatesIn(verdict.nodes);
  if (candidates.length === 0) return undefined;
  const own = verdict.nodes.find(({ node }) => node === self)?.layer2;
  const sharers = verdict.services.flatMap((key) => services.get(key) ?? []);
  const healthCheckPorts = compact([...new Set(sharers.flatMap(healthCheckPortOf))]);
  const move = moveOf(verdict, sharers);
  return {
    address: verdict.address,
    serving: verdict.barred === undefined,
    interfaces: own?.kind === 'may' ? own.interfaces : compact([]),
    candidates,
    healthCheckPorts,
    verify: healthCheckPorts.length > 0,
    ...(own?.kind === 'may-not' ? { parting: partingOf(own.reason) } : {}),
    ...(move === undefined ? {} : { move }),
  };
}

/** Most addresses have the verdicts of their nodes in common; what is one object here is one in the message, and in the wire thread. */
const known = new WeakMap<AddressVerdict['nodes'], readonly ElectionCandidate[]>();

function candidatesIn(nodes: AddressVerdict['nodes']): readonly ElectionCandidate[] {
  const same = known.get(nodes);
  if (same !== undefined) return same;
  const candidates = compact(
    nodes.flatMap(({ layer2 }): ElectionCandidate[] =>
      layer2.kind === 'may' ? [{ ...layer2.candidate, interfaces: layer2.interfaces }] : [],
    ),
  );
  known.set(nodes, candidates);
  return candidates;
}

/** Changes without a change of the verdict, so it is compared by itself. */
function moveOf({ address }: AddressVerdict, sharers: readonly ServiceRequest[]): WireAddress['move'] {
  for (const { moveTo } of sharers) {
    if (moveTo === undefined || (moveTo.address !== undefined && !sameIpAddress(moveTo.address, address))) continue;
    return { to: moveTo.node, term: moveTo.term };
  }
  return undefined;
}

const healthCheckPortOf = ({ externalTrafficPolicy, healthCheckNodePort }: ServiceRequest): number[] =>
  externalTrafficPolicy === 'Local' && healthCheckNodePort !== undefined ? [healthCheckNodePort] : [];
