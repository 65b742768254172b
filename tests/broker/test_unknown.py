"""When the kernel's answer is lost: only that send is in doubt, and reading back clears up what it can."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest

from nld.broker.broker import Broker
from nld.broker.view import View
from nld.broker.wishes import Wishes, keys_of
from nld.errors import KernelUnavailable, NldError, OutcomeUnknown
from nld.kernel.fib import FibTable
from nld.kernel.table import Operation
from nld.records import Names
from nld.records.many import Records
from nld.records.peer import Peer
from tests.kernel.inside import inside, ip

PEER = Peer(uid=0, gid=0, pid=1)
GATEWAYS = ("192.0.2.2", "192.0.2.3")


def records(count: int, gateway: str | None = None) -> list[dict[str, Any]]:
    return [
        {"dst": f"10.{number >> 8}.{number & 255}.0/24", "gateway": gateway or GATEWAYS[number % 2]}
        for number in range(count)
    ]


class Losing:
    """A table whose ``lose``-th reply from now on is lost, as when the receive buffer is full."""

    def __init__(self) -> None:
        self.table = FibTable(Names(), protocol=131)
        self.view = View(self.table, 100)
        self.lose = 0

    async def __aenter__(self) -> Losing:
        await self.view.start()
        self.broker = Broker({"fib": self.view}, "fib", 1000)
        receive = self.table.channel.socket.receive

        def lossy() -> bytes | None:
            datagram = receive()
            if datagram is not None and self.lose:
                self.lose -= 1
                if not self.lose:
                    raise OSError(errno.ENOBUFS, "No buffer space available")
            return datagram

        self.table.channel.socket.receive = lossy  # type: ignore[method-assign]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.view.close()

    async def write(self, operation: Operation, some: list[dict[str, Any]]) -> int:
        return await self.broker.write(PEER, operation, Records.read(some))

    async def failing(self, operation: Operation, some: list[dict[str, Any]]) -> NldError:
        with pytest.raises(NldError) as caught:
            await self.write(operation, some)
        return caught.value


async def what_reads_back_as_asked_is_done() -> None:
    async with Losing() as losing:
        count = 3 * losing.table.piece
        losing.lose = 2
        assert await losing.write(Operation.ADD, records(count)) == count
        assert losing.table.status()["overruns"] == 1
        losing.lose = 2
        assert await losing.write(Operation.REPLACE, records(count, GATEWAYS[0])) == count
        losing.lose = 2
        assert await losing.write(Operation.DELETE, records(count, GATEWAYS[0])) == count


async def what_stays_unknown_is_told_so() -> None:
    """The route was there before, as it is asked for: whether the kernel refused it nobody knows."""
    async with Losing() as losing:
        step = losing.table.piece
        some = records(3 * step)
        ip(f"route add {some[step + 5]['dst']} via {some[step + 5]['gateway']} proto 131")
        losing.lose = 2
        error = await losing.failing(Operation.ADD, some)
        # The refusal is what was lost: it came first of its send.
        assert isinstance(error, OutcomeUnknown)
        assert (error.index, error.failed, error.done) == (step + 5, 1, 3 * step - 1)


async def what_was_refused_before_stays_refused() -> None:
    async with Losing() as losing:
        step = losing.table.piece
        some = records(3 * step)
        ip(f"route add {some[7]['dst']} via 192.0.2.9 proto 131")
        losing.lose = 3  # the refusal, the acknowledgement of the first send, that of the second
        error = await losing.failing(Operation.ADD, some)
        assert (error.errno, error.index, error.failed, error.done) == ("EEXIST", 7, 1, 3 * step - 1)


async def a_channel_that_goes_says_how_far_it_came() -> None:
    async with Losing() as losing:
        step = losing.table.piece
        submit = losing.table.channel.submit

        def gone(size: int, frames: Callable[[int], Any]) -> Any:
            if losing.view.mirror.at(last):
                raise KernelUnavailable("the netlink channel was closed", operation="send")
            return submit(size, frames)

        wishes = Wishes(losing.table, Operation.ADD, Records.read(records(step)))
        list(wishes.resolve())
        last = keys_of(wishes.patterns, wishes.destinations)[-1]
        losing.table.channel.submit = gone  # type: ignore[method-assign]
        error = await losing.failing(Operation.ADD, records(3 * step))
        assert (error.name, error.done) == ("io.nld.KernelUnavailable", step)


@pytest.mark.namespace
@pytest.mark.parametrize(
    "what",
    [
        what_reads_back_as_asked_is_done,
        what_stays_unknown_is_told_so,
        what_was_refused_before_stays_refused,
        a_channel_that_goes_says_how_far_it_came,
    ],
)
def test_lost_answers(what: object) -> None:
    assert callable(what)
    inside(what)
