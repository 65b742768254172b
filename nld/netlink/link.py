"""The link, a network device: RTM_NEWLINK, RTM_DELLINK.

``struct ifinfomsg`` and those ``IFLA_*`` attributes that decide about routes: name, index, state,
master, kind.  Statistics and driver details are kept as bytes.

Source: rtnetlink(7), include/uapi/linux/if_link.h, net/core/rtnetlink.c (``rtnl_fill_ifinfo``).
"""

from __future__ import annotations

from dataclasses import dataclass

from nld.errors import MalformedMessage
from nld.netlink.attribute import (
    BYTES,
    NESTED,
    S32,
    STRING,
    TYPE_MASK,
    U8,
    U32,
    Attribute,
    AttributeSet,
    Kind,
    Table,
    nested,
    pack,
    walk,
)
from nld.netlink.form import Form
from nld.netlink.registry import IFLA, IFLA_INFO, LinkFlag

_VRF_TABLE = 1
"""IFLA_VRF_TABLE and IFLA_VRF_PORT_TABLE."""


@dataclass(slots=True)
class LinkInfo(AttributeSet):
    """``IFLA_LINKINFO``: the ``kind`` of device (``veth``, ``vrf``), that of its master's slaves, and
    their details as bytes."""

    kind: str | None = None
    data: bytes | None = None
    slave_kind: str | None = None
    slave_data: bytes | None = None


@dataclass(slots=True)
class Link(AttributeSet):
    """One network device.

    ``index``      ifindex; 0 when asking for a new one.
    ``type``       ARPHRD_* hardware type.
    ``change``     which flags a request is about.
    ``master``     ifindex of the bridge, bond or VRF above, or None.
    ``link``       ifindex of the device below or of a veth's peer; in ``link_netnsid`` if not None.
    ``operstate``  ``OperState`` (RFC 2863); ``carrier`` 1 or 0.
    ``address``    link-layer address.
    ``altnames``   its alternative names.
    """

    family: int = 0
    type: int = 0
    index: int = 0
    flags: int = 0
    change: int = 0
    name: str | None = None
    txqlen: int | None = None
    operstate: int | None = None
    linkmode: int | None = None
    mtu: int | None = None
    group: int | None = None
    promiscuity: int | None = None
    carrier: int | None = None
    carrier_changes: int | None = None
    qdisc: str | None = None
    proto_down: int | None = None
    address: bytes | None = None
    broadcast: bytes | None = None
    link: int | None = None
    link_netnsid: int | None = None
    new_netnsid: int | None = None
    new_ifindex: int | None = None
    master: int | None = None
    alias: str | None = None
    info: LinkInfo | None = None
    altnames: tuple[str, ...] | None = None
    ext_mask: int | None = None
    net_ns_pid: int | None = None
    net_ns_fd: int | None = None
    event: int | None = None

    @property
    def kind(self) -> str | None:
        """``veth``, ``vrf``, ``bridge``...; None for hardware and loopback."""
        return self.info.kind if self.info else None

    @property
    def up(self) -> bool:
        """Whether an administrator has set it up (IFF_UP); says nothing about the carrier."""
        return bool(self.flags & LinkFlag.UP)

    @property
    def vrf_table(self) -> int | None:
        """The table of a VRF device, or of the VRF that this device is in; None otherwise."""
        if self.info is None:
            return None
        for kind, data in ((self.info.kind, self.info.data), (self.info.slave_kind, self.info.slave_data)):
            if kind == "vrf" and data is not None:
                for number, start, end in walk(data, 0, len(data)):
                    if number == _VRF_TABLE:
                        table: int = U32.unpack(data, start, end)
                        return table
        return None


INFO = Table(
    (
        Attribute(IFLA_INFO.KIND, "kind", STRING),
        Attribute(IFLA_INFO.DATA, "data", BYTES),
        Attribute(IFLA_INFO.SLAVE_KIND, "slave_kind", STRING),
        Attribute(IFLA_INFO.SLAVE_DATA, "slave_data", BYTES),
    )
)


def _unpack_names(data: bytes, start: int, end: int) -> tuple[str, ...]:
    return tuple(
        STRING.unpack(data, first, last)
        for number, first, last in walk(data, start, end)
        if number & TYPE_MASK == IFLA.ALT_IFNAME
    )


NAMES = Kind(
    "list of names",
    _unpack_names,
    lambda names: b"".join(pack(IFLA.ALT_IFNAME, STRING.pack(name)) for name in names),
)
"""``IFLA_PROP_LIST``: alternative names are the one property that there is (Linux 6.18)."""

LINK = Table(
    (
        Attribute(IFLA.IFNAME, "name", STRING),
        Attribute(IFLA.TXQLEN, "txqlen", U32),
        Attribute(IFLA.OPERSTATE, "operstate", U8),
        Attribute(IFLA.LINKMODE, "linkmode", U8),
        Attribute(IFLA.MTU, "mtu", U32),
        Attribute(IFLA.GROUP, "group", U32),
        Attribute(IFLA.PROMISCUITY, "promiscuity", U32),
        Attribute(IFLA.CARRIER, "carrier", U8),
        Attribute(IFLA.CARRIER_CHANGES, "carrier_changes", U32),
        Attribute(IFLA.QDISC, "qdisc", STRING),
        Attribute(IFLA.PROTO_DOWN, "proto_down", U8),
        Attribute(IFLA.ADDRESS, "address", BYTES),
        Attribute(IFLA.BROADCAST, "broadcast", BYTES),
        Attribute(IFLA.LINK, "link", U32),
        Attribute(IFLA.LINK_NETNSID, "link_netnsid", S32),
        Attribute(IFLA.NEW_NETNSID, "new_netnsid", S32),
        Attribute(IFLA.NEW_IFINDEX, "new_ifindex", S32),
        Attribute(IFLA.MASTER, "master", U32),
        Attribute(IFLA.IFALIAS, "alias", STRING),
        Attribute(IFLA.LINKINFO, "info", nested(INFO, LinkInfo), NESTED),
        Attribute(IFLA.PROP_LIST, "altnames", NAMES, NESTED),
        Attribute(IFLA.EXT_MASK, "ext_mask", U32),
        Attribute(IFLA.NET_NS_PID, "net_ns_pid", U32),
        Attribute(IFLA.NET_NS_FD, "net_ns_fd", U32),
        Attribute(IFLA.EVENT, "event", U32),
    )
)

FORM: Form[Link] = Form(Link, "=BxHiII", ("family", "type", "index", "flags", "change"), LINK)


_NEEDED = Table(tuple(row for row in LINK.rows if row.name in {"name", "mtu", "info", "altnames"}))
"""What routes depend on; a message about a link has some fifty attributes."""


def decode(payload: bytes | bytearray | memoryview) -> Link:
    """A link from the payload of its message.  Raises :class:`MalformedMessage`."""
    return _checked(FORM.decode(payload))


def glance(payload: bytes | bytearray | memoryview) -> Link:
    """The header, ``name``, ``mtu``, ``info`` and ``altnames`` of a link, in half the time.

    Raises :class:`MalformedMessage`.
    """
    return _checked(FORM.glance(payload, _NEEDED))


def _checked(link: Link) -> Link:
    try:
        _ = link.vrf_table
    except MalformedMessage as error:
        raise MalformedMessage("the link's VRF table is malformed", FORM.header.size) from error
    return link


def encode(link: Link) -> bytes:
    """The payload.  Raises ``ValueError`` for what does not fit its field."""
    return FORM.encode(link)
