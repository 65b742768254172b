r"""The name of a device as text: printable, and reversible.

The kernel takes any bytes but ``/``, ``:`` and white space for a name, so a device may be called what is not
UTF-8, or what a terminal takes for a command.  JSON cannot hold the first and nobody wants to print the
second.  So a name is spelled like this, everywhere outside the kernel's messages:

* What is printable UTF-8 stands for itself.  That is nearly every name, and then it is what ``ip -j`` prints.
* Every other byte is ``\x`` and two hexadecimal digits: ``isp\xff``, ``\x1b[2J``.
* A backslash that would be read as the beginning of such an escape is itself written ``\x5c``.

Inside, a name is a string in which bytes that are not UTF-8 are lone surrogates (PEP 383), as the wire's
codec gives it and as Python has the words of a command line.

Standard library only.
"""

from __future__ import annotations

import re

LONGEST = 127
"""Bytes of the longest alternative name (ALTIFNAMSIZ, linux/if.h, without its NUL); a name proper has 15."""

_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})")


def spelled(name: str) -> str:
    """The text of a name; see above."""
    if name.isprintable() and "\\x" not in name:
        return name
    return "".join(map(_letter, _ESCAPE.sub(r"\\x5cx\1", name)))


def _letter(letter: str) -> str:
    if letter.isprintable():
        return letter
    return "".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogateescape"))


def name_of(text: str) -> str:
    """The name that a text stands for: the inverse of :func:`spelled`, and a name proper is left as it is."""
    if "\\x" not in text:
        return text
    packed = b""
    at = 0
    for match in _ESCAPE.finditer(text):
        packed += text[at : match.start()].encode("utf-8", "surrogateescape") + bytes([int(match[1], 16)])
        at = match.end()
    return (packed + text[at:].encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def size(name: str) -> int:
    """Bytes of a name as the kernel has it."""
    return len(name.encode("utf-8", "surrogateescape"))
