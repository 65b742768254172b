"""What ``ip route`` does, as data, and nld beside it."""
