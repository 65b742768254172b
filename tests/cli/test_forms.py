"""The parity forms with the real ``ip``: that they are what they say, and that our text equals its text."""

from __future__ import annotations

import json
import re
import shlex
import subprocess

import pytest

from nld.cli.saved import first_kept
from nld.cli.text import TextForm
from tests.parity.forms import FORMS, LINKS, REFUSED, UNSUPPORTED, Form, Refusal

pytestmark = pytest.mark.namespace


def run(form: Form | Refusal, *reads: str) -> tuple[list[int], list[str]]:
    """Run a form by ``ip`` in its own namespace: the commands' exit statuses, and what ``reads`` print."""
    script = ["set -e", *(f"ip {command}" for command in (*LINKS, *form.setup)), "set +e"]
    script += [f"ip {command} >/dev/null 2>&1; echo $?" for command in form.commands]
    script += [f"echo {shlex.quote('=====')}; ip {read}" for read in reads]
    done = subprocess.run(
        ["unshare", "-Urn", "sh", "-c", "\n".join(script)], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    first, *printed = done.stdout.split("=====\n")
    return [int(word) for word in first.split()], printed


def settled(text: str) -> list[str]:
    """The lines without what changes by itself from one reading to the next.

    That is the kernel's own IPv6 routes, which appear a while after a link is up, and the seconds that a
    route has left: of 600 there are 1 to 600.
    """
    lines = re.sub(r"(?<= expires )([1-9]\d?|[1-5]\d\d|600)(?=sec )", "SOME", text).splitlines()
    return [line for line in lines if not re.search(r"^\w* ?[\da-f]+:.* proto kernel ", line)]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.about)
def test_ip_takes_the_form_and_prints_as_we_do(form: Form) -> None:
    statuses, (text, details, plain_json, details_json) = run(
        form, "route show table all", "-d route show table all", "-j route show table all",
        "-j -d route show table all",
    )  # fmt: skip
    if form.needs and any(statuses):
        pytest.skip(f"this kernel has no {form.needs}")
    assert statuses == [0] * len(form.commands)
    if any("lock" in command or "rto_min" in command for command in form.commands):
        return  # ip's JSON does not say what is locked, so its text cannot be made from it.
    for printed, source, show in (
        (text, plain_json, TextForm()),
        (details, details_json, TextForm(details=True)),
    ):
        routes = json.loads(source, object_pairs_hook=first_kept)
        ours = "".join(show(route) for route in routes)
        assert settled(ours) == settled(printed)


@pytest.mark.parametrize("refusal", REFUSED, ids=lambda refusal: refusal.about)
def test_ip_refuses_the_form(refusal: Refusal) -> None:
    *before, last = run(refusal)[0]
    assert before == [0] * len(before)
    assert last != 0
    assert (last == 2) == (refusal.by == "kernel")


def test_forms_have_names_of_their_own() -> None:
    names = [form.about for form in FORMS] + [refusal.about for refusal in REFUSED]
    names += [form.about for form in UNSUPPORTED]
    assert len(names) == len(set(names))
