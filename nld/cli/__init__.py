"""The ``nld`` command.

Its route words are those of ``ip route``.  The package splits in three: words in (``line``, ``values``,
``grammar`` and its siblings: no I/O, so every form is a row in a table of tests), requests to the
daemon (``session``, ``batch``), and text out (``text``, ``complaint``).

Start-up time is part of the interface: a shell script may call ``nld route add`` ten thousand times.
So the route path imports neither click nor pydantic; only the other commands do, when called.

Layer: knows ``nld.client``, ``nld.records`` and ``nld.errors``.  The daemon, the sandbox and the
configuration are imported by the command that starts them and by nothing else.
"""
