import { seconds } from '../base/clock.ts';
import { formatIpAddress, type IpAddress, ipAddress } from '../base/ip-address.ts';
import { anySelectorMatches } from '../base/label-selector.ts';
import type { BgpPeer, PeerTransport } from '../bgp/peer.ts';
import { localAsnOf, type SessionConfig } from '../bgp/session-config.ts';
import type { ClusterObject } from '../cluster/ports.ts';
import type { BfdProfile, Config, Peer } from '../config/config.ts';
import { HIGH_SEED, textHash } from '../election/hash.ts';
import type { ClusterNode } from '../inventory/node.ts';
import { type SecretRef, secretValue } from '../inventory/secret.ts';

/** The routers that this node is to have sessions with: the configuration's peers that select it, everything resolved. */
export interface OwnPeers {
  readonly peers: readonly BgpPeer[];
  /** Peers that cannot have a session as things are, and what is missing. */
  readonly refused: readonly RefusedPeer[];
}

export interface RefusedPeer {
  readonly name: string;
  readonly remote: string;
  readonly localAsn: number;
  readonly why: string;
}

/** MetalLB leaves it to its BGP daemon (120 s); a router that was away is tried again sooner. */
const CONNECT_TIME = seconds(10);
/** MetalLB's Secrets of type kubernetes.io/basic-auth have it there. */
const SECRET_KEY = 'password';
/** What iBGP and multihop sessions are sent with: they may come over any number of hops. */
const FAR = 255;

export function ownPeers(config: Config, node: ClusterNode, secrets: readonly ClusterObject[]): OwnPeers {
  const peers: BgpPeer[] = [];
  const refused: RefusedPeer[] = [];
  for (const peer of config.peers) {
    if (peer.nodeSelectors.length > 0 && !anySelectorMatches(peer.nodeSelectors, node.labels)) continue;
    const made = ownPeer(peer, config, node, secrets);
    if (typeof made !== 'string') peers.push(made);
    else refused.push({ name: peer.name, remote: remoteText(peer), localAsn: peer.localASN ?? peer.myASN, why: made });
  }
  return { peers, refused };
}

/** A text says why not. */
function ownPeer(peer: Peer, config: Config, node: ClusterNode, secrets: readonly ClusterObject[]): BgpPeer | string {
  const passwords = peer.passwordSecret === undefined ? peer.passwords : read(secrets, peer.passwordSecret);
  if (typeof passwords === 'string') return `the password cannot be read: ${passwords}`;
  const bfd = bfdOf(config.bfdProfiles, peer.bfdProfile, secrets);
  if (typeof bfd === 'string') return `the key of BFD profile "${peer.bfdProfile}" cannot be read: ${bfd}`;
  const session: SessionConfig = {
    name: peer.name,
    myAsn: peer.myASN,
    localAsn: peer.localASN,
    peerAsn: peer.peerASN,
    routerId: peer.routerID ?? routerIdOf(node),
    families: ['ipv4', 'ipv6'],
    holdTime: peer.holdTime,
    keepaliveTime: peer.keepaliveTime,
    connectTime: peer.connectTime ?? CONNECT_TIME,
    passive: peer.passive,
    delayOpenTime: undefined,
    gracefulRestart: peer.enableGracefulRestart ? { restartTime: config.bgp.restartTime } : undefined,
    role: peer.role,
    extendedNextHop: peer.remote.kind === 'interface' || peer.remote.address.family === 'ipv6',
    hostName: node.name,
  };
  return {
    session,
    transport: {
      remote: peer.remote,
      port: peer.peerPort,
      source: peer.sourceAddress,
      device: peer.vrf,
      passwords,
      reach: reachOf(peer, session),
    },
    bfd,
  };
}

/** Internal peers are often reached by a loopback address behind another router, external ones are neighbours unless it is said. */
function reachOf(peer: Peer, session: SessionConfig): PeerTransport['reach'] {
  if (peer.ttlSecurity) return { kind: 'gtsm', hops: 1 };
  const internal = peer.peerASN === 'internal' || peer.peerASN === localAsnOf(session);
  return peer.ebgpMultiHop || internal ? { kind: 'multihop', ttl: FAR } : { kind: 'direct' };
}

/** A profile that is bad is not in the configuration: the session runs without BFD, and config reports it. */
function bfdOf(
  profiles: readonly BfdProfile[],
  name: string | undefined,
  secrets: readonly ClusterObject[],
): BfdProfile | string | undefined {
  const profile = profiles.find((one) => one.name === name);
  const secret = profile?.authentication?.keySecret;
  if (profile?.authentication === undefined || secret === undefined) return profile;
  const key = read(secrets, secret);
  return typeof key === 'string' ? key : { ...profile, authentication: { ...profile.authentication, key: key[0] } };
}

function read(secrets: readonly ClusterObject[], ref: SecretRef): readonly [string] | string {
  const value = secretValue(secrets, ref, SECRET_KEY);
  return value.ok ? [value.value] : value.error;
}

/** The node's IPv4 address; where it has none, a number that is the same at each start and rarely that of another node (RFC 6286). */
function routerIdOf({ name, addresses }: ClusterNode): IpAddress {
  const own = addresses.find(({ family }) => family === 'ipv4');
  if (own !== undefined) return own;
  return ipAddress('ipv4', BigInt(textHash(name, HIGH_SEED) || 1));
}

const remoteText = ({ remote }: Peer): string =>
  remote.kind === 'interface' ? remote.interface : formatIpAddress(remote.address);
