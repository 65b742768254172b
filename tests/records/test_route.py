"""Route records: what is accepted, and for each refusal the field and the words."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from nld.prefix import INET, INET6
from nld.records import RouteFilter, RouteKey, RouteRecord, invalid, read_json
from nld.records.lookup import LookupQuestion

GATEWAY = {"gateway": "192.0.2.2"}

ACCEPTED: list[dict[str, Any]] = [
    {"dst": "10.0.0.0/8"},
    {"dst": ["10.0.0.0/8", "11.0.0.0/8"], **GATEWAY},
    {"dst": "default", "gateway": "2001:db8::2"},
    {"dst": "10.0.0.0/8", "via": {"family": "inet6", "host": "fe80::1"}, "dev": "eth0"},
    {"dst": "10.0.0.0/8", "table": 100, "protocol": 4, "scope": 0, "tos": 16, **GATEWAY},
    {"dst": "10.0.0.0/8", "table": "main", "protocol": "static", "tos": "0x10", **GATEWAY},
    {"dst": "10.0.0.0/8", "nexthops": [GATEWAY, {"dev": "eth1", "weight": 256, "flags": ["onlink"]}]},
    {"dst": "10.0.0.0/8", "nexthops": [GATEWAY]},
    {"dst": "10.0.0.0/8", "nhid": 5, "gateway": "192.0.2.2", "dev": "eth0", "nh_info": {"id": 5}},
    {"dst": "10.0.0.0/8", "metrics": [{"mtu": 1400, "rtt": 12.5, "ecn": None, "lock": ["mtu"]}], **GATEWAY},
    {"dst": "10.0.0.0/8", "flags": ["linkdown", "dead", "onlink", "rt_offload"], **GATEWAY},
    {"dst": "2001:db8::/32", "from": "2001:db8:1::/48", "dev": "eth0", "expires": 60, "pref": "high"},
    {"type": "unreachable", "dst": "2001:db8::/32", "dev": "lo", "error": 4294967183, "metric": 1024},
    {"type": "blackhole", "dst": "10.0.0.0/8"},
    {"dst": "10.0.0.0/8", "encap": {"type": "mpls", "dst": "100/200"}, **GATEWAY},
    {"dst": "2001:db8::/32", "encap": "seg6", "mode": "encap", "segs": ["2001:db8::5"], "dev": "eth0"},
    {"dst": "10.0.0.0/8", "flow": {"from": "3", "to": 4}, **GATEWAY},
]


@pytest.mark.parametrize("fields", ACCEPTED, ids=json.dumps)
def test_accepted(fields: dict[str, Any]) -> None:
    RouteRecord.model_validate(fields)
    RouteRecord.model_validate_json(json.dumps(fields))


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({}, "dst", "is required"),
    ({"dst": 5}, "dst", "must be text in quotes, not 5"),
    ({"dst": []}, "dst", "is empty"),
    ({"dst": ["10.0.0.0/8", 5]}, "dst[1]", "must be text in quotes, not 5"),
    ({"dst": "10.0.0.1/8"}, "dst", "the prefix would be 10.0.0.0/8"),
    ({"dst": "10.0.0.0/8", "gatway": "1.2.3.4"}, "gatway", "did you mean gateway?"),
    ({"dst": "10.0.0.0/8", "src": "192.0.2.1"}, "src", "write prefsrc"),
    ({"dst": "10.0.0.0/8", "proto": "static"}, "proto", "write protocol"),
    ({"dst": "10.0.0.0/8", "gateway": "192.0.2"}, "gateway", "is not an IPv4 or IPv6 address"),
    ({"dst": "10.0.0.0/8", "gateway": "192.0.2.0/24"}, "gateway", "an address takes no prefix length"),
    ({"dst": "10.0.0.0/8", "gateway": "2001:db8::1"}, "gateway", "is not IPv4 as the route is"),
    ({"dst": "2001:db8::/32", "gateway": "192.0.2.1"}, "gateway", "is not IPv6 as the route is"),
    ({"dst": "10.0.0.0/8", "prefsrc": "::1"}, "prefsrc", "is not IPv4 as the route is"),
    ({"dst": "2001:db8::/32", "from": "10.0.0.0/8"}, "from", "is not IPv6 as the route is"),
    ({"dst": "10.0.0.0/8", "metric": 2**32}, "metric", "too large; allowed: at most 4294967295"),
    ({"dst": "10.0.0.0/8", "metric": -1}, "metric", "too small; allowed: 0 or more"),
    ({"dst": "10.0.0.0/8", "metric": "5"}, "metric", "must be a whole number, not '5'"),
    ({"dst": "10.0.0.0/8", "metric": 5.5}, "metric", "must be a whole number, not 5.5"),
    ({"dst": "10.0.0.0/8", "metric": True}, "metric", "must be a whole number, not true"),
    ({"dst": "10.0.0.0/8", "nhid": 0}, "nhid", "too small"),
    ({"dst": "10.0.0.0/8", "type": "black-hole"}, "type", "is not known; allowed: 'unicast'"),
    ({"dst": "10.0.0.0/8", "table": ""}, "table", "must be a word or a number"),
    ({"dst": "10.0.0.0/8", "table": "a b"}, "table", "must be a word or a number"),
    ({"dst": "10.0.0.0/8", "dev": "a/b"}, "dev", "is not a valid device name"),
    ({"dst": "10.0.0.0/8", "dev": "eth 0"}, "dev", "is not a valid device name"),
    ({"dst": "10.0.0.0/8", "flags": ["onlnk"]}, "flags[0]", "is not known; allowed: 'dead', 'onlink'"),
    ({"dst": "10.0.0.0/8", "pref": "best"}, "pref", "allowed: 'low', 'medium' or 'high'"),
    ({"dst": "10.0.0.0/8", "via": {"family": "inet6"}}, "via.host", "is required"),
    (
        {"dst": "10.0.0.0/8", "via": {"family": "inet6", "host": "fe80::1"}, **GATEWAY},
        "via",
        "gateway and via contradict each other",
    ),
    ({"dst": "10.0.0.0/8", "nexthops": []}, "nexthops", "at least 1"),
    ({"dst": "10.0.0.0/8", "nexthops": [{}]}, "nexthops[0]", "needs gateway, via or dev"),
    ({"dst": "10.0.0.0/8", "nexthops": [{"gateway": "x"}]}, "nexthops[0].gateway", "is not an IPv4 or"),
    ({"dst": "10.0.0.0/8", "nexthops": [{"gateway": "::1"}]}, "nexthops[0].gateway", "is not IPv4"),
    ({"dst": "10.0.0.0/8", "nexthops": [{"dev": "a", "weight": 0}]}, "nexthops[0].weight", "too small"),
    ({"dst": "10.0.0.0/8", "nexthops": [{"dev": "a", "weight": 257}]}, "nexthops[0].weight", "too large"),
    ({"dst": "10.0.0.0/8", "nexthops": [GATEWAY], **GATEWAY}, "gateway", "contradicts nexthops"),
    ({"dst": "10.0.0.0/8", "nexthops": [GATEWAY], "dev": "eth0"}, "dev", "contradicts nexthops"),
    ({"dst": "10.0.0.0/8", "type": "blackhole", **GATEWAY}, "gateway", "contradicts type blackhole"),
    ({"dst": "10.0.0.0/8", "type": "throw", "dev": "lo"}, "dev", "contradicts type throw"),
    ({"dst": "2001:db8::/32", "type": "prohibit", "dev": "eth0"}, "dev", "contradicts type prohibit"),
    ({"dst": "10.0.0.0/8", "metrics": {"mtu": 5}}, "metrics", "must be a list"),
    ({"dst": "10.0.0.0/8", "metrics": [{}, {}]}, "metrics", "at most 1"),
    ({"dst": "10.0.0.0/8", "metrics": [{"mtu": 65521}]}, "metrics[0].mtu", "at most 65520"),
    ({"dst": "10.0.0.0/8", "metrics": [{"hoplimit": 256}]}, "metrics[0].hoplimit", "at most 255"),
    ({"dst": "10.0.0.0/8", "metrics": [{"quickack": 2}]}, "metrics[0].quickack", "at most 1"),
    ({"dst": "10.0.0.0/8", "metrics": [{"congctl": "bbr"}]}, "metrics[0].congctl", "write congestion"),
    ({"dst": "10.0.0.0/8", "metrics": [{"lock": ["mut"]}]}, "metrics[0].lock[0]", "is not known"),
    ({"dst": "10.0.0.0/8", "metrics": [{"rtt": float("nan")}]}, "metrics[0].rtt", "finite"),
    ({"dst": "10.0.0.0/8", "encap": {"type": "gre"}}, "encap", "'gre' is not known; allowed: 'mpls'"),
    ({"dst": "10.0.0.0/8", "encap": {"dst": "1"}}, "encap", "must have the field type"),
    ({"dst": "10.0.0.0/8", "encap": {"type": "mpls", "dst": "1048576"}}, "encap.dst", "is not an MPLS label"),
    ({"dst": "10.0.0.0/8", "encap": {"type": "ip", "dst": "fe80::1"}}, "encap.dst", "is IPv6, but"),
    (
        {"dst": "10.0.0.0/8", "encap": {"type": "seg6", "mode": "encap", "segs": []}},
        "encap.segs",
        "at least 1",
    ),
    ({"dst": "1.2.3.4", "encap": "ip", "id": 5}, "encap", "repeats the field dst"),
    ({"dst": "10.0.0.0/8", "encap": "gre"}, "encap", "must be an object"),
    ({"dst": "10.0.0.0/8", "expires": 2**32 - 1}, "expires", "too large"),
    ({"dst": "10.0.0.0/8", "deleted": True}, "deleted", "a deleted route cannot be written"),
]


@pytest.mark.parametrize(("fields", "field", "words"), REFUSED, ids=[str(row[0]) for row in REFUSED])
def test_refused(fields: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RouteRecord.model_validate(fields)
    error = invalid(caught.value, "add")
    assert error.field == field
    assert words in error.message
    assert error.message.startswith(f"{field}: ")
    assert error.operation == "add"
    assert error.done == 0


class Call(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    routes: list[RouteRecord]


def test_a_complaint_says_which_route_of_the_call() -> None:
    routes = [{"dst": "10.0.0.0/8"}] * 3 + [{"dst": "10.0.0.0/8", "nexthops": [{"gateway": "x"}]}]
    with pytest.raises(ValidationError) as caught:
        Call.model_validate({"routes": routes})
    error = invalid(caught.value, "replace")
    assert (error.field, error.index) == ("routes[3].nexthops[0].gateway", 3)
    assert error.failed is None


def test_a_broken_rule_between_fields_names_the_field_too() -> None:
    with pytest.raises(ValidationError) as caught:
        Call.model_validate({"routes": [{"dst": "10.0.0.0/8", "type": "throw", **GATEWAY}]})
    error = invalid(caught.value, "add")
    assert (error.field, error.index) == ("routes[0].gateway", 0)


def test_all_complaints_are_counted_and_a_hundred_told() -> None:
    with pytest.raises(ValidationError) as caught:
        Call.model_validate({"routes": [{"dst": "10.0.0.1/8"}] * 150})
    error = invalid(caught.value, "add")
    assert error.failed == 150
    assert len(error.failures) == 100
    assert error.failures[99]["field"] == "routes[99].dst"


@pytest.mark.parametrize(
    ("fields", "family"),
    [
        ({"dst": "10.0.0.0/8"}, INET),
        ({"dst": "default"}, INET),
        ({"dst": "default", "family": "inet6"}, INET6),
        ({"dst": "default", "gateway": "fe80::1"}, INET6),
        ({"dst": "default", "via": {"family": "inet6", "host": "fe80::1"}}, INET),
        ({"dst": "default", "nexthops": [{"gateway": "fe80::1"}]}, INET6),
        ({"dst": "default", "dev": "eth0", "pref": "medium"}, INET6),
        ({"dst": ["default", "2001:db8::/32"], "dev": "eth0"}, INET6),
        ({"dst": "default", "prefsrc": "2001:db8::1"}, INET6),
    ],
)
def test_family(fields: dict[str, Any], family: int) -> None:
    assert RouteRecord.model_validate(fields).address_family == family


def test_key_text() -> None:
    record = RouteRecord.model_validate({"dst": ["10.0.0.0/8", "11.0.0.0/8"], "table": 100, "metric": 5})
    assert record.key_text() == "10.0.0.0/8 and 1 others table 100 metric 5"
    assert record.key_text("11.0.0.0/8") == "11.0.0.0/8 table 100 metric 5"
    assert RouteKey.model_validate({"dst": "10.0.0.0/8", "tos": 16}).text() == "10.0.0.0/8 tos 0x10"


def test_flat_encapsulations_of_ip_are_read_without_loss() -> None:
    text = """[{"type":"unicast","dst":"10.0.0.0/24","encap":"ip","id":5,"src":"0.0.0.0","dst":"192.0.2.9",
        "ttl":0,"tos":0,"tos":"0x10","dev":"eth0","table":"main","flags":[]},
        {"dst":"10.0.1.0/24","encap":"mpls","dst":"100","ttl":9,"gateway":"192.0.2.1"},
        {"dst":"10.0.2.0/24","nexthops":[{"encap":"mpls","dst":"100","gateway":"192.0.2.1","dev":"e"}]},
        {"dst":"2001:db8::/64","encap":"seg6local","action":"End.T","table":"5","dev":"e","table":"6"}]"""
    ip, mpls, legs, endpoint = (RouteRecord.model_validate(fields) for fields in read_json(text))
    assert (ip.dst, ip.tos) == ("10.0.0.0/24", "0x10")
    assert ip.encap is not None and ip.encap.type == "ip"
    assert (ip.encap.dst, ip.encap.tos, ip.encap.id) == ("192.0.2.9", 0, 5)
    assert mpls.dst == "10.0.1.0/24"
    assert mpls.encap is not None and mpls.encap.type == "mpls" and mpls.encap.ttl == 9
    assert legs.nexthops is not None and legs.nexthops[0].encap is not None
    assert endpoint.encap is not None and endpoint.encap.type == "seg6local"
    assert (endpoint.encap.table, endpoint.table) == ("5", "6")


@pytest.mark.parametrize(
    ("model", "fields", "field"),
    [
        (RouteFilter, {"root": "10.0.0.0/8", "family": "inet6"}, "root"),
        (RouteFilter, {"root": "10.0.0.0/8", "match": "2001:db8::1"}, "match"),
        (RouteFilter, {"tabel": "main"}, "tabel"),
        (RouteKey, {"dst": "10.0.0.1/8"}, "dst"),
        (RouteKey, {"metric": 5}, "dst"),
        (LookupQuestion, {"address": "10.0.0.0/8"}, "address"),
        (LookupQuestion, {"address": "10.0.0.1", "from": "::1"}, "from"),
        (LookupQuestion, {"address": "10.0.0.1", "dport": 65536}, "dport"),
        (LookupQuestion, {"address": "10.0.0.1", "oif": "a", "vrf": "b"}, "vrf"),
    ],
)
def test_other_records_refuse(model: type[BaseModel], fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(fields)
    assert invalid(caught.value, "list").field == field


@pytest.mark.parametrize(
    "encap",
    [
        {"encap_type": "mpls", "dst": "100/200", "ttl": 5},
        {"encap_type": "ip", "id": 5, "src": "0.0.0.0", "dst": "192.0.2.9", "ttl": 0, "tos": 0, "key": True},
        {
            "encap_type": "ip6",
            "id": 0,
            "src": "::",
            "dst": "2001:db8::9",
            "hoplimit": 0,
            "tc": 0,
            "seq": True,
        },
        {"encap_type": "seg6", "mode": "inline", "segs": ["2001:db8::7", "::"]},
        {"encap_type": "seg6", "mode": "encap", "segs": ["2001:db8::7"], "hmac": "0x3"},
        {"encap_type": "seg6local", "action": "End"},
        {"encap_type": "seg6local", "action": "End.DT6", "table": "100", "flavors": ["psp"], "lblen": 32},
        {"encap_type": "seg6local", "action": "End.B6.Encaps", "srh": {"segs": ["2001:db8::7"]}},
        {"encap_type": "xfrm", "if_id": 3, "link_dev": "eth1"},
    ],
    ids=str,
)
def test_encapsulation_as_newer_versions_of_ip_print_it(encap: dict[str, Any]) -> None:
    """An object with ``encap_type``, in a route and in one of several next hops."""
    named = {"type" if name == "encap_type" else name: value for name, value in encap.items()}
    key_id = {"hmac": 3} if "hmac" in encap else {}
    route = {"dst": "2001:db8:9::/48", "dev": "eth0", "encap": encap}
    legs = {"dst": "2001:db8:9::/48", "nexthops": [{"dev": "eth0", "encap": encap, "weight": 1, "flags": []}]}
    for fields in (route, legs):
        record = RouteRecord.model_validate(read_json(json.dumps(fields)))
        assert record.dst == "2001:db8:9::/48"
        found = record.encap if record.nexthops is None else record.nexthops[0].encap
        assert found is not None
        assert found.model_dump(exclude_none=True) == named | key_id


@pytest.mark.parametrize("flat", [True, False], ids=["as a word", "as an object"])
@pytest.mark.parametrize(
    "encap",
    [
        {"encap_type": "rpl", "segs": ["2001:db8::7"]},
        {
            "encap_type": "ioam6", "freqk": 1, "freqn": 1, "mode": "inline", "trace": None, "prealloc": None,
            "type": "0x800000", "ns": 1, "size": 12,
        },
        {"encap_type": "ila", "locator": "1:2:3:4"},
        {"encap_type": "bpf", "in": "x.o"},
    ],
    ids=lambda encap: encap["encap_type"],
)  # fmt: skip
def test_encapsulations_without_fields_are_refused_by_name(encap: dict[str, Any], flat: bool) -> None:
    kind = encap["encap_type"]
    inner = {name: value for name, value in encap.items() if name not in {"encap_type", "type"}}
    fields = {"dst": "2001:db8:9::/48", "dev": "eth0", "encap": encap}
    if flat:
        fields |= {"encap": kind} | inner
    with pytest.raises(ValidationError) as caught:
        RouteRecord.model_validate(read_json(json.dumps(fields)))
    error = invalid(caught.value, "add")
    assert error.field == "encap"
    assert f"'{kind}' is not supported by nld" in error.message
    assert "mpls, ip, ip6" in error.message


@pytest.mark.parametrize(
    ("record", "field", "words", "never"),
    [
        ({"mtu": 1400}, "mtu", '{"metrics": [{"mtu": ...}]}', "did you mean"),
        ({"initcwnd": 10}, "initcwnd", '{"metrics": [{"initcwnd": ...}]}', "did you mean"),
        ({"gw": "192.0.2.2"}, "gw", "write gateway", "did you mean"),
        ({"metrics": [{"metric": 5}]}, "metrics[0].metric", "belongs to the route", "did you mean"),
        (
            {"nexthops": [{"dev": "nld0", "metric": 5}]},
            "nexthops[0].metric",
            "belongs to the route",
            "did you",
        ),
        ({"metrics": [{"mtuu": 5}]}, "metrics[0].mtuu", "did you mean mtu?", "belongs"),
        ({"gatway": "192.0.2.2"}, "gatway", "did you mean gateway?", "metrics"),
    ],
)
def test_a_field_in_the_wrong_place_is_sent_to_the_right_one(
    record: dict[str, Any], field: str, words: str, never: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        RouteRecord.model_validate({"dst": "10.0.0.0/8", **record})
    error = invalid(caught.value, "add")
    assert error.field == field
    assert words in error.message
    assert never not in error.message


def test_a_type_may_be_given_by_its_number() -> None:
    assert RouteRecord.model_validate({"dst": "10.0.0.0/8", "type": "6"}).type == "blackhole"
    assert RouteFilter.model_validate({"type": "1"}).type == "unicast"
    for number in ("0", "11", "06", "x"):
        with pytest.raises(ValidationError):
            RouteRecord.model_validate({"dst": "10.0.0.0/8", "type": number})
