import type { Instance, MemberStatus, TransportAddress } from '../member.ts';

/** What one member says about one instance of a node. */
export interface MemberUpdate {
  readonly node: string;
  readonly instance: Instance;
  readonly incarnation: number;
  readonly addresses: readonly TransportAddress[];
  readonly status: MemberStatus;
  /** `dead` only: other members found it silent too. */
  readonly confirmed: boolean;
}

/** What a speaker says of itself. */
export interface SelfRecord {
  readonly node: string;
  readonly incarnation: number;
  readonly addresses: readonly TransportAddress[];
}

/** In every probe and answer: what lets two members notice that they differ. */
export interface ProbeState {
  readonly incarnation: number;
  /** The sender has heard nobody for so long that it would call others dead; what it says proves little. */
  readonly deaf: boolean;
  /** Of the payloads' owner, 8 octets. */
  readonly payloadDigest: Uint8Array;
  /** Of the members that are alive, 32 bits. */
  readonly memberDigest: number;
}

export type Message =
  | { readonly kind: 'hello'; readonly self: SelfRecord; readonly nonce: Uint8Array }
  /** The answer to a hello, which it echoes. */
  | { readonly kind: 'challenge'; readonly self: SelfRecord; readonly echoed: Uint8Array; readonly nonce: Uint8Array }
  /** The answer to a challenge. */
  | { readonly kind: 'echo'; readonly self: SelfRecord; readonly echoed: Uint8Array }
  | { readonly kind: 'ping'; readonly sequence: number; readonly state: ProbeState }
  | { readonly kind: 'ack'; readonly sequence: number; readonly state: ProbeState }
  /** Please probe that instance for me: answered by `relayed-ack` or `nack`. */
  | { readonly kind: 'ping-req'; readonly sequence: number; readonly instance: Instance }
  | { readonly kind: 'relayed-ack'; readonly sequence: number }
  | { readonly kind: 'nack'; readonly sequence: number }
  | { readonly kind: 'updates'; readonly updates: readonly MemberUpdate[] }
  /** A part of the member table; `reply`: send yours. */
  | { readonly kind: 'sync'; readonly reply: boolean; readonly updates: readonly MemberUpdate[] }
  | { readonly kind: 'payload'; readonly sequence: number; readonly payload: Uint8Array }
  | { readonly kind: 'payload-ack'; readonly sequence: number }
  /** Your name is in use by another live process, at these addresses. */
  | { readonly kind: 'duplicate'; readonly addresses: readonly TransportAddress[] };
