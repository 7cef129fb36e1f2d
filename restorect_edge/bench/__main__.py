"""``python -m restorect_edge.bench`` is ``restorect-edge bench``."""

import sys

from restorect_edge.cli.bench import main

if __name__ == "__main__":
    sys.exit(main())
