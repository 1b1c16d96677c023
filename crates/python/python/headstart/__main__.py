"""The ``headstart`` command, which can also be run as ``python -m headstart``."""

import sys

from ._headstart import main as run


def main() -> int:
    """Run the command with this process's arguments, and return its exit status."""
    return run(["headstart", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
