import type { AddressVerdict, Layer2Verdict } from '../../src/announcement/verdict.ts';
import { type IpAddress, parseIpAddress } from '../../src/base/ip-address.ts';
import type { Reason } from '../../src/base/reason.ts';
import { impliedNode } from '../../src/inventory/node.ts';
import { serviceKey } from '../../src/inventory/service-request.ts';
import type { Instance, MemberStatus } from '../../src/membership/member.ts';
import type { Answer } from '../../src/status/cluster-status.ts';
import {
  type HolderFacts,
  type SpeakerView,
  type StatusFacts,
  type StatusReport,
  statusReport,
} from '../../src/status/report.ts';

/** What speakers say, in tests: three nodes, three addresses. */
export const NODES = ['node-a', 'node-b', 'node-c'] as const;

export function ip(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (!address.ok) throw new Error(address.error);
  return address.value;
}

/** Every node may, but for those with a reason. */
export function verdict(
  address: string,
  why: Readonly<Record<string, Reason>> = {},
  more: Partial<AddressVerdict> = {},
): AddressVerdict {
  const nodes = NODES.map((node) => {
    const reason = why[node];
    const layer2: Layer2Verdict =
      reason === undefined
        ? { kind: 'may', interfaces: [], candidate: { node, preference: 0, leaving: false, ready: true } }
        : { kind: 'may-not', reason: reason as 'node-draining' };
    return { node, layer2, bgp: { kind: 'absent' } as const };
  });
  const services = [serviceKey('shop', `web-${address.at(-1)}`)];
  return { address: ip(address), services, pool: 'public', barred: undefined, nodes, ...more };
}

export const held = (address: string, holder: string | undefined, term?: number, here = false): HolderFacts => ({
  address: ip(address),
  holder,
  ...(term === undefined ? {} : { term, since: '2026-01-31T12:00:00.000Z' }),
  layer2: here ? { kind: 'announced', interfaces: ['eth0'] } : undefined,
});

export const member = (node: string, status: MemberStatus = 'alive', digit = '1') => ({
  node,
  status,
  instance: digit.repeat(32) as Instance,
  addresses: [
    { address: ip('192.0.2.11'), port: 7946 },
    { address: ip('2001:db8::11'), port: 7946 },
  ],
});

interface Asked {
  readonly node: string;
  readonly speaker?: Partial<SpeakerView>;
  readonly controller?: StatusFacts['controller'];
  readonly address?: IpAddress | undefined;
  readonly holder?: string | undefined;
}

/** node-a holds 192.0.2.1 and 2001:db8::1 by term 1, node-b 192.0.2.2 by term 4, unless told otherwise. */
export function reportOf({ node, speaker, controller, address, holder }: Asked): StatusReport {
  const view: SpeakerView = {
    configured: true,
    nodes: new Map(NODES.map((name) => [name, impliedNode(name)])),
    verdicts: [verdict('192.0.2.1'), verdict('192.0.2.2'), verdict('2001:db8::1')],
    wire: [
      held('192.0.2.1', 'node-a', 1, node === 'node-a'),
      held('192.0.2.2', 'node-b', 4, node === 'node-b'),
      held('2001:db8::1', 'node-a', 1, node === 'node-a'),
    ],
    ...speaker,
  };
  const facts = { node, version: '1.0.0', time: new Date(0), controller, speaker: view };
  // As it comes out of the socket.
  return JSON.parse(JSON.stringify(statusReport(facts, { address, holder }))) as StatusReport;
}

export const answer = (report: StatusReport): Answer => ({ name: report.node, ok: true, report });
export const silent = (name: string): Answer => ({ name, ok: false, error: 'not running' });
