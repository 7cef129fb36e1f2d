"""`restorect_edge.calibrate` as a function, and ``python -m restorect_edge.calibrate``."""

import sys

from restorect_edge.utils.modules import make_callable

make_callable(__name__, "restorect_edge.quantization.calibrate:calibrate")

if __name__ == "__main__":
    from restorect_edge.cli.calibrate import main

    sys.exit(main())
