"""``python -m restorect_edge.inspect`` is ``restorect-edge inspect``."""

import sys

from restorect_edge.cli.inspect import main

if __name__ == "__main__":
    sys.exit(main())
