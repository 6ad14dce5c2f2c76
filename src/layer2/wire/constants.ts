/** Every protocol number of this folder, with the registry or document that gives it. */

/** IEEE 802 EtherTypes (IANA "IEEE 802 Numbers"). */
export const EtherType = {
  /** RFC 826. */
  arp: 0x0806,
  /** IEEE 802.1Q customer tag. */
  vlan: 0x8100,
  /** IEEE 802.1ad service tag. */
  serviceVlan: 0x88a8,
  ipv4: 0x0800,
  /** RFC 2464 §3. */
  ipv6: 0x86dd,
} as const;
/** IEEE 802.3: a smaller value in that field is a length, not a type. */
export const FIRST_ETHER_TYPE = 0x0600;
export const ETHERNET_HEADER = 14;

/** IANA "ARP Parameters": hardware type 1 is Ethernet (10Mb), operations as of RFC 826. */
export const ARP_HARDWARE_ETHERNET = 1;
export const ArpOperation = { request: 1, reply: 2 } as const;
/** RFC 826: 8 octets, two hardware and two protocol addresses. */
export const ARP_HEADER = 8;
export const ARP_PACKET = 28;

/** RFC 8200 §3. */
export const IPV6_HEADER = 40;
/** IANA "Protocol Numbers". */
export const NEXT_HEADER_ICMPV6 = 58;

/** IANA "ICMPv6 Parameters": types as of RFC 4861 §4.3 and §4.4. */
export const Icmpv6Type = { neighborSolicitation: 135, neighborAdvertisement: 136 } as const;
/** RFC 4861 §7.1: the shortest Neighbor Solicitation and Advertisement. */
export const NDP_MESSAGE = 24;
/** RFC 4861 §3.1: what has crossed a router cannot have it. */
export const NDP_HOP_LIMIT = 255;
/** IANA "IPv6 Neighbor Discovery Option Formats": RFC 4861 §4.6.1. */
export const NdpOption = { sourceLinkLayer: 1, targetLinkLayer: 2 } as const;
/** RFC 4861 §4.6: option lengths count units of 8 octets. */
export const NDP_OPTION_UNIT = 8;
/** RFC 4861 §4.4. */
export const AdvertisementFlag = { router: 0x80, solicited: 0x40, override: 0x20 } as const;
