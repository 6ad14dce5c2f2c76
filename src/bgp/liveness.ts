import type { IpAddress } from '../base/ip-address.ts';
import type { BfdProfile } from '../config/config.ts';

/**
 * Whether the path to a router lives, by something faster than the hold timer. The speaker joins it to BFD, which runs in
 * another thread; so every answer comes later, never within a call. Standards: RFC 5882.
 */
export interface Liveness {
  /** Watches until closed. What is watched twice is one session with two listeners. */
  watch(target: LivenessTarget, changed: (state: LivenessState) => void): LivenessWatch;
}

export interface LivenessTarget {
  readonly remote: IpAddress;
  /** The address that our side of the BGP connection has. */
  readonly local: IpAddress;
  /** Of a neighbour on the link, where it is known (always for a link-local address). */
  readonly interface: string | undefined;
  /** RFC 5883, else RFC 5881. */
  readonly multihop: boolean;
  readonly profile: BfdProfile;
}

/**
 * `down` after `up` is a failure (RFC 5882 §3.2); `down` before the first `up` only says that the router has no BFD yet. `admin-down`
 * is the router's wish to end BFD, no failure of the path (§3.2).
 */
export interface LivenessState {
  readonly kind: 'down' | 'init' | 'up' | 'admin-down';
  /** Why, in words ("control detection time expired"), where the state is `down`. */
  readonly reason: string | undefined;
}

export interface LivenessWatch {
  /** Tells the router that what follows is no failure (AdminDown); resolves once that was sent. For a stop that keeps routes. */
  adminDown(): Promise<void>;
  /** Ends the session where nobody else watches it. */
  close(): void;
}

/** Where nothing is joined: nothing is ever said. */
export const noLiveness: Liveness = { watch: () => ({ adminDown: () => Promise.resolve(), close() {} }) };
