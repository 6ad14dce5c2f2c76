import type { IpFamily } from '../base/ip-address.ts';
import { type BgpRole, localAsnOf, type SessionConfig } from './session-config.ts';
import { Afi, AS_TRANS, Role } from './wire/constants.ts';
import { type Capability, type Family, IPV4_UNICAST, type Open } from './wire/message.ts';
import { ipFamilyOf, unicastOf } from './wire/nlri.ts';

/** What is not configuration, and changes with what has happened. */
export interface OpenSituation {
  /** RFC 4724 §3, R bit: we come back, and an earlier process promised it. */
  readonly restarting: boolean;
  /** F bit: what carries the traffic was not interrupted since the peer last heard our routes. */
  readonly forwarding: boolean;
  /** The peer cannot stand capabilities (RFC 5492 §3). */
  readonly plain: boolean;
}

/** RFC 4724 §3: twelve bits of seconds. */
const MAX_RESTART_TIME = 4095;

const ROLES = {
  provider: Role.provider,
  'rs-server': Role.routeServer,
  'rs-client': Role.routeServerClient,
  customer: Role.customer,
  peer: Role.peer,
} as const satisfies Record<BgpRole, number>;
export const roleNumber = (role: BgpRole): number => ROLES[role];
export const roleOf = (value: number): BgpRole | undefined =>
  (Object.keys(ROLES) as BgpRole[]).find((role) => ROLES[role] === value);

/** The OPEN that we send with this configuration (RFC 4271 §4.2). */
export function openFor(config: SessionConfig, situation: OpenSituation): Open {
  const asn = localAsnOf(config);
  return {
    kind: 'open',
    // RFC 6793 §4.1.
    as2: asn > 0xffff ? AS_TRANS : asn,
    holdTime: config.holdTime / 1000,
    routerId: Number(config.routerId.value),
    capabilities: situation.plain ? [] : capabilitiesOf(config, situation),
  };
}

function capabilitiesOf(config: SessionConfig, { restarting, forwarding }: OpenSituation): Capability[] {
  const capabilities: Capability[] = config.families.map((family) => ({
    kind: 'multiprotocol',
    family: unicastOf(family),
  }));
  capabilities.push({ kind: 'route-refresh' }, { kind: 'enhanced-route-refresh' }, { kind: 'extended-message' });
  if (config.extendedNextHop && config.families.includes('ipv4'))
    capabilities.push({
      kind: 'extended-next-hop',
      families: [{ family: IPV4_UNICAST, nextHopAfi: Afi.ipv6 }],
    });
  if (config.role !== undefined) capabilities.push({ kind: 'role', role: roleNumber(config.role) });
  if (config.gracefulRestart !== undefined)
    capabilities.push({
      kind: 'graceful-restart',
      restarting,
      notification: true,
      restartTime: Math.min(MAX_RESTART_TIME, Math.ceil(config.gracefulRestart.restartTime / 1000)),
      families: config.families.map((family) => ({ family: unicastOf(family), forwarding })),
    });
  capabilities.push({ kind: 'as4', asn: localAsnOf(config) });
  if (config.hostName !== undefined) capabilities.push({ kind: 'fqdn', hostName: config.hostName, domainName: '' });
  return capabilities;
}

/**
 * Whether the peer would have been told the same in all that lasts longer than the OPEN. `families`: those that were agreed
 * upon, where the others do not matter any more.
 */
export function sameOffer(a: Open, b: Open, families?: readonly IpFamily[]): boolean {
  return JSON.stringify(lasting(a, families)) === JSON.stringify(lasting(b, families));
}
function lasting(open: Open, families: readonly IpFamily[] | undefined): unknown {
  const { as2, holdTime, routerId } = open;
  const counts = (family: Family): boolean => {
    const known = ipFamilyOf(family);
    return families === undefined || (known !== undefined && families.includes(known));
  };
  const capabilities = open.capabilities.flatMap((capability): unknown[] => {
    // A name is for people; and who restarted, or kept forwarding, is said once.
    if (capability.kind === 'fqdn') return [];
    if (capability.kind === 'multiprotocol') return counts(capability.family) ? [capability] : [];
    if (capability.kind !== 'graceful-restart') return [capability];
    return [
      { ...capability, restarting: false, families: capability.families.map(({ family }) => family).filter(counts) },
    ];
  });
  // What became of the hold time is among the negotiated facts.
  return { as2, holdTime: families === undefined ? holdTime : 0, routerId, capabilities };
}
