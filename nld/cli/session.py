"""Requests to the daemon, answers to the terminal: what each verb of ``nld route`` does.

JSON of a list goes through as the daemon wrote it: the arrays of the stream are joined into one, no
route is parsed.  Text is made here from the ``full`` form.

Where ``ip -j route show dev X`` leaves ``dev`` out of the objects, nld leaves it in: who parses JSON
wants whole records.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self, cast

from nld.cli import names
from nld.cli.complaint import complaint, making_sense, status_of
from nld.cli.grammar import FlushCache, Help, Lookup, Request, Restore, SelectorRequest, WriteRequest
from nld.cli.line import REFUSED
from nld.cli.options import Options
from nld.cli.streams import printable, printable_values
from nld.cli.text import TextForm
from nld.client.described import routes_of
from nld.client.protocol import Watched, parse_json
from nld.errors import (
    ConnectionFailed,
    CursorExpired,
    KernelRefused,
    LimitExceeded,
    NldError,
    Unreachable,
    from_parameters,
)

if TYPE_CHECKING:
    from nld.client import Client

FLUSH_TOLD = 20
"""Routes that could not be flushed and are printed in full; the others are counted."""

FLUSH_ROUTES = 5000
"""Routes deleted in one call of a flush."""
RETRY = 0.2
"""Seconds between attempts of ``monitor`` to reach the daemon again."""
LONGEST_RETRY = 10.0
"""As many at the most: they double each time where connections are made, and end sooner than this."""
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
            with making_sense():
                return self.do(request)
        except NldError as error:
            self.say(self.explain(error, request))
            return status_of(error)

    def do(self, request: Request) -> int:
        """As :meth:`run`, but raises the daemon's errors."""
        match request:
            case WriteRequest():
                self.write(request.operation, [request.record])
            case Lookup():
                return self._lookup(request)
            case Restore():
                return self._restore()
            case FlushCache():
                from nld.cli.route_cache import flush  # noqa: PLC0415 (only this pays for it)

                flush(request.family)
            case Help():
                from nld.cli.help import show  # noqa: PLC0415 (only help pays for it)

                self.out.write(show(request.topic).encode())
            case SelectorRequest(verb="flush"):
                return self._flush(request)
            case SelectorRequest(verb="monitor"):
                return self._monitor(request)
            case SelectorRequest():
                self._list(request)
        return 0

    def say(self, text: str) -> None:
        """Print to standard error; what cannot be printed there is lost."""
        if text:
            with contextlib.suppress(OSError, ValueError):
                print(printable(text), file=self.err)

    def explain(self, error: NldError, request: Request | None = None) -> str:
        """The error as text, with a caret into the request's words."""
        record = request.record if isinstance(request, WriteRequest) else None
        words = () if request is None or isinstance(request, Help) else request.words
        spots = request.spots if isinstance(request, WriteRequest | SelectorRequest | Lookup) else None
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

    def _list(self, request: SelectorRequest) -> None:
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

    def _arrays(self, request: SelectorRequest, form: str, with_table: bool | None) -> Iterator[bytes]:
        arrays = self.client.list_text(
            request.filter, form=form, with_table=with_table, kernel=self.options.kernel
        )
        if not request.rest and not self.options.numeric:
            return arrays
        return (self._repacked(array, request) for array in arrays)

    def _repacked(self, array: bytes, request: SelectorRequest) -> bytes:
        routes = [route for route in parse_json(array) if _passes(route, request.rest)]
        if self.options.numeric:
            for route in routes:
                for field in ("type", "tos", "table", "protocol", "scope"):
                    if field in route:
                        route[field] = names.number_of(field, route[field])
                for hop in (route, *route.get("nexthops", ())):
                    if "flow" in hop:
                        hop["flow"] = {
                            side: names.number_of("realm", word) for side, word in hop["flow"].items()
                        }
        return json.dumps(routes, separators=(",", ":")).encode()

    def _nexthop_objects(self, request: SelectorRequest) -> dict[int | None, dict[str, Any]]:
        """What is behind each nhid, which ``-d`` prints and only the form of ``ip -j -d`` has."""
        arrays = self.client.list_text(request.filter, form="ip_details", kernel=self.options.kernel)
        return {
            route["nhid"]: {"nh_info": route["nh_info"]}
            for array in arrays
            if b'"nh_info"' in array
            for route in parse_json(array)
            if "nh_info" in route
        }

    def _records(self, request: SelectorRequest) -> Iterator[list[dict[str, Any]]]:
        """Routes in the full form."""
        for routes in self._listed(request.filter):
            yield [route for route in routes if _passes(route, request.rest)] if request.rest else routes

    def _listed(self, wanted: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
        for array in self.client.list_text(wanted, form="full", kernel=self.options.kernel):
            yield cast("list[dict[str, Any]]", routes_of(array))

    def _join(self, arrays: Iterable[bytes]) -> None:
        if self.options.pretty:
            routes = [route for array in arrays for route in parse_json(array)]
            self.out.write(json.dumps(routes, indent=4).encode() + b"\n")
            return
        write = self.out.write
        before = b"["  # Written with the first routes, so that a refused call prints nothing here.
        on_terminal = self.out.isatty()
        for array in arrays:
            if not array.isascii() or (on_terminal and not array.decode("ascii").isprintable()):
                array = json.dumps(parse_json(array), separators=(",", ":")).encode()  # noqa: PLW2901
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
        if not options.json:
            route, answer = printable_values(route), printable_values(answer)
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

    def _flush(self, request: SelectorRequest) -> int:
        if {"dev", "via"} & request.filter.keys():
            # A route that has another next hop elsewhere lives on.
            request.filter["whole"] = True
        flushed = failed = listed = 0
        told: list[Mapping[str, Any]] = []
        for batch in _bounded(self._records(request), FLUSH_ROUTES):
            records = [{k: v for k, v in route.items() if k not in _FLUSH_KEEPS} for route in batch]
            listed += len(records)
            try:
                flushed += self.write("delete", records)
            except NldError as error:
                if not error.failed:
                    raise
                flushed += error.done or 0
                # What went by itself in between is as it was wished.
                others = [failure for failure in error.failures if failure.get("errno") != "ESRCH"]
                failed += error.failed - (len(error.failures) - len(others))
                told += others[: FLUSH_TOLD - len(told)]
        for failure in told:
            self.say(complaint(failure, kernel=self.options.kernel))
        if failed:
            self.say(f"nld: {failed} of {listed} routes were not flushed")
        if self.options.statistics:
            self.say("Nothing to flush." if not flushed else f"{flushed} routes flushed")
        return REFUSED if failed else 0

    def _restore(self) -> int:
        from nld.cli.restore import TOLD, restore  # noqa: PLC0415 (only restore pays for it)
        from nld.cli.saved import NotSaved, read  # noqa: PLC0415

        try:
            saved = read(sys.stdin.buffer.read())
        except NotSaved as error:
            self.say(f"nld: {error}")
            self.say(error.advice or "expected: what nld route save or ip -j route prints")
            return 1
        result = restore(saved, self._listed, self.write)
        for text in result.failures[:TOLD]:
            self.say(text)
        if result.failed:
            self.say(f"nld: {result.failed} of {len(saved)} routes were not restored")
        if self.options.statistics:
            self.say(f"{result.done} routes restored, {result.there} already there")
        return REFUSED if result.failed else 0

    # -- monitor

    def _monitor(self, request: SelectorRequest) -> int:
        options = self.options
        text = self._text_form(request.pinned)
        form = self._form() if options.json else "full"
        cursor: str | None = None
        away = False
        wait = RETRY
        while True:
            begun = time.monotonic()
            stream = self.client.watch(
                request.filter, cursor=cursor, snapshot=False, form=form, kernel=options.kernel
            )
            try:
                for reply in stream:
                    if away:
                        away = False
                        self.say("nld: the daemon is back")
                    self._show(reply, request, text)
                    cursor = reply.get("cursor", cursor)
                return 0
            except CursorExpired:
                if cursor is None:
                    raise
                self.say("nld: changes made while the daemon was away are not shown")
                cursor = None
            except (ConnectionFailed, LimitExceeded) as error:
                if cursor is None and not away:
                    raise
                if not away:
                    away = True
                    self.say("nld: the connection to the daemon ended; waiting for it to come back")
                if isinstance(error, Unreachable) or time.monotonic() - begun > LONGEST_RETRY:
                    wait = RETRY
                time.sleep(wait)
                wait = min(2 * wait, LONGEST_RETRY)

    def _show(self, reply: Watched, request: SelectorRequest, text: TextForm) -> None:
        """Print the changes of one reply of a watch."""
        for change in reply.get("changes") or ():
            route, deleted = change["route"], change["event"] == "delete"
            if not _passes(route, request.rest):
                continue
            if self.options.json:
                shown = {"deleted": True, **route} if deleted else route
                self.out.write(json.dumps(shown, separators=(",", ":")).encode() + b"\n")
            else:
                self.out.write((self._timestamp() + text(printable_values(route), deleted)).encode())
        if reply["kind"] == "resync":
            self.say("nld: notifications were lost; the table was read again")
        self.out.flush()

    def _timestamp(self) -> str:
        """When, as ``ip -timestamp`` and ``ip -tshort`` print it (``lib/utils.c``)."""
        if not (self.options.timestamp or self.options.tshort):
            return ""
        now = datetime.now()
        if self.options.tshort:
            return f"[{now:%Y-%m-%dT%H:%M:%S.%f}] "
        return f"Timestamp: {now:%a %b} {now.day:2} {now:%H:%M:%S %Y} {now.microsecond} usec\n"


def _passes(route: Mapping[str, Any], rest: dict[str, Any]) -> bool:
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
