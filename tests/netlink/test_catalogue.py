"""Numbers that the kernel points with become names."""

from __future__ import annotations

import pytest

from nld.errors import Extack
from nld.netlink.catalogue import attribute_path, explain
from nld.netlink.extack import Acknowledgement
from nld.netlink.header import frame
from nld.netlink.nexthop import Nexthop
from nld.netlink.nexthop import encode as encode_nexthop
from nld.netlink.registry import AF, RTM
from nld.netlink.route import IpEncap, Metrics, MplsEncap, NextHop, Route, encode

REQUEST = frame(
    RTM.NEWROUTE,
    5,
    1,
    encode(
        Route(
            AF.INET,
            metrics=Metrics(mtu=1400, cc_algo="x"),
            multipath=(
                NextHop(gateway=b"\xc0\0\2\1"),
                NextHop(gateway=b"\xc0\0\2\2", encap=MplsEncap((16,))),
            ),
            unknown=((99, b"news"),),
        )
    ),
)


def test_every_attribute_has_a_path() -> None:
    found = {offset: attribute_path(REQUEST, offset) for offset in range(0, len(REQUEST) + 8, 4)}
    assert [path for path in found.values() if path] == [
        ("RTA_METRICS",),
        ("RTA_METRICS", "RTAX_MTU"),
        ("RTA_METRICS", "RTAX_CC_ALGO"),
        ("RTA_MULTIPATH",),
        ("RTA_MULTIPATH", "RTA_GATEWAY"),
        ("RTA_MULTIPATH", "RTA_GATEWAY"),
        ("RTA_MULTIPATH", "RTA_ENCAP"),
        ("RTA_MULTIPATH", "RTA_ENCAP", "MPLS_IPTUNNEL_DST"),
        ("RTA_MULTIPATH", "RTA_ENCAP_TYPE"),
        ("attribute 99",),
    ]
    assert not any(found[offset] for offset in range(0, 28, 4))


def test_a_tunnel_of_a_nexthop_object() -> None:
    payload = encode_nexthop(Nexthop(id=1, encap=IpEncap(id=5)))
    request = frame(RTM.NEWNEXTHOP, 5, 1, payload)
    assert ("NHA_ENCAP", "LWTUNNEL_IP_ID") in [attribute_path(request, o) for o in range(len(request))]


@pytest.mark.parametrize("request_", [b"", b"short", frame(RTM.NEWNEIGH, 0, 1, bytes(40)), REQUEST[:40]])
def test_a_request_without_names(request_: bytes) -> None:
    assert attribute_path(request_, 36) == ()
    missing = Acknowledgement(22, missing_type=5)
    told = explain(request_, missing)
    assert told is not None
    assert told.missing in ("attribute 5", "RTA_GATEWAY")


def test_explained() -> None:
    assert explain(REQUEST, Acknowledgement(17)) is None
    assert explain(REQUEST, Acknowledgement(22, "bad", 32)) == Extack("bad", "RTAX_MTU", 32, None)
    assert explain(REQUEST, Acknowledgement(22, "bad", 3)) == Extack("bad", None, 3, None)
    assert explain(REQUEST, Acknowledgement(22, missing_type=4)) == Extack(missing="RTA_OIF")
    nested = Acknowledgement(22, missing_type=2, missing_nest=28)
    assert explain(REQUEST, nested) == Extack(missing="RTAX_MTU")
    assert explain(REQUEST, nested._replace(missing_nest=4)) == Extack(missing="attribute 2")
