#!/bin/bash
# Two uplinks, each with its own table, and a default route over both. Written for ip; "ip route" became
# "nld route", and NLD_TAKEOVER lets it change the routes that the distribution has set up, as ip would.
#
#   multiwan.sh DEV1 NET1 GATEWAY1 DEV2 NET2 GATEWAY2
set -euo pipefail
export NLD_TAKEOVER=1

table=101
hops=()
while (($# >= 3)); do
    dev=$1 net=$2 gateway=$3
    shift 3
    nld route flush table $table 2>/dev/null || true
    nld route add "$net" dev "$dev" table $table
    nld route add default via "$gateway" dev "$dev" table $table
    nld route add blackhole default metric 1000 table $table
    ip rule del table $table 2>/dev/null || true
    ip rule add from "$net" table $table
    hops+=(nexthop via "$gateway" dev "$dev" weight 1)
    table=$((table + 1))
done
nld route replace default scope global "${hops[@]}"
nld route flush cache
nld route get 203.0.113.5 >/dev/null
nld route list default
for ((shown = 101; shown < table; shown++)); do
    nld route list table $shown
done
