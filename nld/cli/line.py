"""A command line as a row of words with a reading position, and the refusal that points into it.

``ip`` answers a wrong word with one sentence about that word alone.  Here every reader of words holds
the whole line, so a refusal can show the line again with a caret under the word, say what was expected
there, and name the closest word that would have been right.

No I/O, no knowledge of routes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

USAGE = 1
"""Exit status for a line that cannot be read (as ``ip`` documents it)."""
REFUSED = 2
"""Exit status when the kernel, or the daemon for it, said no."""


class LineError(Exception):
    """A line that cannot be read.

    ``words``    the whole line, program name first.
    ``at``       index of the wrong word; ``len(words)`` when a word is missing at the end.
    ``message``  one sentence: what is wrong.
    ``expected`` what would be right there, or "".
    ``near``     words that the writer may have meant, best first.
    ``advice``   how to go on, or "".
    ``status``   exit status, 1 or 2.
    """

    def __init__(
        self,
        message: str,
        words: Sequence[str],
        at: int,
        *,
        expected: str = "",
        near: Sequence[str] = (),
        advice: str = "",
        status: int = USAGE,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.words = tuple(words)
        self.at = at
        self.expected = expected
        self.near = tuple(near)
        self.advice = advice
        self.status = status

    def text(self) -> str:
        """The refusal as it is printed: several lines, no newline at the end."""
        lines = [f"nld: {self.message}", *caret(self.words, self.at)]
        if self.expected:
            lines.append(f"expected: {self.expected}")
        if self.near:
            lines.append("did you mean: " + ", ".join(self.near))
        if self.advice:
            lines.append(self.advice)
        return "\n".join(lines)


def caret(words: Sequence[str], at: int) -> list[str]:
    """Two lines: the words, and carets under word ``at`` (under the end when ``at`` is past it).

    A long line keeps only the words around ``at``, so that the caret stands on the same screen line.
    """
    shown = [quoted(word) for word in words]
    first, last = 0, len(shown)
    while first < at and sum(map(len, shown[first:at])) + at - first > 70:
        first += 1
    while last > at + 1 and sum(map(len, shown[at:last])) + last - at > 70:
        last -= 1
    before = "  " + ("... " if first else "")
    before += "".join(f"{word} " for word in shown[first:at])
    here = shown[at] if at < len(shown) else ""
    after = "".join(f" {word}" for word in shown[at + 1 : last]) + (" ..." if last < len(shown) else "")
    return [f"{before}{here}{after}".rstrip(), " " * len(before) + "^" * max(1, len(here))]


def quoted(word: str) -> str:
    """The word as a shell would need it written."""
    if word and all(letter.isalnum() or letter in "@%+=:,./-_" for letter in word):
        return word
    from nld.cli.streams import printable  # noqa: PLC0415 (as below)

    word = printable(word)
    import shlex  # noqa: PLC0415 (only a line that is shown again pays for it)

    return shlex.quote(word)


def closest(word: str, candidates: Iterable[str]) -> list[str]:
    """Up to three candidates that look like ``word``, best first."""
    import difflib  # noqa: PLC0415 (only a refusal pays for it)

    return difflib.get_close_matches(word.lower(), list(candidates), 3, 0.6)


def abbreviates(word: str, keyword: str) -> bool:
    """True when ``word`` is a non-empty beginning of ``keyword``, which is how ``ip`` shortens words."""
    return word != "" and keyword.startswith(word)


class Line:
    """Words and a position. Readers take words from the left and refuse with the position they are at."""

    __slots__ = ("at", "words")

    def __init__(self, words: Sequence[str], at: int = 0) -> None:
        self.words = tuple(words)
        self.at = at

    @property
    def word(self) -> str | None:
        """The word at the position, or None at the end."""
        return self.words[self.at] if self.at < len(self.words) else None

    def step(self) -> None:
        """Move to the next word; the end is a valid place to stand."""
        self.at += 1

    def argument(self, expected: str) -> str:
        """Move to the next word, which must be there, and return it.

        The position then stands on that word, so that a refusal of its value points at it.
        """
        keyword = self.words[self.at]
        self.at += 1
        if self.at >= len(self.words):
            raise LineError(
                f'the line ends after "{keyword}"', self.words, len(self.words), expected=expected
            )
        return self.words[self.at]

    def refusal(
        self,
        message: str,
        *,
        at: int | None = None,
        expected: str = "",
        candidates: Iterable[str] = (),
        advice: str = "",
        status: int = USAGE,
    ) -> LineError:
        """The :class:`LineError` to raise for the word at the position, or at ``at``."""
        place = self.at if at is None else at
        word = self.words[place] if place < len(self.words) else ""
        return LineError(
            message,
            self.words,
            place,
            expected=expected,
            near=closest(word, candidates) if word else (),
            advice=advice,
            status=status,
        )
