"""The control channel: a Varlink server on a Unix socket, and the io.nld interface on top of it."""
