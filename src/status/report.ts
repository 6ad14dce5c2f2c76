import { type PoolUsageJson, poolUsageJson } from '../allocation/usage-json.ts';
import type { AddressVerdict, NodeVerdict } from '../announcement/verdict.ts';
import { compareIpAddress, formatIpAddress, type IpAddress, sameIpAddress } from '../base/ip-address.ts';
import type { Problem } from '../base/problem.ts';
import type { Reason } from '../base/reason.ts';
import type { BfdSessionReport } from '../bfd/session-report.ts';
import type { SessionReport } from '../bgp/session-report.ts';
import type { ClusterNode } from '../inventory/node.ts';
import type { Layer2AddressReport } from '../layer2/table.ts';
import type { Instance, MemberStatus, TransportAddress } from '../membership/member.ts';
import type { ControllerFacts } from './controller-metrics.ts';
import { type BfdStatus, bfdStatus, type SessionStatus, sessionStatus } from './sessions.ts';

/**
 * What one process knows, as `GET /status` tells it: the verdicts (who may, for every node) joined with what the wire thread
 * tells (who does). It says how things look *from this node*; cluster-status.ts puts the answers of all nodes together.
 * The form is documented in docs/status.md; fields may be added, none is removed or changes its meaning. (Fields that are
 * undefined here are absent there.)
 */
export interface StatusReport {
  readonly node: string;
  readonly version: string;
  /** ISO 8601. */
  readonly time: string;
  /** Of the command line, what others must know to judge as this process does. Absent in older versions. */
  readonly flags?: ProcessFlags | undefined;
  /** Absent where the process is no controller. */
  readonly controller?: ControllerStatus | undefined;
  /** Absent where the process is no speaker. */
  readonly speaker?: SpeakerStatus | undefined;
}

export interface ProcessFlags {
  readonly loadBalancerClass?: string | undefined;
  readonly ignoreExcludeLb: boolean;
  /** A speaker that announces nothing. */
  readonly observe?: boolean | undefined;
}

export type ControllerStatus =
  | { readonly state: 'standby' }
  | {
      readonly state: 'active';
      /** Of the configuration in force; 0: there is none. */
      readonly generation: number;
      /** Elements in force in an older version, since the newest is bad: "pools public". */
      readonly stale: readonly string[];
      readonly problems: readonly Problem[];
      readonly pools: readonly PoolUsageJson[];
      /** How many LoadBalancer Services for each reason; `none`: all is well. */
      readonly services: Readonly<Record<string, number>>;
      readonly pendingWrites: number;
    };

export interface SpeakerStatus {
  /** False: no configuration has been published yet. */
  readonly configured: boolean;
  /** Of the cluster as this speaker sees it. */
  readonly nodes?: readonly NodeStatus[] | undefined;
  /** Sorted, IPv4 first. Only those asked for, where something was asked for. */
  readonly addresses: readonly AddressStatus[];
  /** Absent where there is no membership. */
  readonly members?: readonly MemberReport[] | undefined;
  /** With every peer of the configuration that selects this node, sorted by name. Absent where none does. */
  readonly sessions?: readonly SessionStatus[] | undefined;
  readonly bfd?: readonly BfdStatus[] | undefined;
  /** Another speaker that came first has this node's name: this one holds and reports nothing. */
  readonly nameTaken?: true | undefined;
  /** Nodes whose name two speakers have, with the addresses of the one that came later. */
  readonly namesakes?: readonly { readonly node: string; readonly addresses: readonly string[] }[] | undefined;
  /** Names of the links of this node, loopback left out. */
  readonly interfaces?: readonly string[] | undefined;
}

export interface NodeStatus {
  readonly node: string;
  readonly draining: boolean;
  readonly leaving: boolean;
}

export interface AddressStatus {
  readonly address: string;
  /** "namespace/name", all that share it. */
  readonly services: readonly string[];
  readonly pool?: string | undefined;
  /** Absent: nobody, as far as this node knows. */
  readonly holder?: string | undefined;
  readonly term?: number | undefined;
  /** When this node learned of the holder and term, ISO 8601. */
  readonly since?: string | undefined;
  /**
   * Of the holder: `announced`, `probing`, `refused` (for `reason`); of the one that will be when there is something to serve:
   * `prepared`, too. Of every other: `elsewhere`, or `nobody` where nobody holds it.
   */
  readonly state: 'announced' | 'prepared' | 'probing' | 'refused' | 'elsewhere' | 'nobody';
  /** What keeps it from being announced; with `announced`: `address-conflict` while it is defended. */
  readonly reason?: Reason | undefined;
  /** Why the holder wants another one to take it: `move`, `stopping`, `not-eligible` (a drain, for one), ... */
  readonly handingOver?: string | undefined;
  readonly interfaces?: readonly string[] | undefined;
  /** Of the other machine, with `address-conflict`. */
  readonly mac?: string | undefined;
  /** Peers that this node has told of it over BGP, and those that it should have; absent where it is to tell nobody. */
  readonly bgp?: Told | undefined;
  /** Who may hold it and who not, sorted by node: only where one address was asked for. */
  readonly nodes?: readonly NodeAnswer[] | undefined;
}

export interface Told {
  readonly told: readonly string[];
  readonly untold: readonly string[];
}

/** `reason` absent: it may. `no-advertisement`: no layer 2 advertisement selects the address. */
export interface NodeAnswer {
  readonly node: string;
  readonly reason?: Reason | undefined;
}

export interface MemberReport {
  readonly node: string;
  /** The first eight digits: enough to tell one start of a speaker from another. */
  readonly instance: string;
  readonly status: MemberStatus;
  /** "192.0.2.11:7946", "[2001:db8::11]:7946". */
  readonly addresses: readonly string[];
  readonly since?: string | undefined;
}

/** What the wire thread tells of one address. */
export interface HolderFacts {
  readonly address: IpAddress;
  readonly holder: string | undefined;
  readonly term?: number | undefined;
  readonly since?: string | undefined;
  readonly handingOver?: string | undefined;
  /** Only where this node is the holder, or will be. */
  readonly layer2: Layer2AddressReport['state'] | undefined;
}

interface MemberFacts {
  readonly node: string;
  readonly instance: Instance;
  readonly status: MemberStatus;
  readonly addresses: readonly TransportAddress[];
  readonly since?: string | undefined;
}

export interface SpeakerView {
  readonly configured: boolean;
  readonly nodes?: ReadonlyMap<string, ClusterNode> | undefined;
  /** In no order. */
  readonly verdicts: { values(): Iterable<AddressVerdict> };
  readonly wire: { values(): Iterable<HolderFacts> };
  readonly members?: readonly MemberFacts[] | undefined;
  readonly sessions?: readonly SessionReport[] | undefined;
  readonly bfd?: readonly BfdSessionReport[] | undefined;
  readonly interfaces?: readonly { readonly name: string; readonly loopback: boolean }[] | undefined;
  readonly nameTaken?: boolean | undefined;
  readonly namesakes?:
    | readonly { readonly node: string; readonly addresses: readonly TransportAddress[] }[]
    | undefined;
  /** Whom this node told of the address by BGP; undefined: it is not to. */
  readonly told?: ((address: string) => Told | undefined) | undefined;
}

export interface StatusFacts {
  readonly node: string;
  readonly version: string;
  readonly time: Date;
  readonly flags?: ProcessFlags | undefined;
  /** `standby`: another process is active. Undefined: no controller. */
  readonly controller: ControllerFacts | 'standby' | undefined;
  readonly speaker: SpeakerView | undefined;
}

/** Narrows `addresses`: to one, with the word on every node; to those of a Service; or to those that one node holds or tells routers of. */
export interface StatusQuery {
  readonly address?: IpAddress | undefined;
  /** "namespace/name" */
  readonly service?: string | undefined;
  readonly holder?: string | undefined;
}

export const statusReport = (
  { node, version, time, flags, controller, speaker }: StatusFacts,
  query: StatusQuery = {},
): StatusReport => ({
  node,
  version,
  time: time.toISOString(),
  flags,
  controller: controller && controllerStatus(controller),
  speaker: speaker && speakerStatus(node, speaker, query),
});

function controllerStatus(facts: ControllerFacts | 'standby'): ControllerStatus {
  if (facts === 'standby') return { state: 'standby' };
  const { effective, problems, usage, decisions, pendingWrites } = facts;
  const services: Record<string, number> = {};
  for (const { reason = 'none' } of decisions) services[reason] = (services[reason] ?? 0) + 1;
  return {
    state: 'active',
    generation: effective?.generation ?? 0,
    stale: effective?.stale.map(({ section, name }) => `${section} ${name}`) ?? [],
    problems,
    pools: usage.map(poolUsageJson),
    services,
    pendingWrites,
  };
}

function speakerStatus(self: string, view: SpeakerView, query: StatusQuery): SpeakerStatus {
  const {
    configured,
    nodes,
    verdicts,
    wire,
    members,
    sessions = [],
    bfd = [],
    interfaces,
    told,
    nameTaken,
    namesakes = [],
  } = view;
  const facts = new Map([...wire.values()].map((one) => [formatIpAddress(one.address), one]));
  const { address, service, holder } = query;
  const sorted = [...verdicts.values()].sort((a, b) => compareIpAddress(a.address, b.address));
  const addresses = sorted.flatMap((verdict): AddressStatus[] => {
    if (service !== undefined && !verdict.services.some((key) => key === service)) return [];
    if (address !== undefined && !sameIpAddress(verdict.address, address)) return [];
    const text = formatIpAddress(verdict.address);
    const known = facts.get(text);
    const bgp = told?.(text);
    const announces = holder === self && bgp !== undefined && bgp.told.length > 0;
    if (holder !== undefined && known?.holder !== holder && !announces) return [];
    const status = addressStatus(verdict, known, bgp);
    return [address === undefined ? status : { ...status, nodes: verdict.nodes.map(nodeAnswer) }];
  });
  return {
    configured,
    nodes: nodes && [...nodes.values()].map(nodeStatus),
    addresses,
    members: members?.map(memberReport),
    sessions: sessions.length === 0 ? undefined : sessions.map(sessionStatus),
    bfd: bfd.length === 0 ? undefined : bfd.map(bfdStatus),
    nameTaken: nameTaken === true ? true : undefined,
    namesakes:
      namesakes.length === 0
        ? undefined
        : namesakes.map((one) => ({ node: one.node, addresses: one.addresses.map(transportText) })),
    interfaces: interfaces?.filter(({ loopback }) => !loopback).map(({ name }) => name),
  };
}

const nodeStatus = ({ name, draining, leaving }: ClusterNode): NodeStatus => ({ node: name, draining, leaving });

function addressStatus(verdict: AddressVerdict, facts: HolderFacts | undefined, bgp: Told | undefined): AddressStatus {
  const { address, services, pool } = verdict;
  const { holder, term, since, handingOver, layer2 } = facts ?? {};
  const standing = standingOf(verdict, holder, layer2, bgp);
  return { address: formatIpAddress(address), services, pool, holder, term, since, handingOver, ...standing, bgp };
}

function standingOf(
  { barred, nodes }: AddressVerdict,
  holder: string | undefined,
  layer2: Layer2AddressReport['state'] | undefined,
  bgp: Told | undefined,
): Pick<AddressStatus, 'state' | 'reason' | 'interfaces' | 'mac'> {
  switch (layer2?.kind) {
    case undefined:
      if (holder !== undefined) return { state: 'elsewhere', reason: barred };
      if (bgp !== undefined)
        return bgp.told.length > 0 ? { state: 'announced' } : { state: 'refused', reason: 'no-session' };
      return { state: 'nobody', reason: barred ?? commonReason(nodes) };
    case 'announced':
      return { state: 'announced', interfaces: layer2.interfaces };
    case 'prepared':
    case 'probing':
      return { state: layer2.kind, reason: barred };
    case 'no-interface':
      return { state: 'refused', reason: 'no-interface' };
    case 'conflict': {
      const { defending, mac } = layer2;
      return {
        state: defending ? 'announced' : 'refused',
        reason: 'address-conflict',
        interfaces: [layer2.interface],
        mac,
      };
    }
  }
}

/** Where one thing keeps every node from it; undefined where a node may (and has not claimed it yet). */
function commonReason(nodes: readonly NodeVerdict[]): Reason | undefined {
  const reasons = new Set(nodes.map((node) => nodeAnswer(node).reason));
  return reasons.size === 1 ? [...reasons][0] : undefined;
}

function nodeAnswer({ node, layer2, bgp }: NodeVerdict): NodeAnswer {
  switch (layer2.kind) {
    case 'may':
      return { node };
    case 'may-not':
      return { node, reason: layer2.reason };
    case 'absent':
      if (bgp.kind === 'may') return { node };
      return { node, reason: bgp.kind === 'may-not' ? bgp.reason : 'no-advertisement' };
  }
}

const memberReport = ({ node, instance, status, addresses, since }: MemberFacts): MemberReport => ({
  node,
  instance: instance.slice(0, 8),
  status,
  addresses: addresses.map(transportText),
  since,
});

function transportText({ address, port }: TransportAddress): string {
  const text = formatIpAddress(address);
  return address.family === 'ipv6' ? `[${text}]:${port}` : `${text}:${port}`;
}
