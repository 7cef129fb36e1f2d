"""`restorect_edge.evaluate` as a function, and ``python -m restorect_edge.evaluate``."""

import sys

from restorect_edge.utils.modules import make_callable

make_callable(__name__, "restorect_edge.scoring.evaluate:evaluate")

if __name__ == "__main__":
    from restorect_edge.cli.evaluate import main

    sys.exit(main())
