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
const roleNumber = (role: BgpRole): number => ROLES[role];
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

/** Whether the peer would make the same of both; a name is for people, and who restarted is said once. */
export const sameOffer = (a: Open, b: Open): boolean => {
  const { as2, holdTime } = a;
  return as2 === b.as2 && holdTime === b.holdTime && sameLasting(a, b, () => true);
};

/**
 * The same once it is agreed what the session is (sameFacts): only what the peer keeps in mind matters then. `families`:
 * those that were agreed upon.
 */
export const sameMemory = (a: Open, b: Open, families: readonly IpFamily[]): boolean =>
  sameLasting(a, b, ({ kind }) => kind === 'role' || kind === 'graceful-restart', families);

function sameLasting(a: Open, b: Open, counts: (each: Capability) => boolean, families?: readonly IpFamily[]): boolean {
  const agreed = (family: Family): boolean => {
    const known = ipFamilyOf(family);
    return families === undefined || (known !== undefined && families.includes(known));
  };
  const lasting = ({ routerId, capabilities }: Open): string =>
    JSON.stringify([
      routerId,
      capabilities
        .filter((each) => each.kind !== 'fqdn' && counts(each))
        .map((each) =>
          each.kind === 'graceful-restart'
            ? { ...each, restarting: false, families: each.families.map(({ family }) => family).filter(agreed) }
            : each,
        ),
    ]);
  return lasting(a) === lasting(b);
}
