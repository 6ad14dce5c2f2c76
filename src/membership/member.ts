import { type IpAddress, sameIpAddress } from '../base/ip-address.ts';

/** One start of a speaker process: 128 random bits as 32 hex digits. Never compared by order, only for equality. */
export type Instance = string & { readonly __brand: 'instance' };

/** Where a speaker receives datagrams. */
export interface TransportAddress {
  readonly address: IpAddress;
  readonly port: number;
}

/** A suspect still counts as a member. `left` said so itself; `dead` was found out by silence, or was replaced. */
export type MemberStatus = 'alive' | 'suspect' | 'dead' | 'left';

/** A speaker as this node knows it. */
export interface Member {
  readonly node: string;
  readonly instance: Instance;
  /** Refutations within one instance; grows only by the member's own doing. */
  readonly incarnation: number;
  /** What the member says of itself; it may be reached at others of its Node too. */
  readonly addresses: readonly TransportAddress[];
  readonly status: MemberStatus;
}

/** A Node that should have a speaker. The Node list is the only way by which speakers find each other. */
export interface Seed {
  readonly node: string;
  readonly addresses: readonly TransportAddress[];
}

export const isMember = ({ status }: { readonly status: MemberStatus }): boolean =>
  status === 'alive' || status === 'suspect';

export const sameTransportAddress = (a: TransportAddress, b: TransportAddress): boolean =>
  a.port === b.port && sameIpAddress(a.address, b.address);

export const instanceFromBytes = (bytes: Uint8Array): Instance => {
  let text = '';
  for (const byte of bytes) text += HEX[byte]!;
  return text as Instance;
};

export const instanceToBytes = (instance: Instance): Uint8Array =>
  Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(instance.slice(2 * i, 2 * i + 2), 16));

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
