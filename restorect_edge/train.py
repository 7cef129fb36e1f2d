"""``python -m restorect_edge.train`` is ``restorect-edge train``."""

import sys

from restorect_edge.cli.train import main

if __name__ == "__main__":
    sys.exit(main())
