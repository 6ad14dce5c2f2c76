import type { IpAddress } from '../base/ip-address.ts';
import { ipAddressToBytes } from '../base/ip-address.ts';
import { type MacAddress, macAddressFromBytes, macAddressToBytes } from '../base/mac-address.ts';
import { AddressIndex } from './address-index.ts';
import { ArpOffset, encodeArp, refuseArp } from './wire/arp.ts';
import { AdvertisementFlag, ArpOperation, Icmpv6Type, NDP_HOP_LIMIT, NdpOption } from './wire/constants.ts';
import { isBroadcastMac, isUnicastMac, sameBytes } from './wire/ethernet.ts';
import { ALL_NODES, Ipv6Offset, icmpv6Checksum, isZeroAt, multicastMac, UNSPECIFIED_IPV6 } from './wire/ipv6.ts';
import { encodeNdp, NdpOffset, ndpLinkLayerAt, refuseNdp } from './wire/ndp.ts';

/**
 * Answers ARP requests and Neighbor Solicitations on one interface. It decides straight from the bytes of the frame and
 * writes into a reply that is made once for each MAC, because this runs for every frame, with 10,000 addresses held.
 * Every frame ends as exactly one outcome, and everything that is not answered as a drop with a reason.
 * Standards: RFC 826; RFC 5227 §2.1.1, §2.4; RFC 4861 §7.2.3, §7.2.4; RFC 4862 §5.4.
 */
export const DROP_REASONS = [
  /** Breaks a rule of ARP or of RFC 4861 §7.1. */
  'malformed',
  /** Well-formed, but neither ARP for IPv4 nor neighbor discovery. */
  'other-protocol',
  /** The Ethernet destination is another machine. */
  'not-to-us',
  /** Sent by this node, and heard on another of its interfaces. */
  'own',
  /** The address to answer to is a group, or zero. */
  'bad-sender',
  /** A reply or advertisement about an address that is not ours, or an operation that asks nothing. */
  'not-a-request',
  'not-held',
  /** Somebody else uses or probes for an address of ours: goes to conflict detection instead. */
  'conflict',
  /** The answer could not be sent. */
  'send-failed',
  /** This process slept, and does not know yet whether it still holds anything. */
  'muted',
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** An address on one interface, as the responder sees it. */
export interface Watched {
  readonly address: IpAddress;
  /** False: only looked at for conflicts. */
  readonly answering: boolean;
}

export type Outcome<W extends Watched> =
  /** `reply` is overwritten by the next frame. */
  | { readonly kind: 'answer'; readonly reply: Uint8Array }
  | { readonly kind: 'drop'; readonly reason: Exclude<DropReason, 'conflict' | 'send-failed' | 'muted'> }
  | {
      readonly kind: 'conflict';
      readonly watched: W;
      readonly mac: MacAddress;
      /** `uses`: it answers for the address. `probes`: it asks whether anybody has it, as we do (RFC 5227 §2.1.1). */
      readonly claim: 'uses' | 'probes';
      /** The same frame may ask for another address, which is ours. */
      readonly reply: Uint8Array | undefined;
    };

type Drop = Extract<Outcome<never>, { kind: 'drop' }>;
const drop = (reason: Drop['reason']): Drop => ({ kind: 'drop', reason });
const DROP = {
  malformed: drop('malformed'),
  other: drop('other-protocol'),
  notToUs: drop('not-to-us'),
  own: drop('own'),
  badSender: drop('bad-sender'),
  notARequest: drop('not-a-request'),
  notHeld: drop('not-held'),
} as const;

const ZERO_IPV4: IpAddress = { family: 'ipv4', value: 0n };

export class Responder<W extends Watched> {
  readonly #watched = new AddressIndex<W>();
  readonly #isOwn: (mac: MacAddress) => boolean;
  #mac: Uint8Array;
  #arpReply: Uint8Array;
  #advertisement: Uint8Array;

  /** `isOwn` tells every MAC of this node, whichever interface has it. */
  constructor(mac: MacAddress, isOwn: (mac: MacAddress) => boolean) {
    this.#isOwn = isOwn;
    this.#mac = macAddressToBytes(mac);
    this.#arpReply = arpReplyOf(mac);
    this.#advertisement = advertisementOf(mac);
  }

  useMac(mac: MacAddress): void {
    this.#mac = macAddressToBytes(mac);
    this.#arpReply = arpReplyOf(mac);
    this.#advertisement = advertisementOf(mac);
  }

  watch(watched: W): void {
    this.#watched.set(watched.address, watched);
  }
  unwatch(address: IpAddress): void {
    this.#watched.delete(address);
  }

  arp(frame: Uint8Array): Outcome<W> {
    const refusal = refuseArp(frame);
    if (refusal !== undefined) return refusal.kind === 'malformed' ? DROP.malformed : DROP.other;
    if (!isBroadcastMac(frame, 0) && !sameBytes(frame, 0, this.#mac, 0, 6)) return DROP.notToUs;
    const sender = this.#watched.ipv4At(frame, ArpOffset.senderIp);
    if (sender !== undefined) return this.#arpFromOurAddress(frame, sender);
    if (!isRequest(frame)) return DROP.notARequest;
    const target = this.#watched.ipv4At(frame, ArpOffset.targetIp);
    if (target === undefined) return DROP.notHeld;
    if (!target.answering) {
      // RFC 5227 §2.1.1: a probe for the address that we are probing for.
      return isZeroAt(frame, ArpOffset.senderIp, 4)
        ? this.#conflict(frame, ArpOffset.senderMac, target, 'probes')
        : DROP.notHeld;
    }
    if (!isUnicastMac(frame, ArpOffset.senderMac)) return DROP.badSender;
    return { kind: 'answer', reply: this.#answerArp(frame) };
  }

  /** RFC 5227 §2.4: a request or reply whose sender has our address. It may still ask for another one of ours. */
  #arpFromOurAddress(frame: Uint8Array, sender: W): Outcome<W> {
    const outcome = this.#conflict(frame, ArpOffset.senderMac, sender, 'uses');
    if (outcome.kind !== 'conflict' || !isRequest(frame)) return outcome;
    const target = this.#watched.ipv4At(frame, ArpOffset.targetIp);
    const answerable = target?.answering === true && target !== sender && isUnicastMac(frame, ArpOffset.senderMac);
    return answerable ? { ...outcome, reply: this.#answerArp(frame) } : outcome;
  }

  #conflict(frame: Uint8Array, macAt: number, watched: W, claim: 'uses' | 'probes'): Outcome<W> {
    if (!isUnicastMac(frame, macAt)) return DROP.badSender;
    const mac = macAddressFromBytes(frame, macAt);
    if (this.#isOwn(mac) || this.#isOwn(macAddressFromBytes(frame, 6))) return DROP.own;
    return { kind: 'conflict', watched, mac, claim, reply: undefined };
  }

  /** RFC 826: the fields swapped, our hardware address put in, sent to who asked. A probe gets the same (RFC 5227 §2.1.1). */
  #answerArp(frame: Uint8Array): Uint8Array {
    const reply = this.#arpReply;
    copy(frame, ArpOffset.senderMac, reply, 0, 6);
    copy(frame, ArpOffset.targetIp, reply, ArpOffset.senderIp, 4);
    copy(frame, ArpOffset.senderMac, reply, ArpOffset.targetMac, 10);
    return reply;
  }

  ndp(frame: Uint8Array): Outcome<W> {
    const refusal = refuseNdp(frame);
    if (refusal !== undefined) return refusal.kind === 'malformed' ? DROP.malformed : DROP.other;
    const toGroup = frame[0] === 0x33 && frame[1] === 0x33;
    if (!toGroup && !sameBytes(frame, 0, this.#mac, 0, 6)) return DROP.notToUs;
    const target = this.#watched.ipv6At(frame, NdpOffset.target);
    if (frame[NdpOffset.type] === Icmpv6Type.neighborAdvertisement) {
      if (target === undefined) return DROP.notARequest;
      return this.#conflict(frame, ndpLinkLayerAt(frame, NdpOption.targetLinkLayer) ?? 6, target, 'uses');
    }
    if (target === undefined) return DROP.notHeld;
    const probe = isZeroAt(frame, Ipv6Offset.source, 16);
    // RFC 4862 §5.4.3: a solicitation from the unspecified address for the address that we are probing for.
    if (!target.answering) return probe ? this.#conflict(frame, 6, target, 'probes') : DROP.notHeld;
    // Without the option, as in unreachability probes, the answer goes to where the frame came from.
    const macAt = ndpLinkLayerAt(frame, NdpOption.sourceLinkLayer) ?? 6;
    if (!isUnicastMac(frame, macAt)) return DROP.badSender;
    return { kind: 'answer', reply: probe ? this.#answerProbe(frame) : this.#answerSolicitation(frame, macAt) };
  }

  /** RFC 4861 §7.2.4: to the source, Solicited and Override set, with the target link-layer address. */
  #answerSolicitation(frame: Uint8Array, macAt: number): Uint8Array {
    const reply = this.#advertisement;
    copy(frame, macAt, reply, 0, 6);
    copy(frame, Ipv6Offset.source, reply, Ipv6Offset.destination, 16);
    return this.#finishAdvertisement(frame, AdvertisementFlag.solicited | AdvertisementFlag.override);
  }

  /** RFC 4861 §7.2.4: a source that has no address yet is answered at all nodes, with Solicited zero. */
  #answerProbe(frame: Uint8Array): Uint8Array {
    const reply = this.#advertisement;
    reply.set(ALL_NODES_MAC_BYTES, 0);
    reply.set(ALL_NODES_BYTES, Ipv6Offset.destination);
    return this.#finishAdvertisement(frame, AdvertisementFlag.override);
  }

  #finishAdvertisement(frame: Uint8Array, flags: number): Uint8Array {
    const reply = this.#advertisement;
    copy(frame, NdpOffset.target, reply, Ipv6Offset.source, 16);
    copy(frame, NdpOffset.target, reply, NdpOffset.target, 16);
    reply[NdpOffset.flags] = flags;
    reply[NdpOffset.checksum] = 0;
    reply[NdpOffset.checksum + 1] = 0;
    const checksum = icmpv6Checksum(reply);
    reply[NdpOffset.checksum] = checksum >> 8;
    reply[NdpOffset.checksum + 1] = checksum & 0xff;
    return reply;
  }
}

const ALL_NODES_BYTES = ipAddressToBytes(ALL_NODES);
const ALL_NODES_MAC_BYTES = macAddressToBytes(multicastMac(ALL_NODES));

const isRequest = (frame: Uint8Array): boolean =>
  frame[ArpOffset.operation] === 0 && frame[ArpOffset.operation + 1] === ArpOperation.request;

function copy(from: Uint8Array, at: number, to: Uint8Array, offset: number, count: number): void {
  for (let i = 0; i < count; i++) to[offset + i] = from[at + i]!;
}

/** A reply with every field that is the same each time. */
function arpReplyOf(mac: MacAddress): Uint8Array {
  const blank = { destination: mac, targetMac: mac, senderIp: ZERO_IPV4, targetIp: ZERO_IPV4 };
  return encodeArp({ ...blank, source: mac, operation: ArpOperation.reply, senderMac: mac });
}

/** The source address is the VIP itself: RFC 4861 §4.4 wants one of the interface, and this one needs no other. */
function advertisementOf(mac: MacAddress): Uint8Array {
  return encodeNdp({
    kind: 'neighbor-advertisement',
    sourceMac: mac,
    destinationMac: mac,
    source: UNSPECIFIED_IPV6,
    destination: UNSPECIFIED_IPV6,
    hopLimit: NDP_HOP_LIMIT,
    router: false,
    solicited: false,
    override: false,
    target: UNSPECIFIED_IPV6,
    targetLinkLayer: mac,
  });
}
