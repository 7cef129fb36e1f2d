"""``python -m restorect_edge.doctor`` is ``restorect-edge doctor``."""

import sys

from restorect_edge.cli.doctor import main

if __name__ == "__main__":
    sys.exit(main())
