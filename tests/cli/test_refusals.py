"""Lines that cannot be read: what is said, and the word that the caret stands under."""

from __future__ import annotations

import pytest

from nld.cli.grammar import parse
from nld.cli.line import LineError, caret
from nld.cli.main import main
from tests.parity.forms import REFUSED, Refusal

# Words behind "nld route", the word under the caret ("" for the end of the line), and parts of the text.
REFUSALS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("addd 10.0.0.0/8", "addd", ("not a route command", "did you mean: add")),
    ("add", "", ("no destination", "10.0.0.0/8")),
    ("add dev nld0", "", ("no destination",)),
    ("add bogus dev nld0", "bogus", ("neither a keyword of a route nor a prefix",)),
    ("add defualt dev nld0", "defualt", ("did you mean: default",)),
    ("add unrechable 10.0.0.0/8", "unrechable", ("did you mean: unreachable",)),
    ("add 10.0.0.0/8 metrc 5", "metrc", ("not a keyword of a route", "did you mean: metric")),
    ("add default gw 192.0.2.2", "gw", ("not a keyword of a route", 'given with "via"')),
    ("add 10.0.0.0/8 nexthop gw 192.0.2.2", "gw", ("not a keyword of a next hop", 'given with "via"')),
    ("add 10.0.0.0/8 11.0.0.0/8", "11.0.0.0/8", ("second destination", "10.0.0.0/8 is already there")),
    ("add 10.0.0.0/8 via", "", ('ends after "via"', "gateway")),
    ("add 10.0.0.0/8 via inet6", "", ('ends after "inet6"',)),
    ("add 10.0.0.0/8 via nowhere", "nowhere", ("not an address", "192.0.2.1")),
    ("add 10.0.0.0/8 via fe80::1", "fe80::1", ("is IPv6, but this route is IPv4", "via inet6 fe80::1")),
    ("add 2001:db8::/32 via 192.0.2.1", "192.0.2.1", ("is IPv4, but this route is IPv6",)),
    ("add 10.0.0.0/8 via 192.0.2.1/24", "192.0.2.1/24", ("not an address", "write 192.0.2.1")),
    ("add 10.0.0.0/8 via 192.0.2.1 via 192.0.2.2", "via", ('second "via"', "nexthop via A weight 1")),
    ("add 10.0.0.0/8 via link 0:1:2:3:4:5", "link", ("family link is not supported",)),
    ("add 10.0.0.0/8 dev", "", ('ends after "dev"', "device")),
    ("add 10.0.0.0/8 dev a/b", "a/b", ("is not a valid device name",)),
    (f"add 10.0.0.0/8 dev {128 * 'x'}", 128 * "x", ("1 to 127 bytes",)),
    ("add 10.0.0.1/8 dev nld0", "10.0.0.1/8", ("bits set to the right of /8", "10.0.0.0/8 for the network")),
    ("add 10.0.0.0/33 dev nld0", "10.0.0.0/33", ("length 33 is out of range", "0 to 32")),
    ("add 2001:db8::/129 dev nld0", "2001:db8::/129", ("0 to 128",)),
    ("add 10.0.0.0/x dev nld0", "10.0.0.0/x", ('"x" is not a prefix length',)),
    ("add 10.0.0.0/255.0.255.0 dev nld0", "10.0.0.0/255.0.255.0", ("not a prefix length",)),
    ("add default/8 dev nld0", "default/8", ("takes no prefix length",)),
    ("add 10.256.0.0/16 dev nld0", "10.256.0.0/16", ("not a prefix",)),
    ("add 10.0.0.0/8 metric ten", "ten", ("not a number", "0 to 4294967295")),
    ("add 10.0.0.0/8 metric 4294967296", "4294967296", ("out of range",)),
    ("add 10.0.0.0/8 metric -5", "-5", ("not a number",)),
    ("add 10.0.0.0/8 metric 08", "08", ("not a number",)),
    ("add 10.0.0.0/8 table mian", "mian", ("neither a number nor a known name", "did you mean: main")),
    ("add 10.0.0.0/8 table 4294967296", "4294967296", ("out of range",)),
    ("add 10.0.0.0/8 proto statik", "statik", ("did you mean: static",)),
    ("add 10.0.0.0/8 proto 256", "256", ("out of range", "255")),
    ("add 10.0.0.0/8 scope lnik", "lnik", ("did you mean: link",)),
    ("add 10.0.0.0/8 tos 100", "100", ("out of range", "hexadecimal")),
    ("add 10.0.0.0/8 tos high", "high", ("neither a number nor a name",)),
    ("add 10.0.0.0/8 realm 1/2/3", "1/2/3", ("not a realm", "FROM/TO")),
    ("add 10.0.0.0/8 mtu", "", ('ends after "mtu"', "[lock]")),
    ("add 10.0.0.0/8 mtu lock", "", ('ends after "lock"',)),
    ("add 10.0.0.0/8 hoplimit 256", "256", ("0 to 255",)),
    ("add 10.0.0.0/8 quickack 2", "2", ("neither 0 nor 1",)),
    ("add 10.0.0.0/8 features ecm", "ecm", ("did you mean: ecn",)),
    ("add 10.0.0.0/8 rtt 5min", "5min", ('unit "min"', "300ms")),
    ("add 10.0.0.0/8 rtt soon", "soon", ("not a time",)),
    ("add 10.0.0.0/8 pref best", "best", ("low or medium or high",)),
    ("add 10.0.0.0/8 nhid x", "x", ("not a number",)),
    ("add 10.0.0.0/8 nhid 10 via 192.0.2.2", "192.0.2.2", ("the whole next hop", "without via")),
    ("add 10.0.0.0/8 dev nld0 nhid 10", "nld0", ("the whole next hop",)),
    ("add 10.0.0.0/8 ttl-propagate maybe", "maybe", ("enabled or disabled",)),
    ("add 10.0.0.0/8 nexthop", "", ('ends after "nexthop"',)),
    ("add 10.0.0.0/8 nexthop weight 0", "0", ("weight 0 is out of range", "1 to 256")),
    (
        "add 10.0.0.0/8 nexthop via 192.0.2.2 metric 5",
        "metric",
        ("not a keyword of a next hop", "before the first"),
    ),
    ("add 10.0.0.0/8 nexthop via 192.0.2.2 wieght 5", "wieght", ("did you mean: weight",)),
    ("add 10.0.0.0/8 encap", "", ("the kind of encap",)),
    ("add 10.0.0.0/8 encap gre id 5", "gre", ("not known", "mpls")),
    ("add 10.0.0.0/8 encap bpf in x", "bpf", ("not supported",)),
    ("add 2001:db8::/32 encap ila 1:2:3:4", "ila", ("not supported by nld", "ip or ip6 or mpls")),
    ("add 2001:db8::/32 encap rpl segs ::1 dev nld0", "rpl", ("not supported by nld", "ip or ip6 or mpls")),
    ("add 2001:db8::/32 encap rpl", "rpl", ("not supported by nld",)),
    (
        "add 2001:db8::/32 encap ioam6 trace prealloc type 0x800000 ns 1 size 12 dev nld0",
        "ioam6",
        ("not supported by nld", "ip or ip6 or mpls"),
    ),
    ("add 2001:db8::/32 nexthop encap rpl segs ::1 dev nld0", "rpl", ("not supported by nld",)),
    ("add 10.0.0.0/8 encap ip", "", ("keywords of encap ip",)),
    ("add 10.0.0.0/8 encap ip dev nld0", "dev", ("at least one of its keywords", "id, dst, src")),
    ("add 10.0.0.0/8 encap ip id 5 id 6", "6", ('second "id"',)),
    ("add 10.0.0.0/8 encap ip dst 2001:db8::9", "2001:db8::9", ("IPv4",)),
    ("add 10.0.0.0/8 encap mpls 1048576", "1048576", ("not a valid label stack",)),
    ("add 2001:db8::/32 encap seg6 segs 2001:db8::9 mode encap", "2001:db8::9", ("before segs",)),
    ("add 2001:db8::/32 encap seg6 mode encap", "", ('needs "segs"',)),
    ("add 2001:db8::/32 encap seg6 mode encapp segs ::1", "encapp", ("did you mean: encap",)),
    ("add 2001:db8::/32 encap seg6 mode encap segs 1.2.3.4", "1.2.3.4", ("not an IPv6 address",)),
    ("add 2001:db8::/32 encap seg6local table 7 dev nld0", "dev", ('needs "action"',)),
    ("flush", "", ("every route of the main table", "flush table main")),
    ("list tabel 5", "tabel", ("did you mean: table",)),
    ("list via 192.0.2.0/33", "192.0.2.0/33", ("0 to 32",)),
    ("list table nosuch", "nosuch", ("neither a number nor a known name",)),
    ("list type nosuch", "nosuch", ("not a route type",)),
    ("list cache", "cache", ("Linux 3.6",)),
    ("list iif nld0", "iif", ("listed routes have no iif",)),
    ("get", "", ("which address?",)),
    ("get nowhere", "nowhere", ("neither a keyword of get nor an address",)),
    ("get 192.0.2.1 192.0.2.2", "192.0.2.2", ("second address",)),
    ("get 192.0.2.1 ipproto tpc", "tpc", ("did you mean: tcp",)),
    ("get 192.0.2.1 sport 65536", "65536", ("0 to 65535",)),
    ("test 10.0.0.0/8", "test", ("not supported",)),
    ("showdump", "showdump", ("not supported",)),
)


@pytest.mark.parametrize(("words", "under", "parts"), REFUSALS)
def test_refusals(words: str, under: str, parts: tuple[str, ...]) -> None:
    line = ("nld", "route", *words.split())
    with pytest.raises(LineError) as caught:
        parse(line, 2)
    error = caught.value
    assert (line[error.at] if error.at < len(line) else "") == under
    text = error.text()
    for part in parts:
        assert part in text
    shown, carets = text.splitlines()[1:3]
    start = carets.index("^")
    assert shown[start : start + len(carets.strip())] == under


@pytest.mark.parametrize("refusal", [row for row in REFUSED if row.by == "words"], ids=lambda row: row.about)
def test_what_ip_cannot_read_is_refused_before_the_daemon_is_asked(
    refusal: Refusal, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for a device that is not there, which the daemon knows."""
    monkeypatch.setenv("NLD_SOCKET", "/nonexistent/nld")
    status = main(refusal.commands[-1].split())
    said = capsys.readouterr().err
    if "device" in refusal.about:
        assert "cannot reach nld" in said
        return
    assert status == 1
    assert "nld" in said
    if "object" not in refusal.about:
        assert "^" in said


def test_a_long_line_keeps_its_caret_on_one_screen_line() -> None:
    words = ["nld", "route", "add", "10.0.0.0/8", *["nexthop via 192.0.2.2"] * 30, "wrong", *["more"] * 40]
    shown, carets = caret(words, words.index("wrong"))
    assert len(shown) < 200
    assert shown[carets.index("^") :].startswith("wrong")
    assert shown.startswith("  ... ")
    assert shown.endswith(" ...")


def test_words_that_a_shell_would_split_are_shown_in_quotes() -> None:
    assert caret(["nld", "a b"], 1) == ["  nld 'a b'", "      ^^^^^"]
