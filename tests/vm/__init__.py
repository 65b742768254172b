"""Real kernels for the tests: prepared images, machines that boot them, results brought out.

``Machine`` (machine.py) is what a test uses. Below it, each file builds one thing and caches it outside
the checkout (cache.py); nothing here knows what nld's tests check.
"""
