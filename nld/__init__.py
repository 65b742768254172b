"""nld, the route daemon: one service that owns a Linux host's routing tables."""
