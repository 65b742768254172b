"""The time that all programs take over the number of routes; writes docs/performance.svg."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from tests.bench import loads
from tests.bench.measure import BIRD, ROOT, ROUNDS, Row, median, peer, report, scaled
from tests.bench.plot import plot
from tests.bench.test_files import NLD, Figures, one_call, timed
from tests.stand import Stand

pytestmark = [pytest.mark.bench, pytest.mark.namespace]

SIZES = (1_000, 10_000, 100_000, 1_000_000)


def test_sizes(tmp_path: Path) -> None:
    """Routes by 16 next hops, from a thousand to a million."""
    lines: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    rows = []
    for size in dict.fromkeys(map(scaled, SIZES)):
        load, figures = loads.alike(size), Figures(list)
        add, bird = str(load.batch(tmp_path / "add")), str(load.bird(tmp_path / "bird.conf"))
        for _ in range(ROUNDS):
            with Stand() as stand:
                figures["nld -batch"].append(timed(stand, *NLD, "-batch", add))
            one_call(load, figures)
            with Stand() as stand:
                figures["ip -batch"] += peer(stand, ["ip", "-batch", add])
                if BIRD is not None:
                    command = [f"until:{size}", BIRD, "-f", "-c", bird, "-s", str(tmp_path / "ctl")]
                    figures["BIRD 2"] += peer(stand, command)
        figures["nld, one call"] = figures.pop("call")
        for name, seconds in figures.items():
            lines[name].append((size, median(seconds)))
            rows.append(Row(f"{size:,} routes: {name}", "s", median(seconds)))
    report("Over the number of routes", rows)
    title = "Routes added, by 16 next hops, on two processors"
    (ROOT / "docs/performance.svg").write_text(plot(title, "routes", "seconds", lines))
