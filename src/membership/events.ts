import type { Milliseconds } from '../base/clock.ts';
import type { Instance, Member, MemberStatus, Seed, TransportAddress } from './member.ts';
import type { Profile } from './settings.ts';
import type { Message } from './wire/message.ts';

export interface MembershipConfig {
  readonly node: string;
  readonly instance: Instance;
  /** Where the others reach this speaker. */
  readonly addresses: readonly TransportAddress[];
  readonly profile: Profile;
}

export type TimerName = string & { readonly __brand: 'membership timer' };

/** Every event happens at `now`, which never goes back. */
export type MembershipEvent = { readonly now: Milliseconds } & (
  | { readonly kind: 'started' }
  /** The whole list, this node perhaps in it. */
  | { readonly kind: 'seeds-changed'; readonly seeds: readonly Seed[] }
  /** Authenticated, fresh, and meant for this instance (a hello: for whoever hears it). All messages of one datagram. */
  | {
      readonly kind: 'received';
      readonly from: TransportAddress;
      readonly sender: Instance;
      readonly messages: readonly Message[];
    }
  | { readonly kind: 'timer-fired'; readonly timer: TimerName }
  /** Reliable while the receiver is a member; forgotten when it is none. At most MAX_PAYLOAD octets. */
  | { readonly kind: 'send'; readonly to: string; readonly payload: Uint8Array }
  /** Counts for whatever begins from now on. */
  | { readonly kind: 'profile-changed'; readonly profile: Profile }
  /** 8 octets to carry in every probe from now on. */
  | { readonly kind: 'payload-digest'; readonly digest: Uint8Array }
  /** The process did not run for `gap`. */
  | { readonly kind: 'woke'; readonly gap: Milliseconds }
  /** The kernel at `to` says that nobody listens there: a hint, not a proof. */
  | { readonly kind: 'refused'; readonly to: TransportAddress }
  /** Tells all members; nothing is sent any more after the effect `departed`. */
  | { readonly kind: 'leave' }
);

export type MembershipEffect =
  /** `receiver` undefined: only for a hello. */
  | {
      readonly kind: 'transmit';
      readonly to: TransportAddress;
      readonly receiver: Instance | undefined;
      readonly messages: readonly Message[];
    }
  /** An empty datagram from a connected socket, to learn whether the kernel there refuses it. */
  | { readonly kind: 'knock'; readonly to: TransportAddress }
  /** Replaces the timer of that name. */
  | { readonly kind: 'start-timer'; readonly timer: TimerName; readonly after: Milliseconds }
  | { readonly kind: 'stop-timer'; readonly timer: TimerName }
  /** A new instance of a node: first the old one becomes dead, then the new one arrives with `before` undefined. */
  | { readonly kind: 'member-changed'; readonly member: Member; readonly before: MemberStatus | undefined }
  /** Its Node is gone and it was no member any more. */
  | { readonly kind: 'member-forgotten'; readonly member: Member }
  /** At least once, in no order. */
  | { readonly kind: 'payload'; readonly from: Member; readonly payload: Uint8Array }
  /** A probe carried another digest than ours for longer than a round trip. */
  | { readonly kind: 'digest-differs'; readonly member: Member }
  /**
   * How a member sees this instance. `current` after waking: it still counts it as a member. `void`, at any
   * time: it had declared it dead (and takes it back now, as if it had just started).
   */
  | { readonly kind: 'standing'; readonly by: Member; readonly standing: 'current' | 'void' }
  /** Two live processes have this name, perhaps this node's own one. At most once in ten seconds a name. */
  | { readonly kind: 'duplicate-name'; readonly node: string; readonly addresses: readonly TransportAddress[] }
  /** Nothing was heard of that for long. */
  | { readonly kind: 'duplicate-name-over'; readonly node: string }
  /** A member knows another living process by the name of this node, which came first: this one is no member anywhere. Or it is over. */
  | { readonly kind: 'name-taken'; readonly taken: boolean }
  | { readonly kind: 'departed' }
  | { readonly kind: 'notice'; readonly notice: Notice };

/** What the driver logs or counts, and nobody acts on. */
export type Notice =
  | { readonly kind: 'suspicion-began'; readonly node: string }
  /** It lives after all. */
  | { readonly kind: 'suspicion-ended'; readonly node: string }
  | { readonly kind: 'refuted' }
  | { readonly kind: 'local-health'; readonly score: number };
