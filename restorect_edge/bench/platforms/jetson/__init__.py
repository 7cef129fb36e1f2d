"""Measuring on a Jetson: `bundle` writes the kit that runs there, `remote` runs it over ssh."""

from restorect_edge.bench.platforms.jetson.bundle import FREE_SHAPES, Kit, bundle
from restorect_edge.bench.platforms.jetson.remote import Fetched, RunOptions, remote

__all__ = ["FREE_SHAPES", "Fetched", "Kit", "RunOptions", "bundle", "remote"]
