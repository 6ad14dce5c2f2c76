import type { Milliseconds } from '../base/clock.ts';
import type { IpAddress } from '../base/ip-address.ts';
import type { Instance, Member } from '../membership/member.ts';
import type { ElectionAddress } from './address.ts';
import type { ClaimCause } from './claim.ts';
import type { Facts } from './facts.ts';
import type { HandOverReason } from './hand-over-state.ts';

export interface ElectionConfig {
  readonly node: string;
  readonly instance: Instance;
  /** Nobody who knows was found by then: start from nothing. */
  readonly settleTime: Milliseconds;
  /** Of each node; undefined: off. */
  readonly rebalancePerMinute: number | undefined;
  /** Membership's word for "it is more likely this node that cannot hear": meanwhile nothing is claimed. */
  readonly isDeaf: () => boolean;
  /** Joins and watches, takes nothing. */
  readonly observe: boolean;
}

/** Every event happens at `now`, which never goes back. */
export type ElectionEvent = { readonly now: Milliseconds } & (
  | { readonly kind: 'started' }
  /** The names of all Nodes: who should have a speaker. */
  | { readonly kind: 'nodes'; readonly nodes: ReadonlySet<string> }
  /** As membership tells it, every change, in order. */
  | { readonly kind: 'member-changed'; readonly member: Member }
  | { readonly kind: 'member-forgotten'; readonly member: Member }
  | {
      readonly kind: 'addresses';
      readonly set: readonly ElectionAddress[];
      readonly remove: readonly IpAddress[];
    }
  /** `heard`: interfaces where somebody else was heard just now, by a frame or an answer to an ARP or NDP question. Matters after `look-around` only. */
  | { readonly kind: 'own-facts'; readonly facts: Facts; readonly heard: ReadonlySet<string> }
  | { readonly kind: 'received'; readonly from: Member; readonly payload: Uint8Array }
  | { readonly kind: 'timer-fired' }
  | { readonly kind: 'digest-differs'; readonly member: Member }
  /** Another machine, no member, or one that should be silent, announced an address of ours. */
  | { readonly kind: 'foreign-burst'; readonly address: IpAddress }
  /** What this node holds is in use by another machine, which is no member (true), or was and is not any more. */
  | { readonly kind: 'refused'; readonly address: IpAddress; readonly refused: boolean }
  /** The answer to the effect `check`. */
  | { readonly kind: 'checked'; readonly address: IpAddress; readonly ok: boolean }
  | { readonly kind: 'rebalance'; readonly perMinute: number | undefined }
  /** This process did not run for `gap`, longer than half the suspicion time. Comes before all that waited meanwhile. */
  | { readonly kind: 'woke'; readonly gap: Milliseconds }
  /** Of membership: a member had declared this process dead. */
  | { readonly kind: 'standing'; readonly standing: 'current' | 'void' }
  /** Of membership: another living process is known by this node's name, so this one is no member for anybody. */
  | { readonly kind: 'name-taken'; readonly taken: boolean }
  /** Hand over everything (SIGTERM); `emptied` tells when there is nothing more to be done. */
  | { readonly kind: 'leave' }
  /** Give up what is left, at once. The last event. */
  | { readonly kind: 'stop' }
);

/** To be carried out in this order: an address is answered for before its claim is sent. */
export type ElectionEffect =
  | { readonly kind: 'send'; readonly to: readonly string[]; readonly payload: Uint8Array }
  /** There is one timer; this replaces it. */
  | { readonly kind: 'start-timer'; readonly after: Milliseconds }
  | { readonly kind: 'stop-timer' }
  /** Answer for it and announce it. `fresh`: no claim for it was ever known, or the last one was refused: look for a conflict first. */
  | { readonly kind: 'hold'; readonly address: IpAddress; readonly fresh: boolean }
  /** Would be ours but there is nothing to serve: look for a conflict. */
  | { readonly kind: 'prepare'; readonly address: IpAddress }
  /** Neither of both any more: silent at once. */
  | { readonly kind: 'release'; readonly address: IpAddress }
  | { readonly kind: 'announce-again'; readonly address: IpAddress }
  /** Answer for nothing until `unmute`; what is held and prepared stays as it is. */
  | { readonly kind: 'mute' }
  | { readonly kind: 'unmute' }
  /** 8 octets for membership's probes. */
  | { readonly kind: 'digest'; readonly digest: Uint8Array }
  /** Ask the address's own health check on this node, and tell by `checked`. */
  | { readonly kind: 'check'; readonly address: IpAddress }
  /** No member is heard any more: find out on which interfaces anybody is, now and while it lasts, and tell by `own-facts`. */
  | { readonly kind: 'look-around' }
  | { readonly kind: 'holders'; readonly changed: readonly AddressState[] }
  | { readonly kind: 'handed-over'; readonly address: IpAddress; readonly to: string; readonly why: HandOverReason }
  /** Nobody wants it, or not the one that was named; it is served on here and tried again. */
  | {
      readonly kind: 'nobody-took';
      readonly address: IpAddress;
      readonly why: HandOverReason;
      readonly named: string | undefined;
    }
  /** After `leave`: all that could be handed over is. */
  | { readonly kind: 'emptied'; readonly kept: number }
  | { readonly kind: 'notice'; readonly notice: ElectionNotice };

/** What the driver logs or counts. */
export type ElectionNotice =
  | { readonly kind: 'settled'; readonly by: 'table' | 'time' }
  | { readonly kind: 'woke'; readonly standing: 'confirmed' | 'void' | 'joining' | 'alone' }
  | { readonly kind: 'unreadable'; readonly from: string; readonly why: string }
  | { readonly kind: 'conflict'; readonly address: IpAddress; readonly rival: string; readonly won: boolean };

/** What people want to know of an address. */
export interface AddressState {
  readonly address: IpAddress;
  /** Undefined: nobody. */
  readonly holder: HolderState | undefined;
  /** Served here until somebody takes it. */
  readonly handingOver: HandOverReason | undefined;
}

export interface HolderState {
  readonly node: string;
  readonly term: number;
  /** Claimed while most members were not heard. */
  readonly weak: boolean;
  /** Why the latest claim was made. */
  readonly cause: ClaimCause;
  /** Of the clock of this node: when the node became holder, as far as this process knows. */
  readonly since: Milliseconds;
}

/** For status, and for the progress of drain and stop. */
export interface ElectionProgress {
  readonly phase: 'starting' | 'settled' | 'waking' | 'stopped';
  readonly holding: number;
  /** Of those, served here only until somebody takes them. */
  readonly handingOver: number;
  /** Half or fewer of the members are heard. */
  readonly weak: boolean;
}
