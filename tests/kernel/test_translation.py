"""Translation against the kernel and ``ip``: what is printed, and what goes back.

Every kind of route is made by ``ip`` in a private namespace.  Then, first, a raw dump rendered by
:class:`Translation` must equal ``ip -j route`` pair by pair, order and repeated names included; second,
records taken from there and sent to another namespace must leave the table that ``ip`` left.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nld.errors import DeviceNotFound, InvalidRecord, NldError, Unsupported
from nld.kernel.composition import Resolver
from nld.kernel.translation import Translation
from nld.netlink import link, nexthop
from nld.netlink import route as wire
from nld.netlink.nexthop import Nexthop
from nld.netlink.shape import cut
from nld.prefix import INET, INET6, prefix_text
from nld.records import LookupQuestion, Names, RouteKey, RouteRecord, read_json
from tests.kernel.room import GETLINK, GETNEXTHOP, GETROUTE, NAMES, Room
from tests.kernel.route_words import LOOKUPS, NEXTHOPS, OPTIONAL, ROUTES, generated

NEWROUTE, DELROUTE = 24, 25
REPLACE, EXCL, CREATE = 0x100, 0x200, 0x400
SOURCES = {"full": None, "ip_details": "-j -d", "ip": "-j"}
"""Forms of record, and ``ip``'s options that print them."""

Pairs = list[tuple[str, Any]]


def namespaces_are_allowed() -> bool:
    try:
        return (
            subprocess.run(["unshare", "-Urn", "ip", "-V"], check=False, capture_output=True).returncode == 0
        )
    except OSError:
        return False


class Links:
    """The devices of a fixed list; index 1 is lo."""

    def __init__(self, names: dict[int, str]) -> None:
        self._names = names
        self._indexes = {name: index for index, name in names.items()}

    def name(self, ifindex: int, /) -> str:
        return self._names.get(ifindex, f"if{ifindex}")

    def index(self, name: str, /) -> int | None:
        return self._indexes.get(name)

    def vrf_table(self, ifindex: int, /) -> int | None:
        return {"red": 1001}.get(self._names.get(ifindex, ""))


def translation_of(room: Room) -> Translation:
    devices = [link.decode(payload) for payload in room.dump(GETLINK)]
    objects = [nexthop.decode(payload) for payload in room.dump(GETNEXTHOP)]
    table: dict[int, Nexthop] = {item.id: item for item in objects if item.id is not None}
    return Translation(Names([NAMES]), Links({device.index: device.name or "" for device in devices}), table)


def pairs(text: str) -> list[Pairs]:
    """JSON objects as lists of pairs, so that order and repeated names count."""
    found: list[Pairs] = json.loads(text, object_pairs_hook=flat)
    return found


def flat(fields: Pairs) -> Pairs:
    """Newer versions of ip print an encapsulation as an object; its fields among the route's, as nld does."""
    made: Pairs = []
    for name, value in fields:
        if name == "encap" and isinstance(value, list) and value and value[0][0] == "encap_type":
            made += [("encap", value[0][1]), *value[1:]]
        else:
            made.append((name, value))
    return made


def settled(routes: Any) -> Any:
    """The same without the seconds that pass: ``expires`` by the hour, rounded up."""
    if isinstance(routes, list):
        return [settled(item) for item in routes]
    if isinstance(routes, tuple) and routes[0] == "expires":
        return ("expires", -(-routes[1] // 3600))
    if isinstance(routes, dict):
        return dict(settled(item) for item in routes.items())
    return tuple(settled(item) for item in routes) if isinstance(routes, tuple) else routes


def own(routes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that the kernel did not make itself."""
    return [route for route in routes if route.get("protocol") != "kernel"]


def refused(room: Room, kind: int, flags: int, messages: list[bytes]) -> list[tuple[int, wire.Route]]:
    """The errno and content of each message that the kernel does not take."""
    outcomes = room.send(kind, flags, messages)
    return [
        (errno, wire.decode(message)) for (errno, _), message in zip(outcomes, messages, strict=True) if errno
    ]


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    """A namespace with every kind of route, and 500 random ones, all made by ``ip``."""
    if not namespaces_are_allowed():
        pytest.skip("this system forbids unprivileged user namespaces")
    with Room() as made:
        words = (*NEXTHOPS, *ROUTES, *generated("translation", 500))
        outcome = made.ip("-force -batch -", words)
        failed = [
            words[int(line.removeprefix("Command failed -:")) - 1]
            for line in outcome.errors.splitlines()
            if line.startswith("Command failed")
        ]
        unexpected = [line for line in failed if not any(word in line for word in OPTIONAL)]
        assert not unexpected, outcome.errors
        yield made


@pytest.fixture(scope="module")
def translation(room: Room) -> Translation:
    return translation_of(room)


@pytest.fixture(scope="module")
def routes(room: Room) -> list[bytes]:
    return room.dump(GETROUTE)


@pytest.mark.parametrize("form", ["ip", "ip_details"])
def test_rendering_equals_ip(room: Room, translation: Translation, routes: list[bytes], form: str) -> None:
    wanted = settled(pairs(room.ip(f"{SOURCES[form]} route show table all").output))
    texts = [translation.text(wire.decode(payload), form) for payload in routes]
    got = settled([pairs(text) for text in texts])
    assert len(wanted) > 600
    for mine, theirs in zip(got, wanted, strict=True):
        assert mine == theirs
    # As a dictionary it is what any reader of ip's output gets.
    rendered = [translation.render(wire.decode(payload), form) for payload in routes]
    assert settled(rendered) == settled(json.loads(f"[{','.join(texts)}]"))


@pytest.mark.parametrize("form", ["ip", "ip_details", "full"])
@pytest.mark.parametrize("with_table", [None, True, False])
def test_pieces_make_the_same_text(
    translation: Translation, routes: list[bytes], form: str, with_table: bool | None
) -> None:
    for payload in routes:
        route = wire.decode(payload)
        shape, destination = cut(payload)
        before, after, suffix = translation.render_text(wire.decode(shape), form, with_table)
        address = prefix_text(route.family, 8 * len(destination), destination)
        assert f"{before}{address}{suffix}{after}" == translation.text(route, form, with_table)


def test_the_table_is_printed_as_asked(room: Room, translation: Translation, routes: list[bytes]) -> None:
    wanted = json.loads(room.ip("-4 -j route show table 100").output)
    shown = [wire.decode(payload) for payload in routes]
    got = [
        translation.render(route, "ip", with_table=False)
        for route in shown
        if route.table == 100 and route.family == INET
    ]
    assert got == wanted
    assert all("table" in translation.render(route, "ip", with_table=True) for route in shown)


def test_full_form_always_has_the_same_core(translation: Translation, routes: list[bytes]) -> None:
    for payload in routes:
        record = translation.render(wire.decode(payload), "full")
        assert {"type", "dst", "table", "protocol", "scope", "flags"} <= record.keys()
        RouteRecord.model_validate(record)
    locked = next(
        record
        for payload in routes
        if (record := translation.render(wire.decode(payload), "full"))["dst"] == "10.3.12.0/24"
    )
    assert locked["metrics"] == [
        {"mtu": 1300, "rtt": 5, "advmss": 1200, "hoplimit": 3, "lock": ["mtu", "rtt", "advmss", "hoplimit"]}
    ]


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_printed_goes_back_and_makes_the_same_table(
    room: Room, translation: Translation, routes: list[bytes], source: str
) -> None:
    details = json.loads(room.ip("-j -d route show table all").output)
    if source == "full":
        records = [json.loads(translation.text(wire.decode(payload), "full")) for payload in routes]
    else:
        records = read_json(room.ip(f"{SOURCES[source]} route show table all").output)
    with Room() as other:
        other.ip("-force -batch -", NEXTHOPS)
        there = translation_of(other)
        messages = []
        for fields, detail in zip(records, details, strict=True):
            if detail["protocol"] == "kernel":
                continue
            # The form ip leaves out the protocol boot; to nld, nothing said means its own.
            record = RouteRecord.model_validate({"protocol": "boot"} | fields)
            messages.append(wire.encode(there.to_route(record)))
        assert refused(other, NEWROUTE, CREATE | EXCL, messages) == []
        assert len(messages) > 600
        again = json.loads(other.ip("-j -d route show table all").output)
        assert settled(own(again)) == settled(own(details))
        if source == "full":
            # Without loss: the messages of the kernel agree too, and so does all that ip does not print.
            mine = [json.loads(there.text(wire.decode(payload), "full")) for payload in other.dump(GETROUTE)]
            assert settled(own(mine)) == settled(own(records))
            # Once more in place: nothing changes.
            assert refused(other, NEWROUTE, CREATE | REPLACE, messages) == []
            same = [json.loads(there.text(wire.decode(payload), "full")) for payload in other.dump(GETROUTE)]
            assert settled(same) == settled(mine)
            # And as a delete, each record means just its route.
            deletes = [
                wire.encode(there.to_route(RouteRecord.model_validate(fields), wildcard=True))
                for fields in mine
                if fields["protocol"] != "kernel"
            ]
            assert refused(other, DELROUTE, 0, deletes) == []
            assert own(json.loads(other.ip("-j -d route show table all").output)) == []


WORDS_AND_RECORDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("10.0.0.0/24 via 192.0.2.2", {"dst": "10.0.0.0/24", "gateway": "192.0.2.2"}),
    ("10.0.1.0/24 dev veth0", {"dst": "10.0.1.0/24", "dev": "veth0"}),
    ("default dev veth0", {"dst": "default", "dev": "veth0"}),
    ("blackhole 10.0.2.0/24", {"type": "blackhole", "dst": "10.0.2.0/24"}),
    ("local 10.0.3.1 dev lo", {"type": "local", "dst": "10.0.3.1", "dev": "lo"}),
    ("broadcast 10.0.4.255 dev veth0", {"type": "broadcast", "dst": "10.0.4.255", "dev": "veth0"}),
    ("multicast 239.0.0.0/8 dev veth0", {"type": "multicast", "dst": "239.0.0.0/8", "dev": "veth0"}),
    ("10.0.5.0/24 nhid 1", {"dst": "10.0.5.0/24", "nhid": 1}),
    (
        "10.0.6.0/24 nexthop via 192.0.2.2 weight 2 nexthop dev veth1",
        {"dst": "10.0.6.0/24", "nexthops": [{"gateway": "192.0.2.2", "weight": 2}, {"dev": "veth1"}]},
    ),
    (
        "10.0.7.0/24 via inet 192.0.2.2",
        {"dst": "10.0.7.0/24", "via": {"family": "inet", "host": "192.0.2.2"}},
    ),
    (
        "10.0.8.0/24 via 192.0.2.2 rtt 100ms rttvar 3s rto_min 4s mtu lock 1400 features ecn",
        {
            "dst": "10.0.8.0/24", "gateway": "192.0.2.2",
            "metrics": [
                {"rtt": 100, "rttvar": 3000, "rto_min": 4000, "mtu": 1400, "ecn": True, "lock": ["mtu"]}
            ],
        },
    ),
    (
        "10.0.9.0/24 via 192.0.2.2 realms 2/9 tos 0x10 table 1000 proto static",
        {
            "dst": "10.0.9.0/24", "gateway": "192.0.2.2", "flow": {"from": 2, "to": 9}, "tos": 0x10,
            "table": 1000, "protocol": "static",
        },
    ),
    ("2001:db8:5::/48 dev veth0", {"dst": "2001:db8:5::/48", "dev": "veth0"}),
    ("unreachable 2001:db8:6::/48", {"type": "unreachable", "dst": "2001:db8:6::/48"}),
    ("anycast 2001:db8:7::1 dev veth0", {"type": "anycast", "dst": "2001:db8:7::1", "dev": "veth0"}),
    (
        "2001:db8:8::/48 via fe80::2 dev veth0 pref low expires 36000",
        {"dst": "2001:db8:8::/48", "gateway": "fe80::2", "dev": "veth0", "pref": "low", "expires": 36000},
    ),
    ("-6 default via 2001:db8::2", {"dst": "default", "gateway": "2001:db8::2"}),
    ("-6 default dev veth0 metric 5", {"dst": "default", "family": "inet6", "dev": "veth0", "metric": 5}),
)  # fmt: skip


@pytest.mark.usefixtures("room")
def test_defaults_are_those_of_ip() -> None:
    """Words and record that leave the same things out make the same route, but for the protocol."""
    with Room() as theirs, Room() as mine:
        for made in (theirs, mine):
            made.ip("-force -batch -", NEXTHOPS[:1])
        lines = [
            f"-6 route add {words.removeprefix('-6 ')}" if words.startswith("-6 ") else f"route add {words}"
            for words, _ in WORDS_AND_RECORDS
        ]
        for line in lines:
            assert theirs.ip(line).status == 0, line
        translation = translation_of(mine)
        messages = [
            wire.encode(translation.to_route(RouteRecord.model_validate(fields)))
            for _, fields in WORDS_AND_RECORDS
        ]
        assert {errno for errno, _ in mine.send(NEWROUTE, CREATE | EXCL, messages)} == {0}
        wanted = json.loads(theirs.ip("-j -d route show table all").output)
        got = json.loads(mine.ip("-j -d -N route show table all").output)
        assert {route["protocol"] for route in got} == {"2", "131", "4"}
        # What the kernel makes itself when the links come up is in no certain order.
        wanted = own(wanted)
        got = own(json.loads(mine.ip("-j -d route show table all").output))
        for route in got:
            route["protocol"] = route["protocol"].replace("131", "boot").replace("nld", "boot")
        assert settled(got) == settled(wanted)


@pytest.mark.parametrize(("address", "words"), LOOKUPS, ids=[f"{row[0]} {row[1]}" for row in LOOKUPS])
@pytest.mark.parametrize("form", ["ip", "ip_details"])
def test_lookups_are_asked_and_printed_as_by_ip(
    room: Room, translation: Translation, form: str, address: str, words: dict[str, Any]
) -> None:
    line = " ".join([address, *(f"{name} {value}" for name, value in words.items())])
    wanted = pairs(room.ip(f"{SOURCES[form]} route get {line}").output)
    question = LookupQuestion.model_validate({"address": address} | words)
    [(errno, answers)] = room.send(GETROUTE, 0, [wire.encode(translation.lookup_route(question))])
    assert errno == 0
    assert settled([pairs(translation.text(wire.decode(answers[0]), form))]) == settled(wanted)


# What follows needs no kernel.

DEVICES = Links({1: "lo", 2: "veth0", 3: "veth1"})
ALONE = Translation(
    Names([]),
    DEVICES,
    {5: Nexthop(family=INET, id=5, gateway=bytes([192, 0, 2, 8]), oif=2), 6: Nexthop(id=6, blackhole=True)},
)
GATEWAY = {"gateway": "192.0.2.2"}

REFUSED: tuple[tuple[dict[str, Any], type[NldError], str, str], ...] = (
    ({"dst": "10.0.0.0/8"}, InvalidRecord, "dev", "needs a next hop"),
    ({"type": "local", "dst": "10.0.0.1"}, InvalidRecord, "dev", "a local route needs a next hop"),
    ({"dst": "10.0.0.0/8", "dev": "eth9"}, DeviceNotFound, "dev", "no network device 'eth9'"),
    ({"dst": "10.0.0.0/8", "nexthops": [{"dev": "eth9"}]}, DeviceNotFound, "nexthops[0].dev", "eth9"),
    (
        {"dst": "10.0.0.0/8", "table": "nope", **GATEWAY},
        InvalidRecord,
        "table",
        "'nope' is not a routing table",
    ),
    ({"dst": "10.0.0.0/8", "table": 0, **GATEWAY}, InvalidRecord, "table", "allowed: 1 to 4294967295"),
    ({"dst": "10.0.0.0/8", "table": 2**32, **GATEWAY}, InvalidRecord, "table", "4294967295"),
    ({"dst": "10.0.0.0/8", "protocol": 256, **GATEWAY}, InvalidRecord, "protocol", "0 to 255"),
    ({"dst": "10.0.0.0/8", "scope": "near", **GATEWAY}, InvalidRecord, "scope", "is not a scope"),
    ({"dst": "10.0.0.0/8", "tos": 256, **GATEWAY}, InvalidRecord, "tos", "0 to 255"),
    ({"dst": "10.0.0.0/8", "flow": {"to": "x"}, **GATEWAY}, InvalidRecord, "flow.to", "is not a realm"),
    ({"dst": "10.0.0.0/8", "expires": 5, **GATEWAY}, Unsupported, "expires", "IPv6 routes only"),
    ({"dst": "10.0.0.0/8", "pref": "low", **GATEWAY}, Unsupported, "pref", "IPv6 only"),
    ({"dst": "10.0.0.0/8", "from": "11.0.0.0/8", **GATEWAY}, Unsupported, "from", "use a rule"),
    ({"dst": "10.0.0.0/8", "ttl-propogate": True, **GATEWAY}, Unsupported, "ttl_propagate", "MPLS"),
    ({"dst": "10.0.0.0/8", "mark": 5, **GATEWAY}, Unsupported, "mark", "answer of a look-up"),
    ({"dst": "10.0.0.0/8", "type": "nat", **GATEWAY}, Unsupported, "type", "gone from Linux"),
    (
        {"dst": "10.0.0.0/8", "metrics": [{"rtt": 0.3}], **GATEWAY},
        InvalidRecord,
        "metrics[0].rtt",
        "not a multiple of 0.125 ms",
    ),
    ({"dst": "10.0.0.0/8", "nhid": 5, "gateway": "192.0.2.2"}, InvalidRecord, "gateway", "is 192.0.2.8"),
    ({"dst": "10.0.0.0/8", "nhid": 5, "dev": "veth1"}, InvalidRecord, "dev", "whose device is veth0"),
    ({"dst": "10.0.0.0/8", "nhid": 6, "gateway": "192.0.2.2"}, InvalidRecord, "gateway", "is none"),
    ({"dst": "2001:db8::/32", "dev": "veth0", "tos": 16}, Unsupported, "tos", "no tos"),
    ({"dst": "2001:db8::/32", "dev": "veth0", "scope": "link"}, Unsupported, "scope", "always global"),
    ({"dst": "2001:db8::/32", "dev": "veth0", "flow": {"to": 5}}, Unsupported, "flow", "IPv4 only"),
    ({"dst": "2001:db8::/32", "dev": "veth0", "flags": ["pervasive"]}, Unsupported, "flags", "IPv4 only"),
    ({"dst": "2001:db8::/32", "dev": "veth0", "expires": 0}, InvalidRecord, "expires", "run out"),
    (
        {"dst": "2001:db8::/32", "via": {"family": "inet", "host": "192.0.2.2"}},
        Unsupported,
        "via",
        "IPv4 gateway",
    ),
    (
        {"dst": "10.0.0.0/8", "via": {"family": "inet6", "host": "192.0.2.2"}},
        InvalidRecord,
        "via.host",
        "is not IPv6",
    ),
    (
        {"dst": "10.0.0.0/8", "encap": {"type": "ip", "dst": "1.2.3.4", "opts": "00"}, "dev": "veth0"},
        Unsupported,
        "encap.opts",
        "does not write tunnel options",
    ),
    (
        {"dst": "10.0.0.0/8", "encap": {"type": "unknown", "data": "00"}, "dev": "veth0"},
        InvalidRecord,
        "encap",
        "needs its number",
    ),
)


@pytest.mark.parametrize(("fields", "error", "field", "words"), REFUSED, ids=[str(row[0]) for row in REFUSED])
def test_what_the_kernel_would_ignore_or_misread_is_refused(
    fields: dict[str, Any], error: type[NldError], field: str, words: str
) -> None:
    with pytest.raises(error) as caught:
        ALONE.to_route(RouteRecord.model_validate(fields))
    assert type(caught.value) is error
    assert caught.value.field == field
    assert words in caught.value.message
    assert caught.value.key is not None and caught.value.key.startswith(fields["dst"])


def test_default_takes_the_family_of_the_rest() -> None:
    record = RouteRecord.model_validate({"dst": "default", "gateway": "fe80::1", "dev": "veth0"})
    assert ALONE.to_route(record).family == INET6


def test_a_vrf_stands_for_its_table() -> None:
    names = Names([Path("/nonexistent")])
    translation = Translation(names, Links({1: "lo", 7: "red"}))
    record = RouteRecord.model_validate({"dst": "10.0.0.0/8", "dev": "lo", "vrf": "red"})
    assert translation.to_route(record).table == 1001
    assert translation.to_route(record, wildcard=True).table == 1001
    with pytest.raises(InvalidRecord, match="vrf: the device 'lo' is not a VRF") as caught:
        translation.to_route(record.model_copy(update={"vrf": "lo"}))
    assert caught.value.field == "vrf"
    with pytest.raises(DeviceNotFound, match="'blue'"):
        translation.to_route(record.model_copy(update={"vrf": "blue"}))


def test_a_table_beside_a_vrf_is_its_own() -> None:
    translation = Translation(Names([Path("/nonexistent")]), Links({1: "lo", 7: "red"}))
    record = RouteRecord.model_validate({"dst": "10.0.0.0/8", "dev": "lo", "vrf": "red", "table": "1001"})
    assert translation.to_route(record).table == 1001
    with pytest.raises(InvalidRecord, match="vrf: the table of 'red' is 1001, not 88") as caught:
        translation.to_route(record.model_copy(update={"table": "88"}))
    assert caught.value.field == "vrf"
    with pytest.raises(DeviceNotFound, match="vrf: there is no network device 'blue'"):
        translation.to_route(record.model_copy(update={"vrf": "blue"}))


def test_a_field_of_a_filter_is_named_as_it_was_written() -> None:
    resolver = Resolver(Names([Path("/nonexistent")]), Links({1: "lo"}))
    for name, error in (("blue", DeviceNotFound), ("lo", InvalidRecord)):
        with pytest.raises(error, match=r"^vrf: ") as caught:
            resolver.vrf_table(name, "filter.vrf")
        assert caught.value.field == "filter.vrf"


def test_if5_is_index_5_unless_a_device_is_called_so() -> None:
    record = RouteRecord.model_validate({"dst": "10.0.0.0/8", "dev": "if77"})
    assert ALONE.to_route(record).oif == 77
    named = Translation(Names([]), Links({4: "if77"}))
    assert named.to_route(record).oif == 4


def test_a_delete_leaves_open_what_the_record_leaves_out() -> None:
    route = ALONE.to_route(RouteRecord.model_validate({"dst": "10.0.0.0/8"}), wildcard=True)
    assert (route.type, route.protocol, route.scope, route.priority) == (0, 0, 255, None)


def test_key() -> None:
    route = ALONE.key_route(RouteKey.model_validate({"dst": "2001:db8::/32", "table": 1000}))
    assert (route.family, route.dst_len, route.table, route.priority) == (INET6, 32, 1000, 1024)
    route = ALONE.key_route(RouteKey.model_validate({"dst": "default", "tos": "10", "metric": 5}))
    assert (route.dst, route.table, route.tos, route.priority) == (None, 254, 0x10, 5)
