"""``python -m nld.daemon --config FILE``: what systemd and the sandbox start."""

import argparse
import sys

from nld.daemon.daemon import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="nld daemon", description="Run the nld daemon in the foreground.")
    parser.add_argument("--config", metavar="FILE", help="configuration file (default: /etc/nld/config.toml)")
    sys.exit(main(parser.parse_args().config))
