"""``python -m restorect_edge.drift`` is ``restorect-edge drift``."""

import sys

from restorect_edge.cli.drift import main

if __name__ == "__main__":
    sys.exit(main())
