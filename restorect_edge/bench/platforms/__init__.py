"""Machines that measurements run on: their conditions, Apple's compute plans, Jetsons."""
