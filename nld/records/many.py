"""The records of one call: thousands that say the same but for the destination.

A record is two parts, the destination and all the rest, and few rests occur.  So each rest is validated
once and remembered, and a record costs one look-up.  Whatever is not as usual (a ``default`` that takes
its family from other fields, a record that is wrong) goes the ordinary way, so that the rules and the
words of errors are those of ``RouteRecord`` alone.

The texts of destinations become bytes in bulk, all of the call at once (``nld.prefix``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, cast, overload

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, to_json

from nld.prefix import DEFAULT, INET, DestinationError, parse_destinations, parse_prefix
from nld.records.route import RouteRecord

_REST_BYTES = 512
_RESTS = 4096
"""A rest is remembered up to this size, and so many of them: at most some 16 MB."""
_PART = 64
"""Records that are looked at together when something is wrong."""
_TOLD = 100
"""Wrong fields that are reported; after these, only that there are more."""
_ENOUGH = 400
"""Details that are looked at; a union has several for each field."""

_ALL = TypeAdapter(list[RouteRecord])


class Columns(NamedTuple):
    """The routes of all records, in order, a list element each.

    ``starts``     for each record, which of the routes is its first.
    ``rests``      as :attr:`Records.rests`.
    ``lengths``    prefix lengths in bits.
    ``addresses``  in network order; ``b""`` for the default route.
    """

    starts: Sequence[int]
    rests: list[RouteRecord]
    lengths: list[int]
    addresses: list[bytes]


class Records(Sequence[RouteRecord]):
    """Records as two columns.

    ``rests``         for each a record that says the same but for ``dst``: one object for all that share
                      it.  Its family is that of ``dst``.
    ``destinations``  each record's own ``dst``.
    """

    def __init__(self, rests: list[RouteRecord], destinations: list[str | list[str]]) -> None:
        self.rests = rests
        self.destinations = destinations
        self._columns: Columns | None = None
        self._flaw: DestinationError | None = None

    @classmethod
    def none(cls) -> Records:
        """Without any record, for :meth:`join`."""
        records = cls([], [])
        records._columns = Columns([], [], [], [])
        return records

    def join(self, others: Records, *, goes_on: bool = False) -> None:
        """Have others behind these, which began with :meth:`none`.

        ``goes_on``  they are the last of these: its first destination again, and further ones.
        """
        skipped = int(goes_on)
        self.rests += others.rests[skipped:]
        if goes_on:
            cast("list[str]", self.destinations[-1]).extend(others.destinations[0][1:])
        else:
            self.destinations += others.destinations
        try:
            starts, rests, lengths, addresses = others.columns
        except DestinationError as error:
            self._flaw = self._flaw or error
            return
        columns = self.columns if self._flaw is None else Columns([], [], [], [])
        if not goes_on:
            before = len(columns.rests)
            cast("list[int]", columns.starts).extend(before + start for start in starts)
        columns.rests.extend(rests[skipped:])
        columns.lengths.extend(lengths[skipped:])
        columns.addresses.extend(addresses[skipped:])

    @property
    def columns(self) -> Columns:
        """The routes of all records. Raises DestinationError for the first bad text, without position."""
        if self._flaw is not None:
            raise self._flaw
        if self._columns is None:
            self._columns = self._alone() or self._parsed()
        return self._columns

    def _alone(self) -> Columns | None:
        """The columns of the most common call, one record with one destination; None for any other."""
        if len(self.rests) != 1 or not isinstance(self.destinations[0], str):
            return None
        _, length, address = parse_prefix(self.destinations[0], self.rests[0].address_family)
        return Columns((0,), self.rests, [length], [address])

    def _parsed(self) -> Columns:
        kinds = {id(rest): rest for rest in self.rests}
        families = {kind: rest.address_family for kind, rest in kinds.items()}
        family = next(iter(families.values()), INET)
        if set(families.values()) == {family} and set(map(type, self.destinations)) == {str}:
            lengths, addresses = parse_destinations(cast("list[str]", self.destinations), family)
            return Columns(range(len(self.rests)), self.rests, lengths, addresses)
        columns = Columns([], [], [], [])
        starts: list[int] = []
        texts: list[str] = []
        for rest, destination in zip(self.rests, self.destinations, strict=True):
            wanted = families[id(rest)]
            if wanted != family:
                _parse(columns, texts, family)
                family, texts = wanted, []
            starts.append(len(columns.rests))
            if isinstance(destination, str):
                columns.rests.append(rest)
                texts.append(destination)
            else:
                columns.rests.extend([rest] * len(destination))
                texts += destination
        _parse(columns, texts, family)
        return columns._replace(starts=starts)

    @classmethod
    def of(cls, records: Iterable[RouteRecord]) -> Records:
        """Records that are valid already."""
        rests = list(records)
        return cls(rests, [record.dst for record in rests])

    @classmethod
    def read(cls, values: Any) -> Records:
        """From a list of JSON objects. Raises pydantic's ValidationError.

        What is wrong in a list of destinations is left for :attr:`columns` to find.
        """
        try:
            records = cls._read(values)
            _ = records.columns
            return records
        except (AttributeError, KeyError, TypeError, ValueError):
            return cls._in_parts(values) if isinstance(values, list) else cls.of(_ALL.validate_python(values))

    @classmethod
    def _read(cls, values: list[dict[str, Any]]) -> Records:
        rests: list[RouteRecord] = []
        destinations: list[str | list[str]] = []
        seen: dict[bytes, dict[bytes, RouteRecord]] = {sample: {} for sample in _SAMPLES}
        for value in values:
            rest = value.copy()
            destination = rest.pop("dst")
            key = to_json(rest)
            sample = _sample(destination)
            record = None if sample is None else seen[sample].get(key)
            if record is None:
                if sample is None or len(key) > _REST_BYTES:
                    record = RouteRecord.model_validate_json(to_json(value))
                else:
                    record = seen[sample][key] = _rest(key, sample)
            rests.append(record)
            destinations.append(destination)
        return cls(rests, destinations)

    @classmethod
    def _in_parts(cls, values: list[Any]) -> Records:
        """Where something is not as usual: those of its neighbourhood are read in the ordinary way.

        Raises pydantic's ValidationError, with some hundred details at the most.
        """
        rests: list[RouteRecord] = []
        destinations: list[str | list[str]] = []
        found: list[InitErrorDetails] = []
        for start in range(0, len(values), _PART):
            part = values[start : start + _PART]
            try:
                records = cls._read(part)
                _ = records.columns
            except (AttributeError, KeyError, TypeError, ValueError):
                try:
                    records = cls.of(_ALL.validate_json(to_json(part)))
                except ValidationError as error:
                    some = islice(error.errors(include_url=False), _ENOUGH)
                    found += (_moved(details, start) for details in some)
                    places = {details["loc"][:2] for details in found}
                    if len(found) >= _ENOUGH or len(places) > _TOLD:
                        break
                    continue
            rests += records.rests
            destinations += records.destinations
        if found:
            raise ValidationError.from_exception_data("routes", found[:_ENOUGH], input_type="json")
        return cls(rests, destinations)

    def __len__(self) -> int:
        return len(self.rests)

    @overload
    def __getitem__(self, index: int) -> RouteRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Records: ...
    def __getitem__(self, index: int | slice) -> RouteRecord | Records:
        """The whole record."""
        if isinstance(index, slice):
            return Records(self.rests[index], self.destinations[index])
        return self.rests[index].model_copy(update={"dst": self.destinations[index]})


def _moved(details: ErrorDetails, start: int) -> InitErrorDetails:
    """What is wrong in a part of the records, where it is in all of them."""
    index, *rest = details["loc"]
    assert isinstance(index, int)
    return InitErrorDetails(
        type=details["type"],
        loc=(start + index, *rest),
        input=details["input"],
        ctx=details.get("ctx", {}),
    )


def _parse(columns: Columns, texts: Sequence[str], family: int) -> None:
    lengths, addresses = parse_destinations(texts, family)
    columns.lengths.extend(lengths)
    columns.addresses.extend(addresses)


_INET, _INET6, _DEFAULT = _SAMPLES = (b"0.0.0.0/32", b"::/128", DEFAULT.encode())
"""Destinations of all kinds that matter to the rest of a record."""


def _sample(destination: Any) -> bytes | None:
    """One of the same kind; None where the family may be told by another than the first."""
    first = destination
    if type(destination) is list:
        first = destination[0] if set(map(type, destination)) == {str} else None
        if first == DEFAULT and set(destination) != {DEFAULT}:
            return None
    if type(first) is not str:
        return None
    if first == DEFAULT:
        return _DEFAULT
    return _INET6 if ":" in first else _INET


@lru_cache(_RESTS)
def _rest(key: bytes, sample: bytes) -> RouteRecord:
    """The record of these fields, as JSON, and this destination; ValidationError."""
    return RouteRecord.model_validate_json(b'{"dst":"%b"%b%b' % (sample, b"," * (len(key) > 2), key[1:]))
