"""The kernel module's contract, and C programs that talk to it."""
