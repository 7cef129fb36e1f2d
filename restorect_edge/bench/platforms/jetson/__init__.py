"""Measuring on a Jetson: `bundle` writes the kit that runs there, `remote` runs it over ssh."""

from restorect_edge.bench.platforms.jetson.bundle import Kit, bundle
from restorect_edge.bench.platforms.jetson.remote import Fetched, RunOptions, remote

__all__ = ["Fetched", "Kit", "RunOptions", "bundle", "remote"]
