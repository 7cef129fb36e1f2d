"""Writes ``<stem>.pt2``."""

import torch


def convert(graph, directory, options):
    path = directory / f"{graph.stem}.pt2"
    torch.export.save(graph.program, path)
    return path


def finish(directory, files, options):
    (directory / "stub.txt").write_text("stub\n")
    return {"files": [file.name for file in files]}
