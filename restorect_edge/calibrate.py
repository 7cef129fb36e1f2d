"""``python -m restorect_edge.calibrate`` is ``restorect-edge calibrate``."""

import sys

from restorect_edge.cli.calibrate import main

if __name__ == "__main__":
    sys.exit(main())
