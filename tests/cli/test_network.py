"""Which word of `run` is the network, what may be done with it, and which network there is without one."""

import pytest

from restorect_edge.cli.network import licences, network_and_inputs
from restorect_edge.errors import UsageError
from restorect_edge.weights import licence, names


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
    assert (found, [str(path) for path in rest]) == (network or licence.DEFAULT, inputs)


def test_an_option_names_the_network_as_well(place):
    found, rest = network_and_inputs(["album", "photo.jpg"], "lowlight-nano")
    assert (found, len(rest)) == ("lowlight-nano", 2)


def test_a_product_takes_weights_that_may_be_shipped(place):
    assert network_and_inputs(["photo.jpg"], None, product=True)[0] == licence.PRODUCT
    assert licence.PRODUCT in licence.allowed_in_products()
    for name in licence.allowed_in_products():
        assert network_and_inputs([name, "photo.jpg"], None, product=True)[0] == name


@pytest.mark.parametrize("name", sorted(set(names()) - set(licence.allowed_in_products())))
def test_a_product_refuses_the_others(name):
    with pytest.raises(UsageError, match=f"'{name}' may not be shipped, .*; these may: .*{licence.PRODUCT}"):
        licence.chosen(name, product=True)


@pytest.mark.parametrize("name", names())
def test_every_shipped_set_says_in_one_line_what_it_may_be_used_for(name):
    (told,) = licences([name, name])
    assert told.startswith(f"license of {name}: ")
    assert "not stated" not in told
    assert "\n" not in told


def test_what_is_no_network_has_no_licence(place):
    assert licences(["album", "none", "mine.safetensors"]) in ([], ["license of mine: not stated"])


def test_the_line_names_the_option_where_there_is_one():
    facts = {"name": licence.DEFAULT, "license": "research use"}
    assert licence.line(facts) == f"license of {licence.DEFAULT}: research use"
    assert licence.line(facts, option=True).endswith("--product takes weights that may be shipped")
    assert "--product" not in licence.line({"name": licence.PRODUCT, "license": "free"}, option=True)
    assert licence.line({}) == ""
