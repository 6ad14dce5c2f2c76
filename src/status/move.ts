import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import { reasons } from '../base/reason.ts';
import { formatMoveRequest } from '../inventory/move-request.ts';
import type { ClusterAddress, ClusterStatus } from './cluster-status.ts';

/** What `clarion move` is to do about an address, and how far it is: from what the speakers say, without effects. */
export type MoveStep =
  | { readonly kind: 'refused'; readonly why: string }
  /** `service` "namespace/name": where a request that was given up may still stand. */
  | { readonly kind: 'there-already'; readonly service: string }
  | {
      readonly kind: 'ask';
      readonly service: string;
      readonly annotation: string;
      readonly from: string;
      readonly term: number;
    };

/** `status` is that of the one address, with the word on every node. */
export function planMove(status: ClusterStatus, address: IpAddress, to: string): MoveStep {
  const text = formatIpAddress(address);
  const refused = (why: string): MoveStep => ({ kind: 'refused', why });
  const found = status.addresses.find((one) => one.address === text);
  const [service] = found?.services ?? [];
  if (found === undefined || service === undefined)
    return refused(`no Service has the address ${text}. clarion status lists those that are assigned.`);
  const { holder, term } = found;
  if (holder === to) return { kind: 'there-already', service };
  const barrier = barrierOf(found, to, status);
  if (barrier !== undefined) return refused(barrier);
  if (holder === undefined)
    return refused(`nobody holds ${text} now, so there is nothing to hand over; the first in rank claims it at once.`);
  if (term === undefined)
    return refused(`the speakers do not tell the term of ${text}; is one of an older version running?`);
  const annotation = formatMoveRequest({ node: to, term, address });
  return { kind: 'ask', service, annotation, from: holder, term };
}

function barrierOf(
  { address, nodes = [], reason }: ClusterAddress,
  to: string,
  status: ClusterStatus,
): string | undefined {
  const answer = nodes.find(({ node }) => node === to);
  if (answer === undefined)
    return `there is no node ${to}. There are ${nodes.map(({ node }) => node).join(', ') || 'none'}.`;
  if (answer.reason !== undefined) {
    const { meaning, nextStep } = reasons[answer.reason];
    return `${to} may not hold ${address}: ${answer.reason}: ${meaning}. ${nextStep}`;
  }
  if (reason === 'no-endpoints') {
    const { meaning, nextStep } = reasons[reason];
    return `nobody announces ${address}: ${reason}: ${meaning}. ${nextStep}`;
  }
  const words = status.members.filter(({ node }) => node === to);
  if (words.length > 0 && words.every((word) => word.status === 'dead' || word.status === 'left')) {
    const { meaning, nextStep } = reasons['not-a-member'];
    return `${to} cannot take ${address}: not-a-member: ${meaning}. ${nextStep}`;
  }
  return undefined;
}

export type MoveProgress =
  | { readonly kind: 'done'; readonly term: number | undefined }
  | { readonly kind: 'waiting'; readonly holder: string | undefined }
  /** Something else happened meanwhile, which voids the request. */
  | { readonly kind: 'overtaken'; readonly holder: string; readonly term: number };

/** `term` is the one that the request ends. */
export function moveProgress(status: ClusterStatus, address: IpAddress, to: string, term: number): MoveProgress {
  const found = status.addresses.find((one) => one.address === formatIpAddress(address));
  const { holder, term: now, state } = found ?? {};
  if (holder === to && state !== 'elsewhere') return { kind: 'done', term: now };
  if (holder !== undefined && holder !== to && now !== undefined && now > term)
    return { kind: 'overtaken', holder, term: now };
  return { kind: 'waiting', holder };
}
