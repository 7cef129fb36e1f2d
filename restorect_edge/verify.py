"""``python -m restorect_edge.verify`` is ``restorect-edge verify``."""

import sys

from restorect_edge.cli.verify import main

if __name__ == "__main__":
    sys.exit(main())
