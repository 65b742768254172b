"""The pages keep their word: their sessions and Python examples run on a real kernel table."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

PROGRAM = f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
PROGRAM += "from nld.cli.main import main\nsys.exit(main())\n"
SANDBOX = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from nld.sandbox import main;"
SANDBOX += " sys.exit(main(2, sys.argv[1:]))"


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def in_sandbox(*command: str) -> str:
    """What the command prints, its errors among the rest."""
    done = subprocess.run(
        [sys.executable, "-c", SANDBOX, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


SESSIONS = {
    "README.md": blocks("console"),
    # One after the other in the same shell.
    "coming-from-ip-route.md": [
        "".join(blocks("console", (ROOT / "docs" / "coming-from-ip-route.md").read_text()))
    ],
}


@pytest.mark.namespace
@pytest.mark.parametrize(
    ("page", "session"), [(page, session) for page, sessions in SESSIONS.items() for session in sessions]
)
def test_the_session_is_what_one_sees(page: str, session: str, tmp_path: Path) -> None:
    if "jq" in session and shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    (tmp_path / "nld").write_text(PROGRAM)
    (tmp_path / "nld").chmod(0o755)
    script = f"PATH={tmp_path}:$PATH\ncd {tmp_path}\n"
    for line in session.splitlines():
        if line.startswith("$ "):
            script += f"cat <<'END'\n{line}\nEND\n{{ {line[2:]}; }} 2>&1\n"
    seen = in_sandbox("sh", "-c", script + "true")
    # Where nld is installed, the number of its protocol has a name.
    assert seen.replace("proto nld", "proto 131").replace('"protocol":"nld"', '"protocol":"131"') == session


@pytest.mark.namespace
def test_the_examples_run(tmp_path: Path) -> None:
    """In one sandbox, one after the other."""
    program = tmp_path / "examples.sh"
    script = "set -e\n"
    for number, code in enumerate(blocks("python")):
        (tmp_path / f"example{number}.py").write_text(code)
        script += f"PYTHONPATH={ROOT} {sys.executable} {tmp_path}/example{number}.py\n"
    program.write_text(script)
    assert in_sandbox("sh", str(program)) == ""


@pytest.mark.namespace
def test_the_tour_comes_to_its_end() -> None:
    command = f"PYTHONPATH={ROOT} exec {sys.executable} -m nld.tour"
    assert "That was the main job" in in_sandbox("sh", "-c", command)


@pytest.mark.parametrize(
    "page", sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]), ids=lambda p: p.name
)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", ["docs/architecture.md", "README.md", "CONTRIBUTING.md"])
def test_paths_that_are_named_are_there(page: str) -> None:
    for path in re.findall(r"`((?:nld|tests|docs|kmod|systemd)/[\w/.]*)`", (ROOT / page).read_text()):
        assert (ROOT / path).exists(), path
