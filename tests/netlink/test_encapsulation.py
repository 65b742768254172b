"""Tunnels: the type before or behind the contents, contents that are wrong, contents nobody knows."""

from __future__ import annotations

import pytest

from nld.errors import MalformedMessage
from nld.netlink.attribute import pack
from nld.netlink.encapsulation import CLASSES
from nld.netlink.registry import AF, RTA, EncapType
from nld.netlink.route import MplsEncap, OpaqueEncap, Route, Seg6Encap, Seg6LocalEncap, decode, encode
from nld.netlink.segments import SegmentHeader

ROUTE = encode(Route(AF.INET6))
ONE, TWO = b"\xfc" + bytes(14) + b"\1", b"\xfc" + bytes(14) + b"\2"


def tunnel(kind: int, inside: bytes) -> bytes:
    return ROUTE + pack(RTA.ENCAP, inside) + pack(RTA.ENCAP_TYPE, kind.to_bytes(2, "little"))


def test_the_type_may_come_first() -> None:
    inside = pack(RTA.ENCAP, pack(1, b"\0\1\1\0"))
    for payload in (
        ROUTE + inside + pack(RTA.ENCAP_TYPE, b"\1\0"),
        ROUTE + pack(RTA.ENCAP_TYPE, b"\1\0") + inside,
    ):
        route = decode(payload)
        assert route.encap == MplsEncap((16,))
        assert encode(route) == payload


@pytest.mark.parametrize("kind", [EncapType.ILA, EncapType.BPF, EncapType.RPL, EncapType.IOAM6, 99])
def test_a_type_without_a_class_is_kept_as_bytes(kind: int) -> None:
    payload = tunnel(kind, b"whatever")
    route = decode(payload)
    assert route.encap == OpaqueEncap(b"whatever")
    assert encode(route) == payload


def test_contents_without_a_type_are_kept_as_bytes() -> None:
    payload = ROUTE + pack(RTA.ENCAP, b"abcd")
    assert decode(payload).encap == OpaqueEncap(b"abcd")
    assert encode(decode(payload)) == payload


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_unknown_attributes_inside_are_kept(kind: int) -> None:
    payload = tunnel(kind, pack(55, b"new"))
    route = decode(payload)
    assert type(route.encap) is CLASSES[kind]
    assert encode(route) == payload


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        (b"", "a label stack of 0 bytes"),
        (b"\0\1\1", "a label stack of 3 bytes"),
        (b"\0\1\0\0", "bottom bit misplaced"),
        (b"\0\1\1\0\0\1\1\0", "bottom bit misplaced"),
        (b"\0\1\1\7", "a TTL"),
        (b"\0\1\3\0", "a traffic class"),
    ],
)
def test_label_stacks_that_no_route_has(stack: bytes, words: str) -> None:
    with pytest.raises(MalformedMessage, match=words):
        decode(tunnel(EncapType.MPLS, pack(1, stack)))


@pytest.mark.parametrize("labels", [(), (2**20,), (-1,)])
def test_labels_that_do_not_fit(labels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="labels are numbers of 20 bits"):
        encode(Route(AF.INET, encap=MplsEncap(labels)))


@pytest.mark.parametrize(
    "encap",
    [
        Seg6Encap(mode=1, segments=(ONE, TWO)),
        Seg6Encap(mode=0, segments=(ONE, TWO, bytes(16)), hmac=0),
        Seg6Encap(mode=3, segments=(ONE,), hmac=77, tag=5, source=TWO),
        Seg6Encap(mode=1, segments=(ONE,), tlvs=b"\4\6" + bytes(6), flags=1),
        Seg6Encap(mode=1, segments=(ONE, TWO), segments_left=0, next_header=41),
        Seg6LocalEncap(action=10, srh=SegmentHeader((ONE, TWO))),
    ],
)
def test_segments_round_trip(encap: Seg6Encap | Seg6LocalEncap) -> None:
    payload = encode(Route(AF.INET6, encap=encap))
    assert decode(payload).encap == encap
    assert encode(decode(payload)) == payload


def test_segments_stand_last_first_on_the_wire() -> None:
    wire = SegmentHeader((ONE, TWO)).pack()
    assert wire == bytes([0, 4, 4, 1, 1, 0, 0, 0]) + TWO + ONE


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"\1\0\0", "a segment routing tunnel of 3 bytes"),
        (b"\1\0\0\0" + bytes(7), "a segment routing header of 7 bytes"),
        (b"\1\0\0\0" + bytes([0, 2, 3, 0, 0, 0, 0, 0]) + ONE, "routing type 3"),
        (b"\1\0\0\0" + bytes([0, 4, 4, 0, 0, 0, 0, 0]) + ONE, "40 bytes in 24"),
        (b"\1\0\0\0" + bytes([0, 2, 4, 0, 1, 0, 0, 0]) + ONE, "2 segments do not fit"),
    ],
)
def test_malformed_segments(header: bytes, words: str) -> None:
    with pytest.raises(MalformedMessage, match=words):
        decode(tunnel(EncapType.SEG6, pack(1, header)))


@pytest.mark.parametrize(
    ("encap", "words"),
    [
        (Seg6Encap(segments=(b"short",)), "addresses of 16 bytes"),
        (Seg6LocalEncap(srh=SegmentHeader(())), "at least one"),
        (Seg6Encap(segments=(ONE,), tlvs=b"odd"), "not a multiple of 8"),
    ],
)
def test_segments_that_do_not_fit(encap: Seg6Encap | Seg6LocalEncap, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        encode(Route(AF.INET6, encap=encap))


def test_an_hmac_with_a_digest_is_kept_as_bytes() -> None:
    tlv = bytes([5, 38, 0, 0, 0, 0, 0, 1]) + b"d" * 32
    srh = bytes([0, 7, 4, 0, 0, 8, 0, 0]) + ONE + tlv
    payload = tunnel(EncapType.SEG6, pack(1, b"\1\0\0\0" + srh))
    encap = decode(payload).encap
    assert isinstance(encap, Seg6Encap)
    assert (encap.hmac, encap.flags, encap.tlvs) == (None, 8, tlv)
    assert encode(decode(payload)) == payload
