import { type Milliseconds, ms, seconds } from '../base/clock.ts';
import { formatIpAddress } from '../base/ip-address.ts';
import { didYouMean } from './closest.ts';
import type { BfdProfile, Peer } from './config.ts';
import type { Dialect, Element, Findings } from './element.ts';
import { sureToShareNode } from './fields.ts';
import type { BfdProfileDraft, PeerDraft } from './schema.ts';

/** Peers and BFD profiles: what one field says about another (MetalLB's internal/config, RFC 4271, 9234), and sessions described twice. */
export function judgePeers(
  drafts: readonly (readonly [Element, PeerDraft])[],
  profileNames: ReadonlySet<string>,
  dialect: Dialect,
  findings: Findings,
): Peer[] {
  const legacy = dialect === 'metallb-legacy';
  const peers: Peer[] = [];
  const sessions = new Map<string, { readonly peer: Peer; readonly element: Element }[]>();
  for (const [element, draft] of drafts) {
    reportConflicts(element, draft, legacy, findings);
    const profile = draft.bfdProfile;
    if (profile !== undefined && !profileNames.has(profile)) {
      const message = `peer "${draft.name}" names the BFD profile "${profile}", which does not exist.${didYouMean(profile, profileNames)}`;
      findings.report(element, 'unknown-bfd-profile', ['bfdProfile'], message);
    }
    const timers = timersOf(element, draft, findings);
    if (findings.isBad(element)) continue;
    const peer = peerOf(draft, timers);
    const key = sessionKey(peer);
    const others = sessions.get(key) ?? [];
    for (const other of others) reportTwice(element, peer, other.element, other.peer, legacy, findings);
    if (findings.isBad(element)) continue;
    sessions.set(key, [...others, { peer, element }]);
    reportWithoutEffect(element, draft, findings);
    peers.push(peer);
  }
  return peers;
}

function reportConflicts(element: Element, draft: PeerDraft, legacy: boolean, findings: Findings): void {
  const refuse = (field: string, message: string) =>
    findings.report(element, 'conflicting-fields', [field], `peer "${draft.name}" ${message}`);
  const missing = (message: string) => findings.report(element, 'missing-field', [], `peer "${draft.name}" ${message}`);
  const named = (field: string) => `"${element.writtenAs(field)}"`;
  const { peerASN, dynamicASN, peerAddress, sourceAddress, routerID } = draft;
  if (peerASN === undefined && dynamicASN === undefined) missing(`has no ${named('peerASN')}`);
  if (peerASN !== undefined && dynamicASN !== undefined)
    refuse('dynamicASN', 'has both "peerASN" and "dynamicASN"; remove one of them');
  if (peerAddress === undefined && draft.interface === undefined) missing(`has no ${named('peerAddress')}`);
  if (peerAddress !== undefined && draft.interface !== undefined)
    refuse('interface', 'has both "peerAddress" and "interface"; remove one of them');
  const internal = peerASN === draft.myASN || dynamicASN === 'internal';
  if (internal && draft.ebgpMultiHop)
    refuse('ebgpMultiHop', `is internal (same AS), so ${named('ebgpMultiHop')} cannot be true; remove it`);
  if (internal && draft.role !== undefined)
    refuse('role', 'is internal (same AS); roles are for external peers (RFC 9234 §4); remove "role"');
  if (draft.ttlSecurity && draft.ebgpMultiHop)
    refuse('ttlSecurity', 'has both "ttlSecurity" and "ebgpMultiHop"; remove one of them');
  const passwords = (['password', 'passwords', 'passwordSecret'] as const).filter(
    (field) => draft[field] !== undefined,
  );
  if (passwords.length > 1)
    refuse(passwords[1]!, `has both "${passwords[0]!}" and "${passwords[1]!}"; remove one of them`);
  // MetalLB 0.12 does not compare them.
  if (
    peerAddress !== undefined &&
    sourceAddress !== undefined &&
    peerAddress.family !== sourceAddress.family &&
    !legacy
  )
    refuse(
      'sourceAddress',
      `cannot reach ${formatIpAddress(peerAddress)} from ${formatIpAddress(sourceAddress)}: one is IPv4, the other IPv6`,
    );
  if (routerID !== undefined && (routerID.family !== 'ipv4' || routerID.value === 0n))
    findings.report(
      element,
      'bad-value',
      ['routerID'],
      `"routerID" of peer "${draft.name}" must be an IPv4 address (RFC 4271 §4.2)`,
    );
}

/** Whole seconds, as on the wire. Where only one of the two is given, the other follows: a third, or three times. */
function timersOf(
  element: Element,
  draft: PeerDraft,
  findings: Findings,
): { hold: Milliseconds; keepalive: Milliseconds } {
  const whole = (duration: Milliseconds): Milliseconds => seconds(Math.floor(duration / 1000));
  const given = draft.keepaliveTime === 0 ? undefined : draft.keepaliveTime;
  const hold = whole(draft.holdTime ?? (given === undefined ? seconds(90) : ms(given * 3)));
  if (hold !== 0 && hold < 3000)
    findings.report(
      element,
      'out-of-range',
      [draft.holdTime === undefined ? 'keepaliveTime' : 'holdTime'],
      `the hold time of peer "${draft.name}" is ${hold / 1000} s; it must be 0 or at least 3s (RFC 4271 §4.2)`,
    );
  const keepalive = given === undefined ? whole(ms(hold / 3)) : whole(given);
  if (keepalive > hold)
    findings.report(
      element,
      'conflicting-fields',
      ['keepaliveTime'],
      `"${element.writtenAs('keepaliveTime')}" of peer "${draft.name}" (${keepalive / 1000} s) is longer than its hold time (${hold / 1000} s)`,
    );
  return { hold, keepalive };
}

function peerOf(draft: PeerDraft, timers: { hold: Milliseconds; keepalive: Milliseconds }): Peer {
  return {
    name: draft.name,
    myASN: draft.myASN,
    peerASN: draft.peerASN ?? draft.dynamicASN!,
    localASN: draft.localASN,
    remote:
      draft.peerAddress === undefined
        ? { kind: 'interface', interface: draft.interface! }
        : { kind: 'address', address: draft.peerAddress },
    peerPort: draft.peerPort,
    sourceAddress: draft.sourceAddress,
    routerID: draft.routerID,
    holdTime: timers.hold,
    keepaliveTime: timers.keepalive,
    connectTime: draft.connectTime,
    passwords: draft.passwords ?? (draft.password === undefined ? [] : [draft.password]),
    passwordSecret:
      draft.passwordSecret === undefined
        ? undefined
        : { namespace: draft.passwordSecret.namespace, name: draft.passwordSecret.name },
    ebgpMultiHop: draft.ebgpMultiHop,
    ttlSecurity: draft.ttlSecurity,
    bfdProfile: draft.bfdProfile,
    enableGracefulRestart: draft.enableGracefulRestart,
    vrf: draft.vrf,
    nodeSelectors: draft.nodeSelectors ?? [],
    passive: draft.passive,
    role: draft.role,
  };
}

/** Two connections to one port of one address from one source would collide (RFC 4271 §6.8). */
function sessionKey({ remote, vrf, peerPort, sourceAddress }: Peer): string {
  const to = remote.kind === 'address' ? formatIpAddress(remote.address) : `%${remote.interface}`;
  return JSON.stringify([to, vrf, peerPort, sourceAddress === undefined ? '' : formatIpAddress(sourceAddress)]);
}

function reportTwice(
  element: Element,
  peer: Peer,
  otherElement: Element,
  other: Peer,
  legacy: boolean,
  findings: Findings,
): void {
  const line = findings.lineOf(otherElement);
  const same = JSON.stringify({ ...peer, name: '' }, asText) === JSON.stringify({ ...other, name: '' }, asText);
  if (!same && !sureToShareNode(peer, other)) return;
  const message = `peer "${peer.name}" describes the same session as peer "${other.name}" (${line})`;
  if (legacy && !same)
    findings.report(
      element,
      'clashing-peers',
      [],
      message,
      'Both would connect to one router; give them nodes of their own, or remove one.',
    );
  else findings.report(element, 'duplicate-peer', [], message, 'Remove one of them, or give them nodes of their own.');
}

const asText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

function reportWithoutEffect(element: Element, draft: PeerDraft, findings: Findings): void {
  for (const field of ['disableMP', 'dualStackAddressFamily'] as const) {
    if (draft[field] === undefined) continue;
    const message = `"${field}" of peer "${draft.name}" has no effect: a session carries the families that the peer agrees to`;
    findings.report(element, 'no-effect', [field], message, 'Remove it.');
  }
  // Linux: TCP_MD5SIG_MAXKEYLEN.
  const long = [draft.password, ...(draft.passwords ?? [])].some(
    (text) => text !== undefined && Buffer.byteLength(text) > 80,
  );
  if (!long) return;
  const message = `a password of peer "${draft.name}" has more than the 80 bytes that Linux takes; the session will not come up`;
  findings.report(
    element,
    'password-too-long',
    [draft.password === undefined ? 'passwords' : 'password'],
    message,
    'Shorten it on both sides.',
  );
}

export function bfdProfileOf(draft: BfdProfileDraft): BfdProfile {
  const { authentication: auth } = draft;
  return {
    name: draft.name,
    receiveInterval: ms(draft.receiveInterval),
    transmitInterval: ms(draft.transmitInterval),
    detectMultiplier: draft.detectMultiplier,
    echoInterval: ms(draft.echoInterval),
    echoMode: draft.echoMode,
    passiveMode: draft.passiveMode,
    minimumTtl: draft.minimumTtl,
    authentication:
      auth === undefined
        ? undefined
        : {
            type: auth.type,
            keyId: auth.keyId,
            key: auth.key,
            keySecret:
              auth.keySecret === undefined
                ? undefined
                : { namespace: auth.keySecret.namespace, name: auth.keySecret.name },
          },
  };
}
