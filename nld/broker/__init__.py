"""The broker: use cases.  What a peer asks becomes changes of a kernel table, or an answer about it."""
