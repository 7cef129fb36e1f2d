"""Which word of `run` is the network, what may be done with it, and which network there is without one."""

import pytest

from restorect_edge.cli.network import licenses, network_and_inputs
from restorect_edge.errors import UsageError
from restorect_edge.weights import license, names


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a picture, an album, an artifact and what is left of one."""
    monkeypatch.chdir(tmp_path)
    for name in ("photo.jpg", "UPPER.HEIC", "noname", "album/a.png", "made/manifest.json", "lost/body.onnx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "mine.safetensors").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "network", "inputs"),
    [
        (["photo.jpg"], None, ["photo.jpg"]),
        (["photo.jpg", "album"], None, ["photo.jpg", "album"]),
        (["album"], None, ["album"]),
        (["noname"], None, ["noname"]),
        (["UPPER.HEIC"], None, ["UPPER.HEIC"]),
        (["missing.jpg"], None, ["missing.jpg"]),
        (["missing.mp4"], None, ["missing.mp4"]),
        ([], None, []),
        (["lowlight-nano", "photo.jpg"], "lowlight-nano", ["photo.jpg"]),
        (["lowlight-nan", "photo.jpg"], "lowlight-nan", ["photo.jpg"]),
        (["mine.safetensors", "photo.jpg"], "mine.safetensors", ["photo.jpg"]),
        (["made", "photo.jpg"], "made", ["photo.jpg"]),
        (["lost", "photo.jpg"], "lost", ["photo.jpg"]),
    ],
)
def test_the_first_word_is_the_network_unless_it_can_be_restored(place, words, network, inputs):
    found, rest = network_and_inputs(words, None)
    assert (found, [str(path) for path in rest]) == (network or license.DEFAULT, inputs)


def test_an_option_names_the_network_as_well(place):
    found, rest = network_and_inputs(["album", "photo.jpg"], "lowlight-nano")
    assert (found, len(rest)) == ("lowlight-nano", 2)


def test_a_product_takes_weights_that_may_be_shipped(place):
    assert network_and_inputs(["photo.jpg"], None, product=True)[0] == license.PRODUCT
    assert license.PRODUCT in license.allowed_in_products()
    for name in license.allowed_in_products():
        assert network_and_inputs([name, "photo.jpg"], None, product=True)[0] == name


@pytest.mark.parametrize("name", sorted(set(names()) - set(license.allowed_in_products())))
def test_a_product_refuses_the_others(name):
    with pytest.raises(UsageError, match=f"'{name}' may not be shipped, .*; these may: .*{license.PRODUCT}"):
        license.chosen(name, product=True)


@pytest.mark.parametrize("name", names())
def test_every_shipped_set_says_in_one_line_what_it_may_be_used_for(name):
    (told,) = licenses([name, name])
    assert told.startswith(f"license of {name}: ")
    assert "not stated" not in told
    assert "\n" not in told


def test_what_is_no_network_has_no_license(place):
    assert licenses(["album", "none", "mine.safetensors"]) in ([], ["license of mine: not stated"])


def test_the_line_names_the_option_where_there_is_one():
    facts = {"name": license.DEFAULT, "license": "research use"}
    assert license.line(facts) == f"license of {license.DEFAULT}: research use"
    assert license.line(facts, option=True).endswith("--product takes weights that may be shipped")
    assert "--product" not in license.line({"name": license.PRODUCT, "license": "free"}, option=True)
    assert license.line({}) == ""
