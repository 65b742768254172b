"""The kernel's numbers, by the kernel's names: ``RTA_OIF`` is ``RTA.OIF``.

Where the kernel's prefix is no good class name the docstring gives it.  Numbers are those of Linux
6.19; older kernels have fewer, never other ones.  No knowledge of layout is here, see ``route`` and
its neighbours for that.

Source: include/uapi/linux/{netlink,rtnetlink,lwtunnel,nexthop,fib_rules,if_addr,if_link,if}.h.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

NETLINK_ROUTE = 0
"""The protocol number of the kernel's own routing socket."""


class AF(IntEnum):
    """Address families that route messages bear.  The two over 127 are rtnetlink's own (multicast)."""

    UNSPEC = 0
    INET = 2
    BRIDGE = 7
    INET6 = 10
    MPLS = 28
    IPMR = 128
    IP6MR = 129


class RTM(IntEnum):
    """Message types of NETLINK_ROUTE."""

    NEWLINK = 16
    DELLINK = 17
    GETLINK = 18
    SETLINK = 19
    NEWADDR = 20
    DELADDR = 21
    GETADDR = 22
    NEWROUTE = 24
    DELROUTE = 25
    GETROUTE = 26
    NEWNEIGH = 28
    DELNEIGH = 29
    GETNEIGH = 30
    NEWRULE = 32
    DELRULE = 33
    GETRULE = 34
    NEWPREFIX = 52
    NEWNETCONF = 80
    DELNETCONF = 81
    GETNETCONF = 82
    NEWNSID = 88
    DELNSID = 89
    GETNSID = 90
    NEWLINKPROP = 108
    DELLINKPROP = 109
    GETLINKPROP = 110
    NEWNEXTHOP = 104
    DELNEXTHOP = 105
    GETNEXTHOP = 106
    NEWNEXTHOPBUCKET = 116
    DELNEXTHOPBUCKET = 117
    GETNEXTHOPBUCKET = 118


class RTNLGRP(IntEnum):
    """Notification groups, for NETLINK_ADD_MEMBERSHIP (numbers, not mask bits)."""

    LINK = 1
    NOTIFY = 2
    NEIGH = 3
    IPV4_IFADDR = 5
    IPV4_MROUTE = 6
    IPV4_ROUTE = 7
    IPV4_RULE = 8
    IPV6_IFADDR = 9
    IPV6_MROUTE = 10
    IPV6_ROUTE = 11
    IPV6_IFINFO = 12
    IPV6_PREFIX = 18
    IPV6_RULE = 19
    IPV4_NETCONF = 24
    IPV6_NETCONF = 25
    MPLS_ROUTE = 27
    NSID = 28
    MPLS_NETCONF = 29
    IPV4_MROUTE_R = 30
    IPV6_MROUTE_R = 31
    NEXTHOP = 32


class RTN(IntEnum):
    """Route types, ``rtm_type``."""

    UNSPEC = 0
    UNICAST = 1
    LOCAL = 2
    BROADCAST = 3
    ANYCAST = 4
    MULTICAST = 5
    BLACKHOLE = 6
    UNREACHABLE = 7
    PROHIBIT = 8
    THROW = 9
    NAT = 10
    XRESOLVE = 11


class RTPROT(IntEnum):
    """Who installed a route, ``rtm_protocol``.  From STATIC up the kernel does not interpret it."""

    UNSPEC = 0
    REDIRECT = 1
    KERNEL = 2
    BOOT = 3
    STATIC = 4
    GATED = 8
    RA = 9
    MRT = 10
    ZEBRA = 11
    BIRD = 12
    DNROUTED = 13
    XORP = 14
    NTK = 15
    DHCP = 16
    MROUTED = 17
    KEEPALIVED = 18
    BABEL = 42
    OVN = 84
    OPENR = 99
    BGP = 186
    ISIS = 187
    OSPF = 188
    RIP = 189
    EIGRP = 192


class Scope(IntEnum):
    """``RT_SCOPE_*``: how far the destination is; a higher number is nearer."""

    UNIVERSE = 0
    SITE = 200
    LINK = 253
    HOST = 254
    NOWHERE = 255


class TableId(IntEnum):
    """``RT_TABLE_*``: table ids with a meaning; every other 32-bit id is the user's.

    COMPAT is what ``rtm_table`` holds when the id does not fit its 8 bits.
    """

    UNSPEC = 0
    COMPAT = 252
    DEFAULT = 253
    MAIN = 254
    LOCAL = 255


class RouteFlag(IntFlag):
    """``RTM_F_*`` and, in the low byte, ``RTNH_F_*`` of a route with one next hop: ``rtm_flags``."""

    DEAD = 0x01
    PERVASIVE = 0x02
    ONLINK = 0x04
    NH_OFFLOAD = 0x08
    LINKDOWN = 0x10
    UNRESOLVED = 0x20
    NH_TRAP = 0x40
    NOTIFY = 0x100
    CLONED = 0x200
    EQUALIZE = 0x400
    PREFIX = 0x800
    LOOKUP_TABLE = 0x1000
    FIB_MATCH = 0x2000
    OFFLOAD = 0x4000
    TRAP = 0x8000
    OFFLOAD_FAILED = 0x2000_0000


class NextHopFlag(IntFlag):
    """``RTNH_F_*``: ``rtnh_flags``, ``nh_flags``, and the low byte of ``rtm_flags``."""

    DEAD = 0x01
    PERVASIVE = 0x02
    ONLINK = 0x04
    OFFLOAD = 0x08
    LINKDOWN = 0x10
    UNRESOLVED = 0x20
    TRAP = 0x40


class RTA(IntEnum):
    """Attributes of a route and of a next hop inside it."""

    UNSPEC = 0
    DST = 1
    SRC = 2
    IIF = 3
    OIF = 4
    GATEWAY = 5
    PRIORITY = 6
    PREFSRC = 7
    METRICS = 8
    MULTIPATH = 9
    PROTOINFO = 10
    FLOW = 11
    CACHEINFO = 12
    SESSION = 13
    MP_ALGO = 14
    TABLE = 15
    MARK = 16
    MFC_STATS = 17
    VIA = 18
    NEWDST = 19
    PREF = 20
    ENCAP_TYPE = 21
    ENCAP = 22
    EXPIRES = 23
    PAD = 24
    UID = 25
    TTL_PROPAGATE = 26
    IP_PROTO = 27
    SPORT = 28
    DPORT = 29
    NH_ID = 30
    FLOWLABEL = 31


class RTAX(IntEnum):
    """Metrics inside ``RTA_METRICS``; bit n of LOCK pins metric n against path discovery."""

    UNSPEC = 0
    LOCK = 1
    MTU = 2
    WINDOW = 3
    RTT = 4
    RTTVAR = 5
    SSTHRESH = 6
    CWND = 7
    ADVMSS = 8
    REORDERING = 9
    HOPLIMIT = 10
    INITCWND = 11
    FEATURES = 12
    RTO_MIN = 13
    INITRWND = 14
    QUICKACK = 15
    CC_ALGO = 16
    FASTOPEN_NO_COOKIE = 17


class MetricFeature(IntFlag):
    """``RTAX_FEATURE_*``: bits of the FEATURES metric; the kernel acts on ECN and TCP_USEC_TS only."""

    ECN = 1
    SACK = 2
    TIMESTAMP = 4
    ALLFRAG = 8
    TCP_USEC_TS = 16


class EncapType(IntEnum):
    """``LWTUNNEL_ENCAP_*``: what ``RTA_ENCAP`` holds."""

    NONE = 0
    MPLS = 1
    IP = 2
    ILA = 3
    IP6 = 4
    SEG6 = 5
    BPF = 6
    SEG6_LOCAL = 7
    RPL = 8
    IOAM6 = 9
    XFRM = 10


class RoutePreference(IntEnum):
    """``RTA_PREF``: a router's rank in its advertisement (RFC 4191); the wire value, not an order."""

    MEDIUM = 0
    HIGH = 1
    INVALID = 2
    LOW = 3


class IFLA(IntEnum):
    """Attributes of a link that nld reads; the others are kept as bytes."""

    ADDRESS = 1
    BROADCAST = 2
    IFNAME = 3
    MTU = 4
    LINK = 5
    QDISC = 6
    MASTER = 10
    TXQLEN = 13
    OPERSTATE = 16
    LINKMODE = 17
    LINKINFO = 18
    NET_NS_PID = 19
    IFALIAS = 20
    GROUP = 27
    NET_NS_FD = 28
    EXT_MASK = 29
    PROMISCUITY = 30
    NUM_TX_QUEUES = 31
    NUM_RX_QUEUES = 32
    CARRIER = 33
    CARRIER_CHANGES = 35
    LINK_NETNSID = 37
    PROTO_DOWN = 39
    EVENT = 44
    NEW_NETNSID = 45
    NEW_IFINDEX = 49
    MIN_MTU = 50
    MAX_MTU = 51
    PROP_LIST = 52
    ALT_IFNAME = 53


class IFLA_INFO(IntEnum):  # noqa: N801
    """What is inside ``IFLA_LINKINFO``."""

    KIND = 1
    DATA = 2
    XSTATS = 3
    SLAVE_KIND = 4
    SLAVE_DATA = 5


class LinkFlag(IntFlag):
    """``IFF_*``: ``ifi_flags``."""

    UP = 0x1
    BROADCAST = 0x2
    DEBUG = 0x4
    LOOPBACK = 0x8
    POINTOPOINT = 0x10
    NOTRAILERS = 0x20
    RUNNING = 0x40
    NOARP = 0x80
    PROMISC = 0x100
    ALLMULTI = 0x200
    MASTER = 0x400
    SLAVE = 0x800
    MULTICAST = 0x1000
    PORTSEL = 0x2000
    AUTOMEDIA = 0x4000
    DYNAMIC = 0x8000
    LOWER_UP = 0x1_0000
    DORMANT = 0x2_0000
    ECHO = 0x4_0000


class OperState(IntEnum):
    """``IF_OPER_*``: ``IFLA_OPERSTATE`` (RFC 2863)."""

    UNKNOWN = 0
    NOTPRESENT = 1
    DOWN = 2
    LOWERLAYERDOWN = 3
    TESTING = 4
    DORMANT = 5
    UP = 6


class NETCONFA(IntEnum):
    """Attributes of a device's settings (linux/netconf.h)."""

    IFINDEX = 1
    FORWARDING = 2
    RP_FILTER = 3
    MC_FORWARDING = 4
    PROXY_NEIGH = 5
    IGNORE_ROUTES_WITH_LINKDOWN = 6
    INPUT = 7
    BC_FORWARDING = 8


class IFA(IntEnum):
    """Attributes of an address."""

    ADDRESS = 1
    LOCAL = 2
    LABEL = 3
    BROADCAST = 4
    ANYCAST = 5
    CACHEINFO = 6
    MULTICAST = 7
    FLAGS = 8
    RT_PRIORITY = 9
    TARGET_NETNSID = 10
    PROTO = 11


class AddressFlag(IntFlag):
    """``IFA_F_*``: ``ifa_flags``.  SECONDARY is TEMPORARY on IPv6."""

    SECONDARY = 0x01
    NODAD = 0x02
    OPTIMISTIC = 0x04
    DADFAILED = 0x08
    HOMEADDRESS = 0x10
    DEPRECATED = 0x20
    TENTATIVE = 0x40
    PERMANENT = 0x80
    MANAGETEMPADDR = 0x100
    NOPREFIXROUTE = 0x200
    MCAUTOJOIN = 0x400
    STABLE_PRIVACY = 0x800


class NHA(IntEnum):
    """Attributes of a nexthop object."""

    ID = 1
    GROUP = 2
    GROUP_TYPE = 3
    BLACKHOLE = 4
    OIF = 5
    GATEWAY = 6
    ENCAP_TYPE = 7
    ENCAP = 8
    GROUPS = 9
    MASTER = 10
    FDB = 11
    RES_GROUP = 12
    RES_BUCKET = 13
    OP_FLAGS = 14
    GROUP_STATS = 15
    HW_STATS_ENABLE = 16
    HW_STATS_USED = 17


class NHA_RES_GROUP(IntEnum):  # noqa: N801
    """What is inside ``NHA_RES_GROUP``."""

    BUCKETS = 1
    IDLE_TIMER = 2
    UNBALANCED_TIMER = 3
    UNBALANCED_TIME = 4


class FRA(IntEnum):
    """Attributes of a routing rule."""

    DST = 1
    SRC = 2
    IIFNAME = 3
    GOTO = 4
    PRIORITY = 6
    FWMARK = 10
    FLOW = 11
    TUN_ID = 12
    SUPPRESS_IFGROUP = 13
    SUPPRESS_PREFIXLEN = 14
    TABLE = 15
    FWMASK = 16
    OIFNAME = 17
    PAD = 18
    L3MDEV = 19
    UID_RANGE = 20
    PROTOCOL = 21
    IP_PROTO = 22
    SPORT_RANGE = 23
    DPORT_RANGE = 24
    DSCP = 25
    FLOWLABEL = 26
    FLOWLABEL_MASK = 27
    SPORT_MASK = 28
    DPORT_MASK = 29
    DSCP_MASK = 30


class RuleAction(IntEnum):
    """``FR_ACT_*``: what a rule does with a packet that it matches."""

    UNSPEC = 0
    TO_TBL = 1
    GOTO = 2
    NOP = 3
    BLACKHOLE = 6
    UNREACHABLE = 7
    PROHIBIT = 8


class RuleFlag(IntFlag):
    """``FIB_RULE_*``: flags of a rule."""

    PERMANENT = 0x1
    INVERT = 0x2
    UNRESOLVED = 0x4
    IIF_DETACHED = 0x8
    OIF_DETACHED = 0x10
    FIND_SADDR = 0x1_0000
