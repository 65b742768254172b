"""Records: what nld's users write and read, as pydantic models, in the words of ``ip -j route``.

Knows nothing of netlink; ``nld.kernel.translation`` is the only place that knows both.
"""

from nld.names import NLD_PROTOCOL, Names
from nld.prefix import DestinationError, Destinations, parse_destinations
from nld.records.complaint import invalid
from nld.records.encap import EncapRecord, read_json
from nld.records.filter import RouteFilter
from nld.records.key import RouteKey
from nld.records.lookup import LookupQuestion
from nld.records.metrics import MetricsRecord
from nld.records.nexthop import Flow, NextHopRecord, Via
from nld.records.route import Family, Form, RouteRecord, RouteType

__all__ = [
    "NLD_PROTOCOL", "DestinationError", "Destinations", "EncapRecord", "Family", "Flow", "Form",
    "LookupQuestion", "MetricsRecord", "Names", "NextHopRecord", "RouteFilter", "RouteKey", "RouteRecord",
    "RouteType", "Via", "invalid", "parse_destinations", "read_json",
]  # fmt: skip
