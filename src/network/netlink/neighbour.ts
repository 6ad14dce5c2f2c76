import { ipAddressFromBytes } from '../../base/ip-address.ts';
import { macAddressFromBytes } from '../../base/mac-address.ts';
import { LITTLE_ENDIAN } from '../host-order.ts';
import type { Neighbour } from '../ports.ts';
import * as c from './constants.ts';
import { decodeAttributes, decodeMessages, encodeMessage, type NetlinkMessage, viewOf } from './message.ts';

/** The part of rtnetlink(7) that tells of the neighbour table, IPv6 only. */

export type NeighbourMessage =
  | { readonly kind: 'neighbour'; readonly index: number; readonly neighbour: Neighbour }
  | { readonly kind: 'neighbour-removed'; readonly index: number; readonly neighbour: Neighbour }
  /** A dump is complete; `error` is 0 or -errno. */
  | { readonly kind: 'done'; readonly error: number };

export interface NeighbourDatagram {
  readonly messages: readonly NeighbourMessage[];
  readonly interrupted: boolean;
}

const NEIGHBOUR_HEADER = 12; // struct ndmsg
const IPV6_OCTETS = 16;
/** ff00::/8 */
const MULTICAST = 0xff;

/** Everything of IPv6. */
export function encodeNeighbourDump(sequence: number): Uint8Array {
  const body = new Uint8Array(NEIGHBOUR_HEADER);
  body[0] = c.AF_INET6;
  return encodeMessage({ type: c.RTM_GETNEIGH, flags: c.NLM_F_REQUEST | c.NLM_F_DUMP, sequence, body });
}

/** Messages of other kinds and multicast groups are left out, and so are messages too short to be what they say. */
export function decodeNeighbourDatagram(datagram: Uint8Array): NeighbourDatagram {
  const messages = decodeMessages(datagram);
  return {
    messages: messages.map(decodeNeighbourMessage).filter((message) => message !== undefined),
    interrupted: messages.some(({ flags }) => (flags & c.NLM_F_DUMP_INTR) !== 0),
  };
}

function decodeNeighbourMessage({ type, body }: NetlinkMessage): NeighbourMessage | undefined {
  if (type === c.NLMSG_DONE || type === c.NLMSG_ERROR)
    return { kind: 'done', error: body.length < 4 ? 0 : viewOf(body).getInt32(0, LITTLE_ENDIAN) };
  if (type !== c.RTM_NEWNEIGH && type !== c.RTM_DELNEIGH) return undefined;
  if (body.length < NEIGHBOUR_HEADER || body[0] !== c.AF_INET6) return undefined;
  const header = viewOf(body);
  const attributes = decodeAttributes(body.subarray(NEIGHBOUR_HEADER));
  const address = attributes.get(c.NDA_DST);
  const mac = attributes.get(c.NDA_LLADDR);
  // Of a group there is only what follows from its address.
  if (address?.length !== IPV6_OCTETS || address[0] === MULTICAST) return undefined;
  return {
    kind: type === c.RTM_NEWNEIGH ? 'neighbour' : 'neighbour-removed',
    index: header.getInt32(4, LITTLE_ENDIAN),
    neighbour: {
      address: ipAddressFromBytes(address),
      mac: mac?.length === 6 ? macAddressFromBytes(mac) : undefined,
      router: (header.getUint8(10) & c.NTF_ROUTER) !== 0,
      usable: (header.getUint16(8, LITTLE_ENDIAN) & c.NUD_USABLE) !== 0,
    },
  };
}
