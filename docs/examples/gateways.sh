#!/bin/sh
# The number of routes through each gateway, the busiest first. The JSON is that of "ip -j route".
set -eu
nld -j route list table all |
    jq -r 'map(select(.gateway)) | group_by(.gateway) | sort_by(-length, .[0].gateway)
           | .[] | "\(.[0].gateway) \(length)"'
