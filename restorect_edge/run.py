"""``python -m restorect_edge.run`` is ``restorect-edge run``."""

import sys

from restorect_edge.cli.run import main

if __name__ == "__main__":
    sys.exit(main())
