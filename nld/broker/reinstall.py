"""Reinstalling: what nld had in a table that went away is put in again when the table is back.

Only what is not there is added: whoever was quicker keeps the key.  A route with an end is not put in
again, for its time has gone on and nobody knows how far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from nld.errors import NldError
from nld.kernel.selection import Row
from nld.kernel.shape import Shape
from nld.kernel.table import KernelTable, Operation, Pattern
from nld.records import RouteRecord

log = structlog.get_logger("nld.reinstall")


async def reinstall(table: KernelTable, rows: Sequence[Row]) -> list[Row]:
    """Add these routes, and return those that were; what is refused is logged.

    Raises KernelUnavailable when the table goes again.
    """
    lasting = [row for row in rows if not row[0].volatile]
    patterns = _patterns(table, dict(lasting))
    wanted = [row for row in lasting if row[0] in patterns]
    added: list[Row] = []
    step = table.piece
    for start in range(0, len(wanted), step):
        part = wanted[start : start + step]
        refusals = await table.write(
            [patterns[shape] for shape, _ in part], [destination for _, destination in part]
        )
        failed = {refusal.index for refusal in refusals}
        added += [row for index, row in enumerate(part) if index not in failed]
        for refusal in refusals[:1]:
            log.warning("not put in again", **refusal.error.parameters())
    log.info("put in again", table=table.name, routes=len(added), refused=len(lasting) - len(added),
             ended=len(rows) - len(lasting))  # fmt: skip
    return added


def _patterns(table: KernelTable, examples: Mapping[Shape, bytes]) -> dict[Shape, Pattern]:
    """How each shape is written; with it goes the destination of one route that has it."""
    found = {}
    for shape, destination in examples.items():
        route = shape.route(destination)
        record = RouteRecord.model_validate_json(table.text(route, "full"))
        try:
            found[shape] = table.pattern(Operation.ADD, record, route)
        except NldError as error:
            log.warning("not put in again", **error.parameters())
    return found
