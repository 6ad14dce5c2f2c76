import type { IpFamily } from '../base/ip-address.ts';
import { FamilyRib } from './family-rib.ts';
import { endOfRib, refreshMark } from './marks.ts';
import type { UpdatePacker } from './packing.ts';
import type { FamilyOutlet } from './path-attributes.ts';
import type { FamilyIndex } from './prefix-index.ts';

/** The whole table is being told, between the marks that tell the router so. */
interface Resend {
  /** `first`: of a session, End-of-RIB behind it (RFC 4724 §2). `marked`: BoRR before it and EoRR behind it (RFC 7313 §4). */
  readonly kind: 'first' | 'marked' | 'unmarked';
  begun: boolean;
  /** It was asked for once more meanwhile. However often: one more is enough. */
  again: 'marked' | 'unmarked' | undefined;
}

/**
 * What one router is told of one family, in order. A refresh that comes before End-of-RIB waits for it (RFC 7313 §4), and one
 * that comes during another waits for the EoRR of that one, so that a router that asks and asks costs what it reads.
 */
export class FamilyFeed {
  readonly rib: FamilyRib;
  #resend: Resend | undefined;

  constructor(index: FamilyIndex) {
    this.rib = new FamilyRib(index);
  }

  get family(): IpFamily {
    return this.rib.family;
  }

  /** False: `next` would give nothing, and there is nothing to withdraw. */
  get pending(): boolean {
    return this.rib.pending || this.#resend !== undefined;
  }

  open(outlet: FamilyOutlet): void {
    this.rib.open(outlet);
    this.#resend = { kind: 'first', begun: false, again: undefined };
  }

  close(): void {
    this.rib.close();
    this.#resend = undefined;
  }

  refresh(kind: 'marked' | 'unmarked'): void {
    if (this.#resend === undefined) this.#start(kind);
    else if (this.#resend.begun) this.#resend.again = kind;
  }

  /** The next announcement or mark; withdrawals are taken before (FamilyRib.nextWithdrawal). */
  next(packer: UpdatePacker): Uint8Array | undefined {
    const resend = this.#resend;
    if (resend === undefined) return this.rib.nextAnnouncement(packer);
    if (!resend.begun) {
      resend.begun = true;
      if (resend.kind === 'marked') return refreshMark(this.family, 'begin');
    }
    const message = this.rib.owing ? this.rib.nextAnnouncement(packer) : undefined;
    if (message !== undefined) return message;
    this.#resend = undefined;
    if (resend.again !== undefined) this.#start(resend.again);
    if (resend.kind === 'first') return endOfRib(this.family);
    if (resend.kind === 'marked') return refreshMark(this.family, 'end');
    return this.next(packer);
  }

  #start(kind: 'marked' | 'unmarked'): void {
    this.#resend = { kind, begun: false, again: undefined };
    this.rib.resend();
  }
}
