"""Names of networks become names of folders, and of nothing else."""

import pytest
import torch

import restorect_edge
from restorect_edge.errors import UsageError
from restorect_edge.export.naming import LONGEST, check_name

BAD = (
    *(
        "",
        " ",
        ".",
        "..",
        "../escape",
        "a/b",
        "/etc",
        "a\\b",
        "C:x",
        "a:b",
        "a*",
        "a?",
        "<a>",
        'a"b',
        "a|b",
        "-o",
    ),
    *(
        ".hidden",
        "end.",
        "end ",
        " start",
        "a\nb",
        "a\0b",
        "\x1b[31m",
        "\ud800",
        "NUL",
        "con",
        "aux.txt",
        "Com1",
    ),
    "n" * (LONGEST + 1),
)
GOOD = ("net", "my net_2.1", "夜景", "école", "console", "a..b", "n" * LONGEST, "com", "nul-onnx")


@pytest.mark.parametrize("name", BAD, ids=repr)
def test_what_leaves_the_folder_or_is_reserved_is_refused(name):
    with pytest.raises(UsageError, match="choose one such as 'my-network_2'"):
        check_name(name)


@pytest.mark.parametrize("name", GOOD)
def test_what_every_system_has_is_taken(name):
    check_name(name)


@pytest.mark.parametrize("name", ["../escape", "a/b", "."])
def test_an_export_writes_nothing_under_such_a_name(tmp_path, name):
    with pytest.raises(UsageError, match="the name"):
        restorect_edge.export(torch.nn.Identity(), target="onnx", name=name, output_dir=tmp_path / "out")
    assert not list(tmp_path.iterdir())
