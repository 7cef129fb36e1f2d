"""`restorect_edge.verify` as a function, and ``python -m restorect_edge.verify``."""

import sys

from restorect_edge.utils.modules import make_callable

make_callable(__name__, "restorect_edge.export.verify.check:verify")

if __name__ == "__main__":
    from restorect_edge.cli.verify import main

    sys.exit(main())
