"""What nld knows of routes, as pure state: no I/O, no clock, nothing awaits between read and write."""
