import { ipAddressFromBytes } from '../../base/ip-address.ts';
import { macAddressFromBytes } from '../../base/mac-address.ts';
import { LITTLE_ENDIAN } from '../host-order.ts';
import type { InterfaceAddress, NetworkInterface } from '../ports.ts';
import * as c from './constants.ts';
import { decodeAttributes, decodeMessages, encodeMessage, type NetlinkMessage, viewOf } from './message.ts';

/**
 * The part of rtnetlink(7) that tells which interfaces and addresses there are: requests for a dump, and the messages that
 * answer it or tell of a change (the same ones).
 */

export type Link = Omit<NetworkInterface, 'addresses'>;
export type RouteMessage =
  | { readonly kind: 'link'; readonly link: Link }
  | { readonly kind: 'link-removed'; readonly index: number }
  | { readonly kind: 'address'; readonly index: number; readonly address: InterfaceAddress }
  | { readonly kind: 'address-removed'; readonly index: number; readonly address: InterfaceAddress }
  /** A dump is complete; `error` is 0 or -errno. */
  | { readonly kind: 'done'; readonly error: number };

export interface RouteDatagram {
  readonly messages: readonly RouteMessage[];
  readonly interrupted: boolean;
}

const LINK_HEADER = 16; // struct ifinfomsg
const ADDRESS_HEADER = 8; // struct ifaddrmsg

export function encodeDumpRequest(what: 'links' | 'addresses', sequence: number): Uint8Array {
  return encodeMessage({
    type: what === 'links' ? c.RTM_GETLINK : c.RTM_GETADDR,
    flags: c.NLM_F_REQUEST | c.NLM_F_DUMP,
    sequence,
    // Family AF_UNSPEC, everything else zero: all links, addresses of all families.
    body: new Uint8Array(what === 'links' ? LINK_HEADER : ADDRESS_HEADER),
  });
}

/** Messages of other kinds are left out, and so are those too short to be what they say. */
export function decodeRouteDatagram(datagram: Uint8Array): RouteDatagram {
  const messages = decodeMessages(datagram);
  return {
    messages: messages.map(decodeRouteMessage).filter((message) => message !== undefined),
    interrupted: messages.some(({ flags }) => (flags & c.NLM_F_DUMP_INTR) !== 0),
  };
}

function decodeRouteMessage({ type, body }: NetlinkMessage): RouteMessage | undefined {
  switch (type) {
    case c.RTM_NEWLINK:
      return decodeLink(body);
    case c.RTM_DELLINK:
      // A bridge tells with its own family that a port left it; the link itself is still there.
      return body.length < LINK_HEADER || body[0] !== c.AF_UNSPEC
        ? undefined
        : { kind: 'link-removed', index: viewOf(body).getInt32(4, LITTLE_ENDIAN) };
    case c.RTM_NEWADDR:
    case c.RTM_DELADDR: {
      const found = decodeAddress(body);
      return found && { kind: type === c.RTM_NEWADDR ? 'address' : 'address-removed', ...found };
    }
    case c.NLMSG_DONE:
    case c.NLMSG_ERROR:
      return { kind: 'done', error: body.length < 4 ? 0 : viewOf(body).getInt32(0, LITTLE_ENDIAN) };
    default:
      return undefined;
  }
}

function decodeLink(body: Uint8Array): RouteMessage | undefined {
  if (body.length < LINK_HEADER || body[0] !== c.AF_UNSPEC) return undefined;
  const header = viewOf(body);
  const attributes = decodeAttributes(body.subarray(LINK_HEADER));
  const name = attributes.get(c.IFLA_IFNAME);
  if (name === undefined) return undefined;
  const flags = header.getUint32(8, LITTLE_ENDIAN);
  const mac = attributes.get(c.IFLA_ADDRESS);
  const ethernet = header.getUint16(2, LITTLE_ENDIAN) === c.ARPHRD_ETHER;
  return {
    kind: 'link',
    link: {
      index: header.getInt32(4, LITTLE_ENDIAN),
      name: textOf(name),
      mac: ethernet && mac?.length === 6 ? macAddressFromBytes(mac) : undefined,
      up: (flags & c.IFF_UP) !== 0 && (flags & c.IFF_LOWER_UP) !== 0,
      loopback: (flags & c.IFF_LOOPBACK) !== 0,
      broadcast: (flags & c.IFF_BROADCAST) !== 0 && (flags & c.IFF_NOARP) === 0,
      master: masterOf(attributes),
      mtu: uint32Of(attributes.get(c.IFLA_MTU)) ?? 0,
    },
  };
}

/** A VRF is called a master too, but its members keep receiving their own frames. */
function masterOf(attributes: ReadonlyMap<number, Uint8Array>): number | undefined {
  const info = decodeAttributes(attributes.get(c.IFLA_LINKINFO) ?? new Uint8Array(0));
  const kind = info.get(c.IFLA_INFO_SLAVE_KIND);
  return kind !== undefined && textOf(kind) === 'vrf' ? undefined : uint32Of(attributes.get(c.IFLA_MASTER));
}

function decodeAddress(body: Uint8Array): { index: number; address: InterfaceAddress } | undefined {
  if (body.length < ADDRESS_HEADER) return undefined;
  const octets = body[0] === c.AF_INET ? 4 : body[0] === c.AF_INET6 ? 16 : 0;
  const attributes = decodeAttributes(body.subarray(ADDRESS_HEADER));
  // On a point-to-point link IFA_ADDRESS is the other end, and the prefix length belongs to it.
  const own = attributes.get(c.IFA_LOCAL) ?? attributes.get(c.IFA_ADDRESS);
  const other = attributes.get(c.IFA_ADDRESS) ?? own;
  if (octets === 0 || own?.length !== octets || other?.length !== octets) return undefined;
  const address = ipAddressFromBytes(own);
  const prefixLength = own.every((octet, i) => octet === other[i]) ? body[1]! : octets * 8;
  return prefixLength > octets * 8
    ? undefined
    : { index: viewOf(body).getInt32(4, LITTLE_ENDIAN), address: { address, prefixLength } };
}

const uint32Of = (bytes: Uint8Array | undefined): number | undefined =>
  bytes?.length === 4 ? viewOf(bytes).getUint32(0, LITTLE_ENDIAN) : undefined;

/** Up to the terminating zero. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8');
}
