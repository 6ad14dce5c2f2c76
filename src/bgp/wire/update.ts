import { mergeAs4Path } from './as-path.ts';
import { type AttributeDraft, type MutableAttributes, readAttribute } from './attribute-decoder.ts';
import { AS_TRANS, AttributeFlag, AttributeType, ErrorCode, HEADER } from './constants.ts';
import {
  type DecodedMessage,
  type Family,
  type Handling,
  IPV4_UNICAST,
  type MessageError,
  type Nlri,
  type PathAttributes,
  type Update,
  type WireContext,
} from './message.ts';
import { isUsableUnicast } from './multiprotocol.ts';
import { arePrefixes, ipFamilyOf, noPrefixes } from './nlri.ts';
import { uint16At } from './octets.ts';
import { faultText, handlingOf, subcodeOf, type UpdateFault } from './update-fault.ts';

/**
 * UPDATE (RFC 4271 §4.3), with the error handling of RFC 7606: every fault of a message is found, the severest one says what
 * happens, and what is returned is already as that demands. The header and the length of `bytes` were checked before.
 */
export function decodeUpdate(bytes: Uint8Array, context: WireContext): DecodedMessage {
  const findings = new Findings(bytes);
  const withdrawnAt = HEADER + 2;
  const withdrawnEnd = withdrawnAt + uint16At(bytes, HEADER);
  if (withdrawnEnd + 2 > bytes.length) return unreadable(findings, 'field-lengths');
  const attributesAt = withdrawnEnd + 2;
  const attributesEnd = attributesAt + uint16At(bytes, withdrawnEnd);
  if (attributesEnd > bytes.length) return unreadable(findings, 'field-lengths');

  const withdrawn = ipv4Nlri(bytes, withdrawnAt, withdrawnEnd, context);
  const announced = ipv4Nlri(bytes, attributesEnd, bytes.length, context);
  if (withdrawn === undefined || announced === undefined) findings.add('network-field', 0);
  const draft: AttributeDraft = { attributes: noAttributes(), as4Path: undefined, as4Aggregator: undefined };
  readAttributes(bytes, attributesAt, attributesEnd, draft, context, findings);
  const { attributes } = draft;
  if (withdrawn === undefined || announced === undefined)
    return { ok: false, error: findings.error()!, read: { kind: 'update', withdrawn, announced, attributes } };

  const update: Update = { kind: 'update', withdrawn, announced, attributes };
  checkWhole(update, findings);
  withFourOctets(draft);
  return concluded(update, findings, context);
}

/** RFC 4724 §2: an UPDATE that says nothing but this. To be asked only where there is no error. */
export function endOfRib({ withdrawn, announced, attributes }: Update): Family | undefined {
  if (withdrawn.bytes.length > 0 || announced.bytes.length > 0) return undefined;
  const { mpUnreach, ...others } = attributes;
  for (const value of Object.values(others)) if (value !== undefined) return undefined;
  if (mpUnreach === undefined) return IPV4_UNICAST;
  return mpUnreach.bytes.length === 0 ? mpUnreach.family : undefined;
}

const SEVERITY: readonly Handling[] = ['ignore', 'attribute-discard', 'treat-as-withdraw', 'reset'];

/** Keeps the severest fault, of equal ones the first (RFC 7606 §3 h); a message full of faults costs no more than one of them. */
class Findings {
  readonly #bytes: Uint8Array;
  #severity = -1;
  #fault: UpdateFault = 'field-lengths';
  #attribute = 0;
  #from = 0;
  #to = 0;
  #isOverlooked = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** `from` and `to`: the whole attribute, which the NOTIFICATION shows where RFC 4271 §6.3 says so. */
  add(fault: UpdateFault, attribute: number, from = 0, to = from): void {
    const severity = SEVERITY.indexOf(handlingOf(fault, attribute));
    if (severity <= this.#severity) return;
    this.#severity = severity;
    this.#fault = fault;
    this.#attribute = attribute;
    this.#from = from;
    this.#to = to;
  }

  /**
   * There is no reachable prefix in the message. If attributes are damaged it is unsure whether there was to be one, so that
   * nothing less than a reset will do (RFC 7606 §5.2).
   */
  cannotWithdraw(): void {
    this.#isOverlooked = SEVERITY[this.#severity] === 'treat-as-withdraw';
  }

  error(): MessageError | undefined {
    const handling = this.#isOverlooked ? 'reset' : SEVERITY[this.#severity];
    if (handling === undefined) return undefined;
    const fault = this.#fault;
    const attribute = this.#attribute;
    const text = faultText(fault, attribute);
    return {
      handling,
      code: ErrorCode.update,
      subcode: subcodeOf(fault, attribute),
      data: handling === 'reset' ? this.#bytes.subarray(this.#from, this.#to) : NO_DATA,
      attribute: attribute === 0 ? undefined : attribute,
      message: this.#isOverlooked ? `${text}; no prefix was found that it could withdraw (RFC 7606 §5.2)` : text,
    };
  }
}
const NO_DATA = new Uint8Array(0);

function unreadable(findings: Findings, fault: UpdateFault): DecodedMessage {
  findings.add(fault, 0);
  return { ok: false, error: findings.error()!, read: { kind: 'update' } };
}

/** All keys are there from the start, so that every UPDATE is an object of the same shape. */
const noAttributes = (): MutableAttributes => ({
  origin: undefined,
  asPath: undefined,
  nextHop: undefined,
  med: undefined,
  localPref: undefined,
  atomicAggregate: undefined,
  aggregator: undefined,
  communities: undefined,
  originatorId: undefined,
  clusterList: undefined,
  mpReach: undefined,
  mpUnreach: undefined,
  extendedCommunities: undefined,
  largeCommunities: undefined,
  unknown: undefined,
});

/** Undefined: these are no prefixes. */
function ipv4Nlri(bytes: Uint8Array, start: number, end: number, context: WireContext): Nlri | undefined {
  const none = noPrefixes(context);
  if (start === end) return none;
  if (!arePrefixes(bytes, start, end, 'ipv4', none.addPath)) return undefined;
  return { family: none.family, addPath: none.addPath, bytes: bytes.subarray(start, end) };
}

/** RFC 7606 §4: the total length is to be relied upon; what does not fit into it ends the reading. */
function readAttributes(
  bytes: Uint8Array,
  start: number,
  end: number,
  draft: AttributeDraft,
  context: WireContext,
  findings: Findings,
): void {
  const seen = new Int32Array(8);
  for (let from = start; from < end; ) {
    const flags = bytes[from]!;
    const isExtended = (flags & AttributeFlag.extendedLength) !== 0;
    const at = from + (isExtended ? 4 : 3);
    if (at > end) {
      findings.add('overrun', 0);
      return;
    }
    const type = bytes[from + 1]!;
    const to = at + (isExtended ? uint16At(bytes, from + 2) : bytes[from + 2]!);
    if (to > end) {
      findings.add('overrun', type);
      return;
    }
    const bit = 1 << (type & 31);
    if ((seen[type >>> 5]! & bit) !== 0) findings.add('repeated', type);
    else {
      seen[type >>> 5]! |= bit;
      const fault = readAttribute(draft, flags, type, bytes, at, to, context);
      if (fault !== undefined) findings.add(fault, type, from, to);
    }
    from = to;
  }
}

/** What only the whole message shows. */
function checkWhole({ announced, attributes }: Update, findings: Findings): void {
  const isAnnounced = announced.bytes.length > 0;
  const isReach = attributes.mpReach !== undefined && attributes.mpReach.nlri.bytes.length > 0;
  if (isAnnounced || isReach) {
    if (attributes.origin === undefined) findings.add('missing', AttributeType.origin);
    if (attributes.asPath === undefined) findings.add('missing', AttributeType.asPath);
  } else findings.cannotWithdraw();
  if (!isAnnounced) return; // RFC 4760 §3: then a NEXT_HOP is ignored
  if (attributes.nextHop === undefined) findings.add('missing', AttributeType.nextHop);
  else if (!isUsableUnicast(attributes.nextHop)) findings.add('next-hop', AttributeType.nextHop);
}

/** RFC 6793 §4.2.3: what an old speaker carried along takes the place of its AS_TRANS. */
function withFourOctets({ attributes, as4Path, as4Aggregator }: AttributeDraft): void {
  const { asPath, aggregator } = attributes;
  if (aggregator !== undefined && as4Aggregator !== undefined) {
    // Somebody aggregated who knew nothing of the four octets.
    if (aggregator.asn !== AS_TRANS) return;
    attributes.aggregator = as4Aggregator;
  }
  if (asPath !== undefined && as4Path !== undefined) attributes.asPath = mergeAs4Path(asPath, as4Path);
}

function concluded(update: Update, findings: Findings, context: WireContext): DecodedMessage {
  const error = findings.error();
  if (error === undefined) return { ok: true, message: update };
  if (error.handling === 'reset') return { ok: false, error, read: update };
  return {
    ok: true,
    message: error.handling === 'treat-as-withdraw' ? asWithdrawn(update, noPrefixes(context)) : update,
    error,
  };
}

/** RFC 7606 §2: as if every route of the message had been withdrawn by it. */
function asWithdrawn({ kind, withdrawn, announced, attributes }: Update, none: Nlri): Update {
  const all = joined(withdrawn, announced);
  const nlri = attributes.mpReach?.nlri;
  if (nlri === undefined) return { kind, withdrawn: all, announced: none, attributes };
  const { mpUnreach } = attributes;
  const unreach = (gone: Nlri): PathAttributes => ({ ...attributes, mpReach: undefined, mpUnreach: gone });
  if (mpUnreach === undefined) return { kind, withdrawn: all, announced: none, attributes: unreach(nlri) };
  if (isSame(mpUnreach.family, nlri.family))
    return { kind, withdrawn: all, announced: none, attributes: unreach(joined(mpUnreach, nlri)) };
  // Two families, and one attribute for them: IPv4 has a field of its own, and what we cannot read has no prefixes to be listed.
  if (isSame(nlri.family, IPV4_UNICAST))
    return { kind, withdrawn: joined(all, nlri), announced: none, attributes: unreach(mpUnreach) };
  if (isSame(mpUnreach.family, IPV4_UNICAST))
    return { kind, withdrawn: joined(all, mpUnreach), announced: none, attributes: unreach(nlri) };
  const readable = ipFamilyOf(nlri.family) === undefined ? mpUnreach : nlri;
  return { kind, withdrawn: all, announced: none, attributes: unreach(readable) };
}

const isSame = (a: Family, b: Family): boolean => a.afi === b.afi && a.safi === b.safi;

function joined(first: Nlri, second: Nlri): Nlri {
  if (second.bytes.length === 0) return first;
  if (first.bytes.length === 0) return second;
  const bytes = new Uint8Array(first.bytes.length + second.bytes.length);
  bytes.set(first.bytes);
  bytes.set(second.bytes, first.bytes.length);
  return { family: first.family, addPath: first.addPath, bytes };
}
