"""Which sink is chosen, what is filtered, and that nothing bypasses it."""

import io
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
import structlog

from nld.log import configure
from nld.log.console import Console
from nld.log.journal import Journal
from nld.log.setup import goes_to_journal


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def stream_name(file: IO[Any]) -> str:
    status = os.fstat(file.fileno())
    return f"{status.st_dev}:{status.st_ino}"


def test_the_journal_is_chosen_if_our_stream_is_the_journals(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald, (tmp_path / "e").open("w") as stream:
        journald.bind(str(tmp_path / "socket"))
        ours = {"JOURNAL_STREAM": stream_name(stream)}
        path = str(tmp_path / "socket")
        log = configure(stream=stream, environment=ours, journal_socket=path)
        assert isinstance(log.sink, Journal)
        log.sink.close()
        for environment in ({}, {"JOURNAL_STREAM": "1:2"}, {"JOURNAL_STREAM": "nonsense"}):
            log = configure(stream=stream, environment=environment, journal_socket=path)
            assert isinstance(log.sink, Console)
        log = configure(stream=stream, environment=ours, journal_socket=str(tmp_path / "none"))
        assert isinstance(log.sink, Console)
        assert isinstance(configure(form="console", stream=stream, environment=ours).sink, Console)


def test_a_stream_without_a_file_is_not_the_journals() -> None:
    assert not goes_to_journal(io.StringIO(), {"JOURNAL_STREAM": "1:2"})


def test_a_level_change_holds_for_loggers_that_exist() -> None:
    stream = io.StringIO()
    log = configure("warning", "console", stream=stream)
    logger = structlog.get_logger().bind(owner="frr")
    logger.info("unseen")
    logger.warning("seen")
    log.set_level("debug")
    logger.debug("seen too", dst="default")
    lines = [line.split(" ", 2)[2] for line in stream.getvalue().splitlines()]
    assert lines == ["warning seen  owner=frr", "debug   seen too  owner=frr dst=default"]


def test_an_exception_brings_its_traceback() -> None:
    stream = io.StringIO()
    configure("info", "console", stream=stream)
    try:
        raise OSError("no buffer space")
    except OSError:
        structlog.get_logger().exception("bug")
    assert "error   bug\n" in stream.getvalue()
    assert stream.getvalue().endswith("    OSError: no buffer space\n")


def test_the_standard_librarys_log_comes_through() -> None:
    stream = io.StringIO()
    configure("info", "console", stream=stream)
    logging.getLogger("asyncio").error("Task %s was destroyed", "t1")
    logging.getLogger("asyncio").debug("unseen")
    assert stream.getvalue().endswith("error   Task t1 was destroyed  logger=asyncio\n")
    assert stream.getvalue().count("\n") == 1


def test_context_is_added() -> None:
    stream = io.StringIO()
    configure("info", "console", stream=stream)
    with structlog.contextvars.bound_contextvars(request="r1"):
        structlog.get_logger().info("done")
    assert "done  request=r1" in stream.getvalue()
