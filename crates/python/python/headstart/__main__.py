"""The ``headstart`` command: ``python -m headstart`` is the same."""

import sys

from ._headstart import main as run


def main() -> int:
    """Run the command with the arguments of this process, and return its exit status."""
    return run(["headstart", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
