/** linux/netlink.h, linux/rtnetlink.h, linux/neighbour.h, linux/if_link.h, linux/if_addr.h, linux/if.h, linux/if_arp.h. */

export const NLM_F_REQUEST = 0x01;
/** The state changed while it was dumped, so that the dump may lack something: to be repeated. */
export const NLM_F_DUMP_INTR = 0x10;
/** NLM_F_ROOT | NLM_F_MATCH */
export const NLM_F_DUMP = 0x300;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;
export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
export const RTM_GETNEIGH = 30;

export const RTMGRP_LINK = 0x1;
export const RTMGRP_NEIGH = 0x4;
export const RTMGRP_IPV4_IFADDR = 0x10;
export const RTMGRP_IPV6_IFADDR = 0x100;

export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_INET6 = 10;

export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_MASTER = 10;
export const IFLA_LINKINFO = 18;
/** Inside IFLA_LINKINFO. */
export const IFLA_INFO_SLAVE_KIND = 4;

export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;

export const NDA_DST = 1;
export const NDA_LLADDR = 2;

export const NTF_ROUTER = 0x80;
/** NUD_REACHABLE, STALE, DELAY, PROBE, NOARP, PERMANENT: all but INCOMPLETE, FAILED and NONE. */
export const NUD_USABLE = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80;

export const IFF_UP = 0x1;
export const IFF_BROADCAST = 0x2;
export const IFF_LOOPBACK = 0x8;
export const IFF_NOARP = 0x80;
export const IFF_LOWER_UP = 0x1_0000;

export const ARPHRD_ETHER = 1;
