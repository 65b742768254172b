"""Help that teaches by example. One text for each topic; ``nld route help VERB`` shows one."""

from __future__ import annotations

NLD = """\
nld - Linux routes in the words of "ip route", through the nld daemon

  nld [OPTIONS] route COMMAND ...     change, list, look up and watch routes (any beginning: r, ro, ...)
  nld [OPTIONS] -batch FILE           many commands, one a line; - is standard input
  nld status                          how the daemon is
  nld sandbox [-- COMMAND]            try it in a private network, without root
  nld greet TEXT | module release     talk to the kernel module, let go of it
  nld daemon | config check FILE | completion bash|zsh|fish

Try it:
  nld sandbox                                        a shell with nld0, nld1 and a daemon of its own
  nld route add 10.0.0.0/8 via 192.0.2.2             add a route
  nld route get 10.1.2.3                             which way does this address go?
  nld -j route list table all                        everything, as JSON
  nld route help                                     the words of a route

Options, before or behind "route" (any beginning will do, with one dash or two):
  -4, -6, -family inet|inet6     only this address family
  -json, -pretty                 the JSON of "ip -j route", with line breaks
  -details                       every field; with get also why
  -oneline, -Numeric, -color[=always|auto|never], -statistics, -timestamp, -tshort
  -force                         go on after a failed line of a batch
  -takeover                      also change routes that belong to somebody else (or set NLD_TAKEOVER=1)
  -kernel fib|module             which kernel table manager
  -socket PATH                   the daemon's socket (default: NLD_SOCKET, then /run/nld/io.nld)
  -timeout SECONDS               wait so long for an answer of the daemon (default: 45), or "infinity"

Exit status: 0 done, 1 the words are wrong, 2 the daemon or the kernel refused.
"""

ROUTE = """\
nld route - the words of "ip route"

  nld route add|append|prepend|replace|change|delete ROUTE
  nld route list|flush|save|monitor SELECTOR
  nld route get ADDRESS
  nld route restore < FILE
  nld route flush cache          (learnt path MTUs and redirects; for root)

ROUTE: [TYPE] PREFIX, then in any order
  via [inet|inet6] ADDRESS   dev DEVICE   onlink      one next hop
  nexthop via A weight 1 nexthop via B weight 3       several, at the end of the line
  nhid ID                                             a nexthop object
  encap mpls|ip|ip6|seg6 ...                          a tunnel around the packets
  table TABLE|vrf DEVICE   metric NUMBER   tos TOS    where it stands
  src ADDRESS   proto PROTOCOL   scope SCOPE   realms REALM   pref low|medium|high   expires SECONDS
  mtu [lock] N, advmss N, rtt TIME, ...               metrics; "lock" keeps them

TYPE: unicast, local, broadcast, multicast, anycast, blackhole, unreachable, prohibit, throw

Examples:
  nld route add 10.0.0.0/8 via 192.0.2.2
  nld route add default via inet6 fe80::1 dev nld0                an IPv4 route by an IPv6 router
  nld route replace 10.0.0.0/8 nexthop via 192.0.2.2 weight 1 nexthop via 198.51.100.2 weight 3
  nld route add blackhole 203.0.113.0/24 metric 500
  nld route add 2001:db8:5::/48 via fe80::2 dev nld1 mtu lock 1400
  nld route delete 10.0.0.0/8 table 100
More: nld route help list | get | flush | monitor | add, and ip-route(8) for the meaning of each word.
"""

LIST = """\
nld route list [SELECTOR] - also show, ls, or nothing at all

  [root|match|exact] PREFIX   inside this prefix; covering it; exactly it (the default)
  table TABLE|all, vrf DEVICE default: main
  dev DEVICE   via PREFIX   src PREFIX   proto PROTOCOL   type TYPE   scope SCOPE   metric N   tos TOS

dev and via find a route by any of its next hops; flush leaves those alone that have another one elsewhere.

Examples:
  nld route list
  nld -6 route list table all
  nld route list root 10.0.0.0/8           10.0.0.0/8 and all inside it
  nld route list match 10.1.2.3            every route that could take this address
  nld -j route list proto bgp dev nld0
"""

GET = """\
nld route get ADDRESS - which route does a packet to this address take?

  from ADDRESS   iif DEVICE   oif DEVICE   mark N   tos TOS   uid N   vrf DEVICE
  ipproto tcp|udp|icmp   sport N   dport N
  fibmatch                    the route of the table, not the packet's

Examples:
  nld route get 10.1.2.3
  nld -d route get 10.1.2.3                with the rule, the table and the route that decided
  nld route get 10.1.2.3 from 192.0.2.9 iif nld0
"""

FLUSH = """\
nld route flush SELECTOR - delete all routes that "list SELECTOR" shows

With dev or via, routes that have another next hop elsewhere stay.
Routes that belong to somebody else stay, and are named; put -takeover before route to delete them too.

Examples:
  nld route flush table 100
  nld route flush root 10.0.0.0/8 proto static
"""

MONITOR = """\
nld route monitor [SELECTOR] - every change as it happens, in all tables unless one is named

Examples:
  nld route monitor
  nld -j route monitor table main          a JSON object for each change
"""

RESTORE = """\
nld route restore < FILE - put saved routes back, each where it is missing

FILE is what "nld route save" printed, or "ip -j route". What is there already is left alone, a route that
stands alone at a saved one's place is replaced, and several routes of one place stand beside each other.
The order is worked out: link routes go before the gateways behind them. A lifetime (expires) begins anew with
what was left of it when it was saved. "ip -j" does not print which metrics are locked; "nld route save" does.

Examples:
  nld route save table all > routes.json
  nld route restore < routes.json
  nld -takeover route restore < routes.json     also what belongs to others
"""

_TOPICS = {
    "nld": NLD, "list": LIST, "save": LIST, "get": GET, "flush": FLUSH, "monitor": MONITOR,
    "restore": RESTORE,
}  # fmt: skip


def show(topic: str) -> str:
    """The help of a topic: ``nld``, ``route``, or a verb of route."""
    from nld.cli.grammar import verb_of  # noqa: PLC0415 (the grammar itself imports no help)

    return _TOPICS.get(topic) or _TOPICS.get(verb_of(topic) or "", ROUTE)
