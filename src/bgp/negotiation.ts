import { ByteWriter } from '../base/byte-writer.ts';
import { type Milliseconds, ms, seconds } from '../base/clock.ts';
import { type Decoded, decoded, malformed } from '../base/decoded.ts';
import { formatIpAddress, type IpAddress, type IpFamily, ipAddress } from '../base/ip-address.ts';
import { roleOf } from './open-message.ts';
import { type BgpRole, localAsnOf, type SessionConfig } from './session-config.ts';
import { writeCapability } from './wire/capability.ts';
import { Afi, AS_TRANS, ErrorCode, OpenError } from './wire/constants.ts';
import type { Capability, MessageError, Open } from './wire/message.ts';
import { ipFamilyOf, unicastOf } from './wire/nlri.ts';
import { asnOf } from './wire/open.ts';

/**
 * What two OPENs make of a session, or why they make none: those checks of RFC 4271 §6.2 that need to know what we are (an
 * OPEN that is wrong by itself never gets here, wire/open.ts), and the capabilities that both sides have.
 *
 * Standards: RFC 4271 §4.2 and §6.2, RFC 4724, 4760, 5492, 6286, 6793, 7313, 7607, 8538, 8654, 8950, 9234.
 */

/** What two OPENs agreed on: the facts of a session for as long as it is up. */
export interface Negotiated {
  readonly localAsn: number;
  readonly peerAsn: number;
  readonly peerRouterId: IpAddress;
  readonly peerType: 'internal' | 'external';
  /** Unicast families that both offered, IPv4 first; never empty. */
  readonly families: readonly IpFamily[];
  /** The smaller one of both; 0: neither hold timer nor KEEPALIVEs. */
  readonly holdTime: Milliseconds;
  /** Before jitter; 0 where the hold time is. */
  readonly keepaliveTime: Milliseconds;
  /** RFC 6793: AS_PATH carries four octets. */
  readonly as4: boolean;
  /** RFC 8654, offered by both: each may send 65,535 octets. */
  readonly extendedMessage: boolean;
  /** RFC 8950, offered by both for IPv4 unicast. */
  readonly extendedNextHop: boolean;
  readonly routeRefresh: boolean;
  /** RFC 7313. */
  readonly enhancedRouteRefresh: boolean;
  /**
   * Both know graceful restart (RFC 4724), so the peer keeps our routes when the session breaks: what it said. Undefined: it
   * does not.
   */
  readonly gracefulRestart: PeerGracefulRestart | undefined;
  /** The peer's (RFC 9234). */
  readonly peerRole: BgpRole | undefined;
  readonly peerHostName: string | undefined;
}

export interface PeerGracefulRestart {
  /** It restarted: it does not wait for our End-of-RIB. */
  readonly restarting: boolean;
  /** The N bit (RFC 8538), which we set too: a NOTIFICATION does not end the restart unless it is a hard reset. */
  readonly notification: boolean;
  readonly restartTime: Milliseconds;
  /**
   * Families that it can go on forwarding through a restart of its own (none: it only helps), and whether it did at the last
   * one.
   */
  readonly families: readonly { readonly family: IpFamily; readonly forwarding: boolean }[];
}

/** `ours` is what was sent to this peer. The error is what the NOTIFICATION is to say, and its words. */
export function negotiate(config: SessionConfig, ours: Open, theirs: Open): Decoded<Negotiated, MessageError> {
  const peerAsn = asnOf(theirs);
  const localAsn = localAsnOf(config);
  const error =
    wrongAsn(config.peerAsn, localAsn, peerAsn) ??
    wrongIdentifier(ours, theirs, peerAsn === localAsn) ??
    wrongRole(config.role, theirs, peerAsn === localAsn);
  if (error !== undefined) return malformed(error);
  const families = familiesOf(ours).filter((family) => familiesOf(theirs).includes(family));
  if (families.length === 0) return malformed(noCommonFamily(config, theirs));
  const both = (kind: Capability['kind']): boolean => has(ours, kind) && has(theirs, kind);
  const holdTime = seconds(Math.min(ours.holdTime, theirs.holdTime));
  return decoded({
    localAsn,
    peerAsn,
    peerRouterId: routerIdOf(theirs),
    peerType: peerAsn === localAsn ? 'internal' : 'external',
    families,
    holdTime,
    keepaliveTime: keepaliveTimeFor(config, holdTime),
    as4: both('as4'),
    extendedMessage: both('extended-message'),
    extendedNextHop: takesIpv6NextHops(ours) && takesIpv6NextHops(theirs),
    routeRefresh: both('route-refresh'),
    enhancedRouteRefresh: both('enhanced-route-refresh'),
    gracefulRestart: has(ours, 'graceful-restart') ? gracefulRestartOf(theirs) : undefined,
    peerRole: rolesOf(theirs).map(roleOf)[0],
    peerHostName: last(theirs, 'fqdn')?.hostName,
  });
}

/** The keepalive time is no fact: only we know it. */
export function sameFacts(a: Negotiated, b: Negotiated): boolean {
  const text = (facts: Negotiated): string =>
    JSON.stringify({ ...facts, keepaliveTime: 0, peerRouterId: formatIpAddress(facts.peerRouterId) });
  return text(a) === text(b);
}

const routerIdOf = (open: Open): IpAddress => ipAddress('ipv4', BigInt(open.routerId));

/** Of several instances the last one counts (RFC 4724 §3 says so; RFC 5492 §4 leaves it open). */
function last<K extends Capability['kind']>(open: Open, kind: K): Extract<Capability, { kind: K }> | undefined {
  return open.capabilities.findLast(
    (capability): capability is Extract<Capability, { kind: K }> => capability.kind === kind,
  );
}
const has = (open: Open, kind: Capability['kind']): boolean => open.capabilities.some((each) => each.kind === kind);

const refuse = (subcode: number, message: string, data: Uint8Array = new Uint8Array()): MessageError => ({
  handling: 'reset',
  code: ErrorCode.open,
  subcode,
  data,
  message,
});

function wrongAsn(wanted: SessionConfig['peerAsn'], localAsn: number, peerAsn: number): MessageError | undefined {
  const bad = (message: string): MessageError => refuse(OpenError.badPeerAs, message);
  // RFC 6793 §9: reserved, nobody's number.
  if (peerAsn === AS_TRANS) return bad(`the peer says that it is AS ${AS_TRANS} (AS_TRANS), which nobody may be`);
  if (wanted === 'internal' && peerAsn !== localAsn)
    return bad(`the peer is AS ${peerAsn}, but is to be internal: AS ${localAsn}, as we are`);
  if (wanted === 'external' && peerAsn === localAsn)
    return bad(`the peer is AS ${peerAsn}, as we are, but is to be external`);
  if (typeof wanted === 'number' && peerAsn !== wanted)
    return bad(`the peer is AS ${peerAsn}, but AS ${wanted} is configured`);
  return undefined;
}

/** RFC 6286 §2.2: unique within an AS. */
function wrongIdentifier(ours: Open, theirs: Open, internal: boolean): MessageError | undefined {
  if (!internal || theirs.routerId !== ours.routerId) return undefined;
  const id = formatIpAddress(routerIdOf(theirs));
  return refuse(
    OpenError.badIdentifier,
    `the peer has our router ID ${id} and our AS; within an AS each needs its own`,
  );
}

/** RFC 9234 §4.2: what the other side of each may be. */
const COUNTERPART: Record<BgpRole, BgpRole> = {
  provider: 'customer',
  customer: 'provider',
  'rs-server': 'rs-client',
  'rs-client': 'rs-server',
  peer: 'peer',
};

function wrongRole(ours: BgpRole | undefined, theirs: Open, internal: boolean): MessageError | undefined {
  // RFC 9234 §4: for external sessions only; who has none does not check.
  if (ours === undefined || internal) return undefined;
  const roles = [...new Set(rolesOf(theirs))];
  const mismatch = (message: string): MessageError => refuse(OpenError.roleMismatch, message);
  if (roles.length > 1) return mismatch('the peer gives several BGP roles that contradict each other');
  if (roles.length === 0 || roleOf(roles[0]!) === COUNTERPART[ours]) return undefined;
  const is = roleOf(roles[0]!) ?? `of the unknown role ${roles[0]!}`;
  return mismatch(`the peer says that it is ${is}; to our role ${ours} belongs ${COUNTERPART[ours]}`);
}
const rolesOf = (open: Open): number[] =>
  open.capabilities.flatMap((capability) => (capability.kind === 'role' ? [capability.role] : []));

/** RFC 4760 §8; who offers none means IPv4 unicast, as BGP was before. */
function familiesOf(open: Open): readonly IpFamily[] {
  if (!has(open, 'multiprotocol')) return ['ipv4'];
  const offered = open.capabilities.flatMap((each) => (each.kind === 'multiprotocol' ? [ipFamilyOf(each.family)] : []));
  return (['ipv4', 'ipv6'] as const).filter((family) => offered.includes(family));
}

/** RFC 5492 §3: the data names the capabilities that the peer would have to have. */
function noCommonFamily(config: SessionConfig, theirs: Open): MessageError {
  const names = (families: readonly IpFamily[]): string =>
    families.map((family) => `${family === 'ipv4' ? 'IPv4' : 'IPv6'} unicast`).join(' and ');
  const data = new ByteWriter();
  for (const family of config.families) writeCapability(data, { kind: 'multiprotocol', family: unicastOf(family) });
  const theirFamilies = familiesOf(theirs);
  const offer = theirFamilies.length === 0 ? 'neither IPv4 nor IPv6 unicast' : names(theirFamilies);
  const message = `no address family in common: we want ${names(config.families)}, the peer offers ${offer}`;
  return refuse(OpenError.unsupportedCapability, message, data.finish());
}

/** RFC 4271 §4.4 suggests a third of the hold time, and at most one a second. */
function keepaliveTimeFor({ keepaliveTime }: SessionConfig, holdTime: Milliseconds): Milliseconds {
  const third = Math.floor(holdTime / 3);
  return ms(keepaliveTime === 0 ? third : Math.min(keepaliveTime, third));
}

const takesIpv6NextHops = (open: Open): boolean =>
  open.capabilities.some(
    (each) =>
      each.kind === 'extended-next-hop' &&
      each.families.some(({ family, nextHopAfi }) => ipFamilyOf(family) === 'ipv4' && nextHopAfi === Afi.ipv6),
  );

function gracefulRestartOf(open: Open): PeerGracefulRestart | undefined {
  const capability = last(open, 'graceful-restart');
  if (capability === undefined) return undefined;
  const { restarting, notification, restartTime } = capability;
  const families = capability.families.flatMap(({ family: wire, forwarding }) => {
    const family = ipFamilyOf(wire);
    return family === undefined ? [] : [{ family, forwarding }];
  });
  return { restarting, notification, restartTime: seconds(restartTime), families };
}
