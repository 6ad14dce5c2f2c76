import type { IpAddress } from '../base/ip-address.ts';
import type { BfdAuthentication, BfdProfile } from '../config/config.ts';

/** One session that is to be, all resolved: no reference to a profile, no Secret. Compared by value. */
export interface BfdSessionConfig {
  /** Unique, and the same as long as it is the same session; reports carry it. */
  readonly key: string;
  readonly remote: IpAddress;
  /** The address that we send from; undefined: the kernel chooses. */
  readonly local: IpAddress | undefined;
  /** The link that the neighbour is on; needed where `remote` is a link-local address. */
  readonly interface: string | undefined;
  /** RFC 5883, else RFC 5881. */
  readonly multihop: boolean;
  readonly timing: BfdTiming;
  readonly authentication: BfdKey | undefined;
  /** Held in AdminDown, and the peer is told: what follows is no failure (RFC 5880 §6.8.16). */
  readonly adminDown: boolean;
}

/** A BFD profile without its name and its key. A change of it is negotiated, and the session stays up. */
export type BfdTiming = Omit<BfdProfile, 'name' | 'authentication'>;

/** RFC 5880 §6.7, the key in plain. */
export interface BfdKey {
  readonly type: BfdAuthentication['type'];
  readonly keyId: number;
  readonly key: string;
}
