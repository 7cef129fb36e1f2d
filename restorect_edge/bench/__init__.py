"""Benchmarks that can be believed: a protocol, a record of it, reports, and comparison.

``restorect_edge.bench(...)`` is `restorect_edge.bench.run.bench`.
"""

from restorect_edge.utils.modules import make_callable

make_callable(__name__, "restorect_edge.bench.run:bench")
