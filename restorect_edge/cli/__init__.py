"""Commands: a module per verb, and the console script that chooses among them.

Nothing but the entry points imports this package.
"""

from restorect_edge.cli.verbs import main

__all__ = ["main"]
