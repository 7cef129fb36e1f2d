"""``python -m restorect_edge VERB`` is ``restorect-edge VERB``."""

import sys

from restorect_edge.cli.verbs import main

if __name__ == "__main__":
    sys.exit(main())
