"""``python -m restorect_edge.export`` is ``restorect-edge export``."""

import sys

from restorect_edge.cli.export import main

if __name__ == "__main__":
    sys.exit(main())
