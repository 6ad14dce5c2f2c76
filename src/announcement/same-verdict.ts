import { sameIpAddress } from '../base/ip-address.ts';
import { communityKey } from './route.ts';
import type { AddressVerdict, BgpRoute, BgpVerdict, Layer2Verdict, NodeVerdict } from './verdict.ts';

/** Equal in what they say. */
export const sameVerdict = (a: AddressVerdict, b: AddressVerdict): boolean =>
  a === b ||
  (sameIpAddress(a.address, b.address) &&
    a.pool === b.pool &&
    a.barred === b.barred &&
    sameList(a.services, b.services, (one, other) => one === other) &&
    sameList(a.nodes, b.nodes, sameNode));

function sameList<T>(a: readonly T[], b: readonly T[], same: (one: T, other: T) => boolean): boolean {
  return a === b || (a.length === b.length && a.every((one, i) => same(one, b[i]!)));
}

const sameNode = (a: NodeVerdict, b: NodeVerdict): boolean =>
  a === b || (a.node === b.node && sameLayer2(a.layer2, b.layer2) && sameBgp(a.bgp, b.bgp));

function sameLayer2(a: Layer2Verdict, b: Layer2Verdict): boolean {
  if (a.kind === 'may-not' && b.kind === 'may-not') return a.reason === b.reason;
  if (a.kind !== 'may' || b.kind !== 'may') return a.kind === b.kind;
  return (
    a.candidate.preference === b.candidate.preference &&
    a.candidate.leaving === b.candidate.leaving &&
    a.candidate.ready === b.candidate.ready &&
    sameList(a.interfaces, b.interfaces, (one, other) => one === other)
  );
}

function sameBgp(a: BgpVerdict, b: BgpVerdict): boolean {
  if (a.kind === 'may-not' && b.kind === 'may-not')
    return a.reason === b.reason && sameList(a.retiring ?? [], b.retiring ?? [], sameRoute);
  if (a.kind !== 'may' || b.kind !== 'may') return a.kind === b.kind;
  return a.weight === b.weight && sameList(a.routes, b.routes, sameRoute);
}

const sameRoute = (a: BgpRoute, b: BgpRoute): boolean =>
  a.prefix.length === b.prefix.length &&
  sameIpAddress(a.prefix.address, b.prefix.address) &&
  a.localPref === b.localPref &&
  sameList(a.peers, b.peers, (one, other) => one === other) &&
  sameList(a.communities, b.communities, (one, other) => communityKey(one) === communityKey(other));
