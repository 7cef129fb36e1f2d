"""`restorect_edge.train` as a function, and ``python -m restorect_edge.train``."""

import sys

from restorect_edge.utils.modules import make_callable

make_callable(__name__, "restorect_edge.training.run:train")

if __name__ == "__main__":
    from restorect_edge.cli.train import main

    sys.exit(main())
