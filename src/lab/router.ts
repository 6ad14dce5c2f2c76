import { existsSync, mkdirSync } from 'node:fs';
import type { Milliseconds } from '../base/clock.ts';
import type { IpFamily } from '../base/ip-address.ts';
import type { Lab } from './lab.ts';

/**
 * Real routers in hosts of the lab: FRR, BIRD and GoBGP as Debian has them, configured from one value and asked for their
 * tables. What one of them cannot do is left out of its configuration by none of them: it throws.
 */
export const ROUTER_KINDS = ['bird', 'frr', 'gobgp'] as const;
export type RouterKind = (typeof ROUTER_KINDS)[number];

export interface RouterConfig {
  readonly asn: number;
  /** Dotted decimal. */
  readonly routerId: string;
  readonly neighbours: readonly RouterNeighbour[];
  /** Prefixes that it originates. */
  readonly networks?: readonly string[];
  /** Learnt routes go into the kernel, several next hops included (not GoBGP). */
  readonly forward?: boolean;
  readonly port?: number;
}

export interface RouterNeighbour {
  /** An address, or the interface of an unnumbered one (FRR). */
  readonly address: string;
  readonly interface?: string;
  readonly asn: number;
  readonly localAsn?: number;
  readonly port?: number;
  readonly password?: string;
  /** Waits for the other side to connect. */
  readonly passive?: boolean;
  readonly source?: string;
  readonly multihop?: number;
  /** GTSM, over so many hops. */
  readonly ttlSecurity?: number;
  /** Seconds. */
  readonly holdTime?: number;
  readonly keepaliveTime?: number;
  /** `helper`: keeps our routes; a number: also restarts gracefully itself, within so many seconds. */
  readonly gracefulRestart?: 'off' | 'helper' | number;
  readonly families?: readonly IpFamily[];
  readonly extendedNextHop?: boolean;
  readonly bfd?: RouterBfd;
  readonly maximumPrefixes?: number;
  /** Lines of its own language, within the neighbour. */
  readonly extra?: readonly string[];
}

export interface RouterBfd {
  /** Both directions. */
  readonly interval: Milliseconds;
  readonly multiplier: number;
  /** Graceful restart holds beside BFD: BIRD `bfd graceful`, FRR `check-control-plane-failure`. */
  readonly graceful?: boolean;
}

export interface RouterSession {
  readonly remote: string;
  /** In the router's own words, lower case ("established", "active", ...). */
  readonly state: string;
  readonly established: boolean;
  /** What the router says about its end, where it says something. */
  readonly lastError: string | undefined;
  /** The router's own report, for questions that only one of them answers. */
  readonly detail: string;
}

export interface RouterRoute {
  readonly prefix: string;
  /** The neighbour that told it; undefined: its own. */
  readonly from: string | undefined;
  readonly nextHops: readonly string[];
  readonly asPath: readonly number[];
  readonly localPref: number | undefined;
  readonly med: number | undefined;
  /** "64512:1"; well-known ones as numbers as well. Sorted. */
  readonly communities: readonly string[];
  readonly largeCommunities: readonly string[];
  /** As the router writes them. */
  readonly extendedCommunities: readonly string[];
  /** Kept for a neighbour that restarts. */
  readonly stale: boolean;
}

export interface Router {
  readonly kind: RouterKind;
  readonly config: RouterConfig;
  sessions(): Promise<readonly RouterSession[]>;
  /** All that it has of the family, the neighbours' and its own. */
  routes(family: IpFamily): Promise<readonly RouterRoute[]>;
  /** How many prefixes; cheap, also with a million. */
  count(family: IpFamily): Promise<number>;
  /** The program that answers questions, with these words. */
  ask(...words: readonly string[]): Promise<string>;
  /** What it logged so far. */
  log(): string;
  /** The kernel stops (continues) it: it reads nothing, its connections stay. */
  pause(): void;
  resume(): void;
  /** As a crash does: no word to anybody. */
  kill(): Promise<void>;
  /** As an operator does. */
  stop(): Promise<void>;
  /** Again, after kill or stop, perhaps with another configuration. */
  start(config?: RouterConfig): Promise<void>;
}

const PROGRAM: Readonly<Record<RouterKind, string>> = {
  bird: '/usr/sbin/bird',
  frr: '/usr/lib/frr/bgpd',
  gobgp: '/usr/bin/gobgpd',
};

export const routerInstalled = (kind: RouterKind): boolean => existsSync(PROGRAM[kind]);

/** The place of its files, in the tree's own /run. */
export function routerFolder(kind: RouterKind, lab: Lab, host: string): string {
  const folder = `/run/${kind}/${lab.namespace(host)}`;
  mkdirSync(folder, { recursive: true });
  return folder;
}
