"""Tests that run inside a machine, on a kernel that may be broken by them. See ../bridge.py."""
