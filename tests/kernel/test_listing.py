"""The listing: the text of a route is that of its shape with the address put in, and never a stale one."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest

from nld.kernel import listing
from nld.kernel.listing import Listing
from nld.kernel.shape import Shape, Shapes
from nld.kernel.surroundings import Surroundings
from nld.kernel.translation import Translation
from nld.netlink import link as link_message
from nld.netlink.registry import AF, RTM
from nld.netlink.route import Route, encode
from nld.records import Names


class Table:
    """Devices 2 and 3, and routes out by them."""

    def __init__(self) -> None:
        self.around = Surroundings()
        self.name(2, "eth0")
        self.name(3, "eth1")
        self.translation = Translation(Names([]), self.around, self.around)
        self.made = 0
        self.listing = Listing(self.pieces, lambda: self.around.version)
        self.shapes = Shapes()

    def pieces(self, *arguments: Any) -> Any:
        self.made += 1
        return self.translation.render_text(*arguments)

    def name(self, index: int, name: str) -> None:
        self.around.apply(RTM.NEWLINK, link_message.encode(link_message.Link(index=index, name=name)))

    def row(self, text: str, **fields: Any) -> tuple[Shape, bytes]:
        network = ipaddress.ip_network(text)
        family = AF.INET if network.version == 4 else AF.INET6
        fields = {"table": 254, "type": 1, "protocol": 131, "oif": 2} | fields
        shape = self.shapes.intern(encode(Route(family, dst_len=network.prefixlen, **fields)))
        assert shape is not None
        return shape, network.network_address.packed if network.prefixlen else b""


PREFIXES = (
    "0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "255.255.255.255/32", "192.0.2.1/32",
    "::/0", "2001:db8::/32", "2001:db8:1::/48", "2001:db8::1/128", "::ffff:1.2.3.4/128", "ff00::/8",
)  # fmt: skip


@pytest.mark.parametrize("form", ["ip", "ip_details", "full"])
@pytest.mark.parametrize("with_table", [None, True, False])
def test_a_route_reads_as_if_it_had_been_rendered_whole(form: str, with_table: bool | None) -> None:
    table = Table()
    rows = [table.row(prefix, priority=metric) for metric in (None, 5) for prefix in PREFIXES]
    texts = table.listing.texts(rows, form, with_table)
    for (shape, destination), text in zip(rows, texts, strict=True):
        whole = table.translation.render(shape.route(destination), form, with_table)
        assert json.loads(text) == json.loads(json.dumps(whole))
    words = [json.loads(text)["dst"] for text in texts[: len(PREFIXES)]]
    assert words[:4] == ["default", "10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16"]
    assert words[4:6] == ["255.255.255.255", "192.0.2.1"]
    assert words[6] == "default"


def test_a_shape_is_rendered_once_for_each_form() -> None:
    table = Table()
    rows = [table.row(f"10.{number}.0.0/16") for number in range(200)]
    for form in ("ip", "full", "ip", "full"):
        assert len(set(table.listing.texts(rows, form))) == 200
    assert table.made == 2


def test_a_renamed_device_is_called_by_its_new_name() -> None:
    table = Table()
    row = table.row("10.0.0.0/8")
    assert '"dev":"eth0"' in table.listing.texts([row], "ip")[0].replace(" ", "")
    table.name(2, "wan")
    assert '"dev":"wan"' in table.listing.texts([row], "ip")[0].replace(" ", "")


def test_the_texts_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LIMIT", 4)
    table = Table()
    rows = [table.row("10.0.0.0/8", priority=metric) for metric in range(1, 20)]
    texts = table.listing.texts(rows, "ip")
    assert [json.loads(text)["metric"] for text in texts] == list(range(1, 20))
    assert all(len(kept) <= 4 for kept in table.listing._kept.values())
