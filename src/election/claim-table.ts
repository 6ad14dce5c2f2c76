import type { Milliseconds } from '../base/clock.ts';
import { compact } from '../base/compact.ts';
import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import type { Instance } from '../membership/member.ts';
import type { ElectionAddress } from './address.ts';
import { addDigests, type Claim, type Digest, digestOf, EMPTY_DIGEST, replaces } from './claim.ts';
import type { OutgoingHandOver, Taking } from './hand-over-state.ts';

/** One address, with all that is known of it and what this node does about it. */
export interface AddressRecord {
  readonly address: IpAddress;
  readonly text: string;
  /** The latest of each process that ever claimed it, those of the dead too, until void. */
  claims: readonly Claim[];
  /** The highest term of all claims that were heard of. */
  seen: number;
  /** The highest term that was offered to a taker. */
  reserved: number;
  wanted: ElectionAddress | undefined;
  /** Of no use at the sweep of that time (upkeep.ts). */
  unusedSince: Milliseconds | undefined;
  duty: 'none' | 'prepare' | 'hold';
  /** As of the last look. */
  holder: Claim | undefined;
  /** Since when the node of `holder` holds it, as far as this process knows. */
  since: Milliseconds;
  /** The first term by which this process knows it as the holder: claiming anew is not taking over. */
  sinceTerm: number;
  /** Since when it could be claimed and nobody has. */
  vacantSince: Milliseconds | undefined;
  handOver: OutgoingHandOver | undefined;
  taking: Taking | undefined;
  /** Somebody asks for it, or it is better placed there. */
  wish: { readonly to: string; readonly why: 'stale-view' | 'rebalance' } | undefined;
  /** A term above that of the holder, and when the holder is told of it. */
  hint: { readonly term: number; readonly at: Milliseconds } | undefined;
  lastBurst: Milliseconds | undefined;
}

interface Heard {
  readonly claim: Claim;
  /** Of the message that told it. */
  readonly sequence: number;
}

interface Maker {
  readonly claims: Map<AddressRecord, Heard>;
  digest: Digest;
}

/** All claims, by address and by the process that made them. Merging is commutative and idempotent. */
export class ClaimTable {
  readonly #records = new Map<string, AddressRecord>();
  readonly #makers = new Map<Instance, Maker>();

  records(): Iterable<AddressRecord> {
    return this.#records.values();
  }

  find(address: IpAddress): AddressRecord | undefined {
    return this.#records.get(formatIpAddress(address));
  }

  record(address: IpAddress): AddressRecord {
    const text = formatIpAddress(address);
    const known = this.#records.get(text);
    if (known !== undefined) return known;
    const made = newRecord(address, text);
    this.#records.set(text, made);
    return made;
  }

  /** False: it told nothing new. */
  merge(record: AddressRecord, claim: Claim, sequence: number): boolean {
    record.seen = Math.max(record.seen, claim.term);
    const at = record.claims.findIndex(({ instance }) => instance === claim.instance);
    const before = record.claims[at];
    const maker = this.#maker(claim.instance);
    if (before !== undefined && !replaces(claim, before)) {
      const heard = maker.claims.get(record);
      if (heard !== undefined && heard.sequence < sequence) maker.claims.set(record, { claim: before, sequence });
      return false;
    }
    record.claims = compact(before === undefined ? [...record.claims, claim] : record.claims.with(at, claim));
    maker.claims.set(record, { claim, sequence });
    if (before?.phase === 'held') maker.digest = addDigests(maker.digest, digestOf(before, record.text));
    if (claim.phase === 'held') maker.digest = addDigests(maker.digest, digestOf(claim, record.text));
    return true;
  }

  /** What the process says of each address, in no order. */
  *claimsOf(instance: Instance): Iterable<{ readonly record: AddressRecord } & Heard> {
    for (const [record, heard] of this.#makers.get(instance)?.claims ?? []) yield { record, ...heard };
  }

  /** Of what the process holds. */
  digestOf(instance: Instance): Digest {
    return this.#makers.get(instance)?.digest ?? EMPTY_DIGEST;
  }

  /** The process is void, or holds this no more: it never said so, but it follows. */
  withdraw(record: AddressRecord, instance: Instance): void {
    const maker = this.#makers.get(instance);
    const heard = maker?.claims.get(record);
    if (maker === undefined || heard === undefined) return;
    maker.claims.delete(record);
    if (heard.claim.phase === 'held') maker.digest = addDigests(maker.digest, digestOf(heard.claim, record.text));
    record.claims = compact(record.claims.filter((claim) => claim.instance !== instance));
  }

  /** Withdraws all that the process said; its terms stay known. Returns the addresses that it spoke of. */
  drop(instance: Instance): readonly AddressRecord[] {
    const records = [...(this.#makers.get(instance)?.claims.keys() ?? [])];
    for (const record of records) this.withdraw(record, instance);
    this.#makers.delete(instance);
    return records;
  }

  /** As if it had never been heard of. Its terms begin anew, which those who still remember them mend (`hint`). */
  forget(record: AddressRecord): void {
    for (const { instance } of record.claims) this.withdraw(record, instance);
    this.#records.delete(record.text);
  }

  #maker(instance: Instance): Maker {
    const known = this.#makers.get(instance);
    if (known !== undefined) return known;
    const made = { claims: new Map<AddressRecord, Heard>(), digest: EMPTY_DIGEST };
    this.#makers.set(instance, made);
    return made;
  }
}

const newRecord = (address: IpAddress, text: string): AddressRecord => ({
  address,
  text,
  claims: compact([]),
  seen: 0,
  reserved: 0,
  wanted: undefined,
  unusedSince: undefined,
  duty: 'none',
  holder: undefined,
  since: 0 as Milliseconds,
  sinceTerm: 0,
  vacantSince: undefined,
  handOver: undefined,
  taking: undefined,
  wish: undefined,
  hint: undefined,
  lastBurst: undefined,
});

/** The term that a new claim takes. */
export const nextTerm = ({ seen, reserved }: AddressRecord): number => Math.max(seen, reserved) + 1;
