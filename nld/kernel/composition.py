"""From words to the wire: one record as the message that ``ip route`` would send for it.

Table, scope and units are ``ip``'s (iproute2 6.1, ``iproute_modify``).  What the kernel would take and
then ignore or change is refused, because a success that is reported must mean that the route read back
is the route asked for.  Each such rule was seen on Linux 6.18 and says what would happen.

Does not belong here: what is wrong with a record whatever the kernel and the machine
(``nld.records``), and many destinations of one record (``Translation.destinations``).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from typing import Any, NoReturn, Protocol

from nld.errors import DeviceNotFound, InvalidRecord, NldError, Unsupported
from nld.kernel import tunnels
from nld.kernel.capabilities import FIB, Capabilities, Feature
from nld.kernel.rendering import METRIC_BITS, PREFERENCES, UNITS, NexthopTable
from nld.names import NLD_PROTOCOL, TYPE_NUMBERS, Database, Names
from nld.netlink.registry import MetricFeature, RouteFlag, TableId
from nld.netlink.route import Encap, Metrics, NextHop, Route, Via
from nld.prefix import (
    FAMILIES,
    INET,
    INET6,
    DestinationError,
    parse_address,
    parse_prefix,
    spoken,
)
from nld.records.encap import EncapRecord, Ip6EncapRecord, IpEncapRecord
from nld.records.metrics import MetricsRecord
from nld.records.nexthop import SETTABLE_FLAGS, Flow, NextHopRecord
from nld.records.nexthop import Via as ViaRecord
from nld.records.route import REJECT_TYPES, RouteRecord

_LOCAL_TYPES = frozenset({"local", "broadcast", "anycast", "nat"})
"""Types that ``ip`` puts into the table local unless told otherwise."""
_SCOPES = {"local": 254, "nat": 254, "broadcast": 253, "multicast": 253, "anycast": 253}
"""Default scope by type, IPv4: host and link."""
_LINK, _NOWHERE = 253, 255
_SETTABLE = {"onlink": int(RouteFlag.ONLINK), "pervasive": int(RouteFlag.PERVASIVE)}
_PREFERENCES = {name: number for number, name in PREFERENCES.items()}
_NEEDS = {
    "metrics": Feature.METRICS,
    "encap": Feature.ENCAP,
    "nhid": Feature.NEXTHOP_OBJECTS,
    "nexthops": Feature.MULTIPATH,
    "tos": Feature.TOS,
    "flow": Feature.REALMS,
    "pref": Feature.PREFERENCE,
    "from": Feature.SOURCE,
}
"""What a table must be able to do for a record with this field."""
_INDEX_NAME = re.compile(r"if([1-9][0-9]{0,9})")
_ANSWER_FIELDS = frozenset({"uid", "mark", "iif", "cache"})


class LinkTable(Protocol):
    """The kernel's network devices."""

    def name(self, ifindex: int, /) -> str:
        """The device's name; ``if5`` for an unknown 5, as ``ip`` prints it."""

    def index(self, name: str, /) -> int | None:
        """The index of the device with this name or alternative name, or None."""

    def vrf_table(self, ifindex: int, /) -> int | None:
        """The table of a VRF device; None for any other device."""


class Resolver:
    """Names to numbers on this machine. ``names`` are iproute2's databases, ``links`` the devices.

    The messages name a field as whoever asks writes it: that of a filter by its name alone.
    """

    def __init__(self, names: Names, links: LinkTable) -> None:
        self.names = names
        self.links = links

    def number(self, field: str, text: str, database: Database, key: str | None = None) -> int:
        """A name's number; InvalidRecord with ``field`` when there is none."""
        try:
            return database.number(text)
        except ValueError as error:
            raise InvalidRecord(f"{_written(field)}: {error}", field=field, key=key) from None

    def ifindex(self, name: str, field: str, key: str | None = None) -> int:
        """A device's index; DeviceNotFound with ``field``. ``if5`` is index 5 if no device is called so."""
        index = self.links.index(name)
        if index is not None:
            return index
        match = _INDEX_NAME.fullmatch(name)
        if match and int(match[1]) <= 0x7FFFFFFF:
            return int(match[1])
        raise DeviceNotFound(
            f"{_written(field)}: there is no network device '{name}'", field=field, key=key, errno="ENODEV"
        )

    def vrf_table(self, name: str, field: str, table: int | None = None, key: str | None = None) -> int:
        """The table of a VRF device; DeviceNotFound or InvalidRecord with ``field``.

        ``table``  what was said beside it; None for nothing.
        """
        found = self.links.vrf_table(self.ifindex(name, field, key))
        if found is None:
            why = f"the device '{name}' is not a VRF"
        elif table in (None, found):
            return found
        else:
            theirs, said = map(self.names.tables.name, (found, table))
            why = f"the table of '{name}' is {theirs}, not {said}; give one of them"
        raise InvalidRecord(f"{_written(field)}: {why}", field=field, key=key)


def _written(field: str) -> str:
    return field.removeprefix("filter.")


class _TunnelLinks:
    """The devices that an encapsulation names; an unknown one is an error of the field ``field``."""

    def __init__(self, composition: Composition, field: str) -> None:
        self._composition = composition
        self._field = field

    def index(self, name: str) -> int:
        """The device's index; DeviceNotFound without one."""
        return self._composition.device(name, self._field)


class Composition:
    """One record on its way to the wire; see ``Translation.to_route`` for the parameters."""

    def __init__(
        self,
        resolver: Resolver,
        nexthops: NexthopTable,
        record: RouteRecord,
        destination: str | None,
        *,
        wildcard: bool,
        capabilities: Capabilities,
    ) -> None:
        self._resolver = resolver
        self._can = capabilities
        self._names = resolver.names
        self._nexthops = nexthops
        self._record = record
        self._wildcard = wildcard
        first = record.destinations[0] if destination is None else destination
        self._destination = first
        try:
            self._family, self._length, self._packed = parse_prefix(first, record.address_family)
        except DestinationError as error:
            raise InvalidRecord(f"dst: {error}", field="dst", key=self._key) from None
        self._type = record.type or "unicast"

    @property
    def _key(self) -> str:
        """The route's key in words, made only for an error."""
        return self._record.key_text(self._destination)

    def _refuse(self, field: str, message: str, error: type[NldError] = InvalidRecord) -> NoReturn:
        raise error(f"{field}: {message}", field=field, key=self._key)

    def _ignored(self, field: str, message: str) -> None:
        """Refuse a field that is set, because the kernel would take it and do nothing."""
        name = {"from": "src"}.get(field, field)
        if getattr(self._record, name) is not None:
            self._refuse(field, message, Unsupported)

    def device(self, name: str, field: str) -> int:
        """A device's index; DeviceNotFound with the field."""
        index = self._resolver.links.index(name)
        return self._resolver.ifindex(name, field, self._key) if index is None else index

    def _number(self, field: str, text: str, database: Database) -> int:
        return self._resolver.number(field, text, database, self._key)

    def route(self) -> Route:
        """The message's content."""
        record = self._record
        self._check()
        route = Route(
            family=self._family,
            dst_len=self._length,
            dst=self._packed or None,
            type=0 if self._wildcard and record.type is None else TYPE_NUMBERS[self._type],
            table=self._table(),
            protocol=self._protocol(),
            scope=self._scope(),
            flags=self._flags(record.flags or (), "flags") if record.nhid is None else 0,
            priority=record.metric,
            nh_id=record.nhid,
        )
        if record.tos is not None:
            route.tos = self._number("tos", record.tos, self._names.dsfields)
            if self._family == INET6 and route.tos:
                self._refuse("tos", "IPv6 routes have no tos", Unsupported)
        if record.src is not None:
            _, route.src_len, source = parse_prefix(record.src, self._family)
            route.src = source or None
        if record.prefsrc is not None:
            route.prefsrc = parse_address(record.prefsrc, self._family)[1]
        if record.metrics:
            route.metrics = self._metrics(record.metrics[0])
        if record.flow is not None:
            route.flow = self._flow(record.flow, "flow")
        if record.pref is not None:
            route.pref = _PREFERENCES[record.pref]
        route.expires = record.expires
        if record.nhid is None:
            self._next_hop(route)
        else:
            self._check_nexthop_object(record.nhid)
        return route

    def _check(self) -> None:
        """Refuse what the kernel would take and ignore."""
        record = self._record
        for field in sorted(record.model_fields_set & _ANSWER_FIELDS):
            self._ignored(field, "belongs to the answer of a look-up, a route has none")
        if self._can is not FIB:
            self._check_capabilities()
        self._ignored("ttl_propagate", "is for MPLS routes only; the kernel would ignore it")
        if self._type == "nat":
            self._refuse("type", "nat routes are gone from Linux since 2.6", Unsupported)
        if self._family == INET:
            self._ignored("from", "IPv4 routes have no source prefix; use a rule (ip rule add from ...)")
            self._ignored("pref", "is for IPv6 only; the kernel would ignore it")
            if Feature.EXPIRES4 not in self._can.features:
                self._ignored("expires", "the kernel removes IPv6 routes only; for IPv4 it would ignore it")
        else:
            self._ignored("flow", "realms are for IPv4 only; the kernel would ignore them")
            self._check_via(record.via, "via")
            if record.scope is not None and self._number("scope", record.scope, self._names.scopes) != 0:
                self._refuse("scope", "IPv6 routes have no scope; it is always global", Unsupported)
        if record.expires is not None and record.expires < 1 and not self._wildcard:
            self._refuse("expires", f"{record.expires} has run out already; allowed: 1 or more")
        if self._wildcard or record.nhid is not None or self._type in REJECT_TYPES:
            return
        if record.nexthops is None and record.gateway is None and record.via is None and record.dev is None:
            self._refuse("dev", f"a {self._type} route needs a next hop: gateway, via, dev, nexthops or nhid")

    def _check_capabilities(self) -> None:
        """Refuse what this table cannot do."""
        can = self._can
        if self._type not in can.types:
            known = ", ".join(sorted(can.types))
            self._refuse(
                "type", f"the table {can.name} has no {self._type} routes; it has {known}", Unsupported
            )
        for field, feature in _NEEDS.items():
            if feature not in can.features:
                self._ignored(field, f"the table {can.name} has no {feature.replace('_', ' ')}")
        if Feature.SCOPE not in can.features and self._record.scope is not None:
            number = self._number("scope", self._record.scope, self._names.scopes)
            # What follows from the next hop, as ip and the FIB's listing say it, is no wish.
            if number not in (0, self._implied_scope()):
                self._refuse("scope", f"the table {can.name} has no scopes", Unsupported)

    def _check_via(self, via: ViaRecord | None, field: str) -> None:
        if via is not None and via.family != "inet6" and Feature.VIA4 not in self._can.features:
            self._refuse(field, "an IPv6 route cannot go by an IPv4 gateway", Unsupported)

    def _table(self) -> int:
        record = self._record
        table = None if record.table is None else self._number("table", record.table, self._names.tables)
        if record.vrf is not None:
            return self._resolver.vrf_table(record.vrf, "vrf", table, self._key)
        if table is None:
            if record.flags is not None and not self._wildcard:
                # Printed records always have flags, and leave out no table but main.
                return TableId.MAIN
            return TableId.LOCAL if self._type in _LOCAL_TYPES else TableId.MAIN
        if table == 0:
            self._refuse("table", "0 means no table (the kernel would take main); allowed: 1 to 4294967295")
        return table

    def _protocol(self) -> int:
        if self._record.protocol is None:
            return 0 if self._wildcard else NLD_PROTOCOL
        return self._number("protocol", self._record.protocol, self._names.protocols)

    def _scope(self) -> int:
        record = self._record
        if self._family == INET6 or Feature.SCOPE not in self._can.features:
            return 0
        if record.scope is not None:
            return self._number("scope", record.scope, self._names.scopes)
        if record.flags is not None and not self._wildcard:
            # Printed records always have flags, and leave out a scope only if it is global.
            return 0
        if self._type in _SCOPES:
            return _SCOPES[self._type]
        if self._type != "unicast":
            return 0
        if self._wildcard:
            return _NOWHERE
        return self._implied_scope()

    def _implied_scope(self) -> int:
        """The scope of an IPv4 unicast route: link without a gateway, else global."""
        record = self._record
        behind = record.gateway or record.via or record.nexthops or record.nhid
        return 0 if behind else _LINK

    def _flags(self, names: Iterable[str], field: str) -> int:
        bits = 0
        for name in names:
            if name not in SETTABLE_FLAGS:
                continue
            if Feature.ONLINK not in self._can.features:
                self._refuse(
                    field,
                    f"the table {self._can.name} takes any gateway, so that {name} says nothing",
                    Unsupported,
                )
            if name == "pervasive" and self._family == INET6:
                self._refuse(field, "pervasive is for IPv4 only; the kernel would ignore it", Unsupported)
            bits |= _SETTABLE[name]
        return bits

    def _next_hop(self, route: Route) -> None:
        record = self._record
        if record.gateway is not None:
            route.gateway = parse_address(record.gateway, self._family)[1]
        if record.via is not None:
            route.gateway, route.via = self._gateway(record.via, "via")
        if record.dev is not None and not (self._family == INET6 and self._type in REJECT_TYPES):
            # The kernel puts IPv6 reject routes on lo itself.
            route.oif = self.device(record.dev, "dev")
        if record.encap is not None:
            route.encap_type, route.encap = self._encap(record.encap, "encap")
        if record.nexthops is not None:
            route.multipath = tuple(self._leg(hop, index) for index, hop in enumerate(record.nexthops))

    def _gateway(self, via: ViaRecord, field: str) -> tuple[bytes | None, Via | None]:
        """As ``ip``: a via of the route's own family is a gateway."""
        family = FAMILIES[via.family]
        try:
            packed = parse_address(via.host, family)[1]
        except ValueError:
            self._refuse(f"{field}.host", f"'{via.host}' is not {spoken(family)} as via.family says")
        return (packed, None) if family == self._family else (None, Via(family, packed))

    def _leg(self, hop: NextHopRecord, index: int) -> NextHop:
        field = f"nexthops[{index}]"
        leg = NextHop(hops=hop.weight - 1, flags=self._flags(hop.flags or (), f"{field}.flags"))
        if hop.dev is not None:
            leg.ifindex = self.device(hop.dev, f"{field}.dev")
        if hop.gateway is not None:
            leg.gateway = parse_address(hop.gateway, self._family)[1]
        if hop.via is not None:
            if self._family == INET6:
                self._check_via(hop.via, f"{field}.via")
            leg.gateway, leg.via = self._gateway(hop.via, f"{field}.via")
        if hop.flow is not None:
            if Feature.REALMS not in self._can.features:
                self._refuse(f"{field}.flow", f"the table {self._can.name} has no realms", Unsupported)
            if self._family == INET6:
                self._refuse(
                    f"{field}.flow", "realms are for IPv4 only; the kernel would ignore them", Unsupported
                )
            leg.flow = self._flow(hop.flow, f"{field}.flow")
        if hop.encap is not None:
            leg.encap_type, leg.encap = self._encap(hop.encap, f"{field}.encap")
        return leg

    def _encap(self, record: EncapRecord, field: str) -> tuple[int, Encap]:
        if Feature.ENCAP not in self._can.features:
            self._refuse(field, f"the table {self._can.name} has no encap", Unsupported)
        if isinstance(record, IpEncapRecord | Ip6EncapRecord) and record.opts is not None:
            # A kernel with CONFIG_FORTIFY_SOURCE stops in ip_tun_parse_opts with the routing lock held:
            # on 6.18 one such route, even in a user namespace, ended all netlink of the machine.
            self._refuse(
                f"{field}.opts", "nld does not write tunnel options: they crash Linux 6.18", Unsupported
            )
        try:
            return tunnels.build(record, self._names, _TunnelLinks(self, field))
        except ValueError as error:
            self._refuse(field, str(error))

    def _flow(self, flow: Flow, field: str) -> int:
        realms = self._names.realms
        source = 0 if flow.from_realm is None else self._number(f"{field}.from", flow.from_realm, realms)
        return source << 16 | self._number(f"{field}.to", flow.to, realms)

    def _check_nexthop_object(self, nexthop_id: int) -> None:
        """What stands beside ``nhid`` was printed with it; it must not say anything else."""
        nexthop = self._nexthops.get(nexthop_id)
        if nexthop is None or nexthop.group is not None:
            return
        record = self._record
        if record.gateway is not None:
            packed = parse_address(record.gateway)[1]
            if packed != nexthop.gateway:
                own = "none" if nexthop.gateway is None else socket.inet_ntop(nexthop.family, nexthop.gateway)
                self._refuse("gateway", f"contradicts nhid {nexthop_id}, whose gateway is {own}")
        if record.dev is not None and nexthop.oif and self.device(record.dev, "dev") != nexthop.oif:
            own = self._resolver.links.name(nexthop.oif)
            self._refuse("dev", f"contradicts nhid {nexthop_id}, whose device is {own}")

    def _metrics(self, record: MetricsRecord) -> Metrics | None:
        values: dict[str, Any] = {}
        for name in METRIC_BITS:
            value = None if name == "features" else getattr(record, name)
            if value is None:
                continue
            if unit := UNITS.get(name):
                scaled = value * unit
                if scaled != int(scaled):
                    self._refuse(f"metrics[0].{name}", f"{value} is not a multiple of {1 / unit} ms")
                value = int(scaled)
            values["cc_algo" if name == "congestion" else name] = value
        features = int(record.features, 16) if record.features else 0
        features |= int(MetricFeature.ECN) if record.ecn else 0
        if features or record.features is not None:
            values["features"] = features
        lock = sum(METRIC_BITS[name] for name in set(record.lock or ()))
        if record.rto_min is not None:
            # TCP looks at rto_min only where it is locked (tcp_rto_min), so ip always locks it.
            lock |= METRIC_BITS["rto_min"]
        return Metrics(lock=lock or None, **values) if values or lock else None
