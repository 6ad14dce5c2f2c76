import type { IpFamily } from '../base/ip-address.ts';
import { Afi, AttributeFlag, AttributeType, HEADER, MARKER, MessageType, Safi } from './wire/constants.ts';

/** Everything of an UPDATE that announces prefixes of one family with the same attributes, except the prefixes. */
export interface EncodedAttributes {
  /** What comes before the prefixes in MP_REACH_NLRI; undefined: they are in the UPDATE's own field (IPv4 with an IPv4 next hop). */
  readonly reach: Uint8Array | undefined;
  /** All other attributes. */
  readonly others: Uint8Array;
}

/** Writes prefixes at `at`, as many as there are or fit before `limit`, and tells where they end. */
export type FillPrefixes = (target: Uint8Array, at: number, limit: number) => number;

/** Header, Withdrawn Routes Length, Total Path Attribute Length (RFC 4271 §4.3). */
const FIXED = HEADER + 4;
/** Flags, type, length of two octets. */
const LONG_ATTRIBUTE_HEADER = 4;

/** Octets that are left for prefixes in the largest message; may be less than none. */
export const roomFor = ({ reach, others }: EncodedAttributes, maximumMessageSize: number): number =>
  maximumMessageSize - FIXED - others.length - (reach === undefined ? 0 : LONG_ATTRIBUTE_HEADER + reach.length);

/**
 * Puts as many prefixes into an UPDATE as the agreed size allows. A message either withdraws or announces, and an MP attribute
 * is its first one (RFC 7606 §5.1). Standards: RFC 4271 §4.3, RFC 4760 §3 and §4.
 */
export class UpdatePacker {
  /** 4096, or 65,535 where agreed (RFC 8654). */
  readonly maximumMessageSize: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(maximumMessageSize: number) {
    this.maximumMessageSize = maximumMessageSize;
    this.#bytes = new Uint8Array(maximumMessageSize).fill(0xff, 0, MARKER);
    this.#view = new DataView(this.#bytes.buffer);
    this.#bytes[MARKER + 2] = MessageType.update;
  }

  announcement({ reach, others }: EncodedAttributes, fill: FillPrefixes): Uint8Array {
    const end = this.maximumMessageSize;
    this.#view.setUint16(HEADER, 0);
    if (reach === undefined) {
      this.#view.setUint16(HEADER + 2, others.length);
      this.#bytes.set(others, FIXED);
      return this.#finish(fill(this.#bytes, FIXED + others.length, end));
    }
    const at = this.#mpAttribute(AttributeType.mpReach);
    this.#bytes.set(reach, at);
    const filled = this.#endMpAttribute(fill(this.#bytes, at + reach.length, end - others.length));
    this.#bytes.set(others, filled);
    return this.#finishAttributes(filled + others.length);
  }

  /** `multiprotocol`: in MP_UNREACH_NLRI, always so for IPv6. */
  withdrawal(family: IpFamily, multiprotocol: boolean, fill: FillPrefixes): Uint8Array {
    if (multiprotocol) {
      this.#view.setUint16(HEADER, 0);
      const at = this.#mpAttribute(AttributeType.mpUnreach);
      this.#view.setUint16(at, Afi[family]);
      this.#bytes[at + 2] = Safi.unicast;
      return this.#finishAttributes(this.#endMpAttribute(fill(this.#bytes, at + 3, this.maximumMessageSize)));
    }
    const at = fill(this.#bytes, HEADER + 2, this.maximumMessageSize - 2);
    this.#view.setUint16(HEADER, at - HEADER - 2);
    this.#view.setUint16(at, 0);
    return this.#finish(at + 2);
  }

  #mpAttribute(type: number): number {
    this.#bytes[FIXED] = AttributeFlag.optional | AttributeFlag.extendedLength;
    this.#bytes[FIXED + 1] = type;
    return FIXED + LONG_ATTRIBUTE_HEADER;
  }

  #endMpAttribute(at: number): number {
    this.#view.setUint16(FIXED + 2, at - FIXED - LONG_ATTRIBUTE_HEADER);
    return at;
  }

  #finishAttributes(at: number): Uint8Array {
    this.#view.setUint16(HEADER + 2, at - FIXED);
    return this.#finish(at);
  }

  #finish(at: number): Uint8Array {
    this.#view.setUint16(MARKER, at);
    return this.#bytes.slice(0, at);
  }
}
