"""``python -m restorect_edge.evaluate`` is ``restorect-edge evaluate``."""

import sys

from restorect_edge.cli.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
