"""Requests to the daemon, answers to the terminal: what each verb of ``nld route`` does.

JSON of a list goes through as the daemon wrote it: the arrays of the stream are joined into one, no
route is parsed.  Text is made here from the ``full`` form.

Where ``ip -j route show dev X`` leaves ``dev`` out of the objects, nld leaves it in: who parses JSON
wants whole records.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from nld.cli import names
from nld.cli.complaint import complaint, status_of
from nld.cli.grammar import Help, Lookup, Request, Restore, Selection, Write
from nld.cli.options import Options
from nld.cli.text import TextForm
from nld.errors import KernelRefused, NldError, from_parameters

if TYPE_CHECKING:
    from nld.client import Client

FLUSH_ROUTES = 5000
"""Routes deleted in one call of a flush."""
_FLUSH_KEEPS = ("users", "used", "age", "error", "nh_info")


class Session:
    """Runs requests over one client.

    ``out`` is binary standard output, ``err`` text standard error.
    """

    def __init__(self, client: Client, options: Options, out: IO[bytes], err: IO[str]) -> None:
        self.client = client
        self.options = options
        self.out = out
        self.err = err

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()

    def run(self, request: Request) -> int:
        """Do one request and print what it brings; the exit status. Prints errors of the daemon too."""
        try:
            return self.do(request)
        except NldError as error:
            self.say(self.explain(error, request))
            return status_of(error)

    def do(self, request: Request) -> int:
        """As :meth:`run`, but raises the daemon's errors."""
        match request:
            case Write():
                self.write(request.operation, [request.record])
            case Lookup():
                return self._lookup(request)
            case Restore():
                return self._restore()
            case Help():
                from nld.cli.help import show  # noqa: PLC0415 (only help pays for it)

                self.out.write(show(request.topic).encode())
            case Selection(verb="flush"):
                return self._flush(request)
            case Selection(verb="monitor"):
                return self._monitor(request)
            case Selection():
                self._list(request)
        return 0

    def say(self, text: str) -> None:
        """Print to standard error."""
        if text:
            print(text, file=self.err)

    def explain(self, error: NldError, request: Request | None = None) -> str:
        """The error as text, with a caret into the request's words."""
        record = request.record if isinstance(request, Write) else None
        words = () if request is None or isinstance(request, Help) else request.words
        spots = request.spots if isinstance(request, Write | Selection | Lookup) else None
        return complaint(error, words, spots, record, self.options.kernel)

    def write(self, operation: str, records: list[dict[str, Any]]) -> int:
        """Call one of the writing methods; the number of routes done."""
        method: Callable[..., int] = getattr(self.client, operation)
        return method(records, takeover=self.options.takeover, kernel=self.options.kernel)

    # -- list

    def _form(self) -> str:
        return "ip_details" if self.options.details else "ip"

    def _text_form(self, pinned: frozenset[str] = frozenset()) -> TextForm:
        options = self.options
        color = ""
        if options.color == "always" or (options.color == "auto" and sys.stdout.isatty()):
            color = _background()
        return TextForm(
            details=options.details,
            statistics=options.statistics,
            oneline=options.oneline,
            pinned=pinned,
            numeric=names.number_of if options.numeric else None,
            color=color,
        )

    def _list(self, request: Selection) -> None:
        options = self.options
        if request.verb == "save":
            self._join(self._arrays(request, "full", None))
        elif options.json:
            self._join(self._arrays(request, self._form(), False if "table" in request.pinned else None))
        else:
            text = self._text_form(request.pinned)
            objects = self._nexthop_objects(request) if options.details else {}
            for routes in self._records(request):
                shown = [text({**route, **objects.get(route.get("nhid"), {})}) for route in routes]
                self.out.write("".join(shown).encode())
        self.out.flush()

    def _arrays(self, request: Selection, form: str, with_table: bool | None) -> Iterator[bytes]:
        arrays = self.client.list_text(
            request.filter, form=form, with_table=with_table, kernel=self.options.kernel
        )
        if not request.rest and not self.options.numeric:
            return arrays
        return (self._repacked(array, request) for array in arrays)

    def _repacked(self, array: bytes, request: Selection) -> bytes:
        routes = [route for route in json.loads(array) if _passes(route, request.rest)]
        if self.options.numeric:
            for route in routes:
                for field in ("type", "tos", "table", "protocol", "scope"):
                    if field in route:
                        route[field] = names.number_of(field, route[field])
        return json.dumps(routes, separators=(",", ":")).encode()

    def _nexthop_objects(self, request: Selection) -> dict[int | None, dict[str, Any]]:
        """What is behind each nhid, which ``-d`` prints and only the form of ``ip -j -d`` has."""
        arrays = self.client.list_text(request.filter, form="ip_details", kernel=self.options.kernel)
        return {
            route["nhid"]: {"nh_info": route["nh_info"]}
            for array in arrays
            if b'"nh_info"' in array
            for route in json.loads(array)
            if "nh_info" in route
        }

    def _records(self, request: Selection) -> Iterator[list[dict[str, Any]]]:
        """Routes in the full form."""
        for array in self.client.list_text(request.filter, form="full", kernel=self.options.kernel):
            routes = json.loads(array)
            yield [route for route in routes if _passes(route, request.rest)] if request.rest else routes

    def _join(self, arrays: Iterable[bytes]) -> None:
        if self.options.pretty:
            routes = [route for array in arrays for route in json.loads(array)]
            self.out.write(json.dumps(routes, indent=4).encode() + b"\n")
            return
        write = self.out.write
        before = b"["  # Written with the first routes, so that a refused call prints nothing here.
        for array in arrays:
            inside = array.strip()[1:-1]
            if inside:
                write(before + inside)
                before = b","
        write(b"]\n" if before == b"," else b"[]\n")

    # -- get

    def _lookup(self, request: Lookup) -> int:
        for warning in request.warnings:
            self.say(f"nld: {warning}")
        options = self.options
        question = dict(request.question)
        address = question.pop("address")
        answers = self.client.lookup([address], form=self._form(), kernel=options.kernel, **question)
        answer = answers[0]
        route = answer.get("match" if request.fibmatch else "route")
        if route is None:
            raise _unanswered(answer, address)
        if options.json:
            shown = {**route, "why": _why(answer)} if options.details else route
            self._join([json.dumps([shown], separators=(",", ":")).encode()])
            return 0
        self.out.write(self._text_form()(route).encode())
        if options.details:
            self.out.write(self._reasons(answer).encode())
        return 0

    def _reasons(self, answer: dict[str, Any]) -> str:
        lines = []
        rule = answer.get("rule")
        if rule:
            said = ", ".join(f"{name} {value}" for name, value in rule.items() if name != "priority")
            lines.append(f"    why: rule {rule.get('priority')}: {said}\n")
        if answer.get("table") is not None:
            lines.append(f"    table {answer['table']}\n")
        if answer.get("match") is not None:
            lines.append(f"    route {self._text_form()(answer['match'])}")
        return "".join(lines)

    # -- flush, restore

    def _flush(self, request: Selection) -> int:
        flushed = 0
        for batch in _bounded(self._records(request), FLUSH_ROUTES):
            records = [{k: v for k, v in route.items() if k not in _FLUSH_KEEPS} for route in batch]
            flushed += self.write("delete", records)
        if self.options.statistics:
            self.say("Nothing to flush." if not flushed else f"{flushed} routes flushed")
        return 0

    def _restore(self) -> int:
        try:
            routes = json.loads(sys.stdin.buffer.read(), object_pairs_hook=first_kept)
        except ValueError as error:
            self.say(f"nld: standard input is no JSON: {error}")
            self.say("expected: what nld route save or ip -j route prints")
            return 1
        done = self.write("replace", routes)
        if self.options.statistics:
            self.say(f"{done} routes restored")
        return 0

    # -- monitor

    def _monitor(self, request: Selection) -> int:
        options = self.options
        text = self._text_form(request.pinned)
        form = self._form() if options.json else "full"
        stream = self.client.watch(request.filter, snapshot=False, form=form, kernel=options.kernel)
        for reply in stream:
            for change in reply.get("changes") or ():
                route, deleted = change["route"], change["event"] == "delete"
                if not _passes(route, request.rest):
                    continue
                if options.json:
                    shown = {"deleted": True, **route} if deleted else route
                    self.out.write(json.dumps(shown, separators=(",", ":")).encode() + b"\n")
                else:
                    self.out.write(text(route, deleted).encode())
            if reply["kind"] == "resync":
                self.say("nld: notifications were lost; the table was read again")
            self.out.flush()
        return 0


def first_kept(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which the route's ``dst`` is not lost to that of a flattened encap.

    ``ip -j`` prints ``"dst"`` twice for a route with an encap: the route's, and behind ``"encap":"ip"``
    the tunnel's, which becomes a part of an encap object here.
    """
    fields: dict[str, Any] = {}
    encap: dict[str, Any] | None = None
    for name, value in pairs:
        if name == "encap" and isinstance(value, str) and value in ENCAP_FIELDS:
            encap = fields["encap"] = {"type": value}
        elif encap is not None and name in ENCAP_FIELDS.get(encap["type"], ()) and name not in encap:
            encap[name] = value
        else:
            encap = None
            fields[name] = value
    return fields


ENCAP_FIELDS: dict[str, tuple[str, ...]] = {
    "mpls": ("dst", "ttl"),
    "ip": ("id", "src", "dst", "ttl", "tos", "key", "csum", "seq"),
    "ip6": ("id", "src", "dst", "hoplimit", "tc", "key", "csum", "seq"),
    "seg6": ("mode", "segs", "hmac"),
    "seg6local": (
        "action", "srh", "table", "vrftable", "nh4", "nh6", "iif", "oif", "flavors", "lblen", "nflen",
    ),
    "xfrm": ("if_id", "link_dev"),
}  # fmt: skip
"""The fields that ``ip -j`` prints behind ``encap``, by kind."""


def _passes(route: dict[str, Any], rest: dict[str, Any]) -> bool:
    return all(route.get(field) == value for field, value in rest.items())


def _bounded(batches: Iterable[list[dict[str, Any]]], size: int) -> Iterator[list[dict[str, Any]]]:
    """All of the batches first, then cut anew: what is listed must not change while it is listed."""
    every = [route for batch in batches for route in batch]
    for start in range(0, len(every), size):
        yield every[start : start + size]


def _why(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in ("rule", "table", "match") if name in answer}


def _unanswered(answer: dict[str, Any], address: str) -> NldError:
    error = answer.get("error")
    if isinstance(error, dict):
        return from_parameters(str(error.get("error")), error)
    return KernelRefused(str(error or f"no route to {address}"), operation="lookup", key=address)


def _background() -> str:
    """ "dark" when COLORFGBG says so, as ``ip`` reads it."""

    last = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return "dark" if last in ("0", "1", "2", "3", "4", "5", "6", "8") else "light"
