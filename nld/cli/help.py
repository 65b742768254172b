"""Help with examples. One text per topic; ``nld route help VERB`` shows one."""

from __future__ import annotations

NLD = """\
nld - manage Linux routes with the syntax of "ip route", through the nld daemon

  nld [OPTIONS] route COMMAND ...     change, list, look up and watch routes (may be shortened: r, ro, ...)
  nld [OPTIONS] -batch FILE           run commands, one per line; - is standard input
  nld monitor [SELECTOR]              show every change of a route as it happens
  nld status                          show the status of the daemon
  nld sandbox [-- COMMAND]            try nld in a private network, without root
  nld greet TEXT | module release     send TEXT to the kernel module; release the module
  nld daemon | config check FILE | completion bash|zsh|fish

Try it:
  nld sandbox                                        a shell with links nld0 and nld1 and its own daemon
  nld route add 10.0.0.0/8 via 192.0.2.2             add a route
  nld route get 10.1.2.3                             show the route that this address takes
  nld -j route list table all                        list all routes, as JSON
  nld route help                                     the syntax of routes

Options, before or after "route" (may be shortened; with one dash or two):
  -4, -6, -family inet|inet6     only this address family
  -json, -pretty                 print JSON as "ip -j route" does; with line breaks
  -details                       every field; with get, also the reason
  -oneline, -Numeric, -color[=always|auto|never], -statistics, -timestamp, -tshort
  -force                         continue after a failed line of a batch
  -takeover                      also change routes that belong to others (or set NLD_TAKEOVER=1)
  -kernel fib|module             the kernel table manager to use
  -socket PATH                   the daemon's socket (default: NLD_SOCKET, then /run/nld/io.nld)
  -timeout SECONDS               how long to wait for a reply from the daemon (default: 45), or "infinity"

Exit status: 0 success, 1 syntax error, 2 the daemon or the kernel refused the request.
"""

ROUTE = """\
nld route - the syntax of "ip route"

  nld route add|append|prepend|replace|change|delete ROUTE
  nld route list|flush|save|monitor SELECTOR
  nld route get ADDRESS
  nld route restore < FILE
  nld route flush cache          (learnt path MTUs and redirects; needs root)

ROUTE: [TYPE] PREFIX, then in any order
  via [inet|inet6] ADDRESS   dev DEVICE   onlink      one next hop
  nexthop via A weight 1 nexthop via B weight 3       several, at the end of the line
  nhid ID                                             a nexthop object
  encap mpls|ip|ip6|seg6 ...                          a tunnel around the packets
  table TABLE|vrf DEVICE   metric NUMBER   tos TOS    which table, and which of several routes
  src ADDRESS   proto PROTOCOL   scope SCOPE   realms REALM   pref low|medium|high   expires SECONDS
  mtu [lock] N, advmss N, rtt TIME, ...               metrics; "lock" keeps their values

TYPE: unicast, local, broadcast, multicast, anycast, blackhole, unreachable, prohibit, throw

Examples:
  nld route add 10.0.0.0/8 via 192.0.2.2
  nld route add default via inet6 fe80::1 dev nld0                an IPv4 route via an IPv6 router
  nld route replace 10.0.0.0/8 nexthop via 192.0.2.2 weight 1 nexthop via 198.51.100.2 weight 3
  nld route add blackhole 203.0.113.0/24 metric 500
  nld route add 2001:db8:5::/48 via fe80::2 dev nld1 mtu lock 1400
  nld route delete 10.0.0.0/8 table 100
More: nld route help list | get | flush | monitor | add, and ip-route(8) for the meaning of each keyword.
"""

LIST = """\
nld route list [SELECTOR] - list routes; also "show", "ls", or no command at all

  [root|match|exact] PREFIX   inside this prefix; covering it; exactly this prefix (the default)
  table TABLE|all, vrf DEVICE default: main
  dev DEVICE   via PREFIX   src PREFIX   proto PROTOCOL   type TYPE   scope SCOPE   metric N   tos TOS

dev and via match a route by any of its next hops; flush keeps routes that have another next hop elsewhere.

Examples:
  nld route list
  nld -6 route list table all
  nld route list root 10.0.0.0/8           10.0.0.0/8 and everything inside it
  nld route list match 10.1.2.3            every route that covers this address
  nld -j route list proto bgp dev nld0
"""

GET = """\
nld route get ADDRESS - show the route that a packet to this address takes

  from ADDRESS   iif DEVICE   oif DEVICE   mark N   tos TOS   uid N   vrf DEVICE
  ipproto tcp|udp|icmp   sport N   dport N
  fibmatch                    show the route in the table, not that of the packet

Examples:
  nld route get 10.1.2.3
  nld -d route get 10.1.2.3                also the rule, the table and the route that decided
  nld route get 10.1.2.3 from 192.0.2.9 iif nld0
"""

FLUSH = """\
nld route flush SELECTOR - delete all routes that "list SELECTOR" shows

With dev or via, routes that have another next hop elsewhere stay.
Routes that belong to others stay, and are reported; put -takeover before route to delete them too.

Examples:
  nld route flush table 100
  nld route flush root 10.0.0.0/8 proto static
"""

MONITOR = """\
nld [route] monitor [SELECTOR] - show every change as it happens, in all tables unless one is given

Examples:
  nld monitor
  nld -j route monitor table main          one JSON object per change
"""

RESTORE = """\
nld route restore < FILE - add saved routes that are missing

FILE is the output of "nld route save" or of "ip -j route". Routes that exist already are left alone. If a
single, different route has the key of a saved one, it is replaced; several saved routes with the same key are
all restored. Link routes are added before routes via gateways on those links. A lifetime (expires) starts
again with what was left when it was saved. "ip -j" omits which metrics are locked; "nld route save" does not.

Examples:
  nld route save table all > routes.json
  nld route restore < routes.json
  nld -takeover route restore < routes.json     also routes that belong to others
"""

_TOPICS = {
    "nld": NLD, "list": LIST, "save": LIST, "get": GET, "flush": FLUSH, "monitor": MONITOR,
    "restore": RESTORE,
}  # fmt: skip


def show(topic: str) -> str:
    """The help of a topic: ``nld``, ``route``, or a verb of route."""
    from nld.cli.grammar import verb_of  # noqa: PLC0415 (the grammar itself imports no help)

    return _TOPICS.get(topic) or _TOPICS.get(verb_of(topic) or "", ROUTE)
