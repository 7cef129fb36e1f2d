"""The 15 published layouts, each built with tiny images."""

from pathlib import Path

import pytest
from PIL import Image

from restorect_edge.errors import UsageError
from restorect_edge.training.data.datasets import (
    LAYOUTS,
    find_layout,
    find_split,
    layout_images,
    layout_pairs,
)
from restorect_edge.training.data.folders import find_pairs, list_pairs

BY_NAME = {layout.name: layout for layout in LAYOUTS}
UNPAIRED = ["DICM", "LIME", "MEF", "NPE", "VV"]
SID = [
    f"{side}_resized/{name}"
    for side, names in {
        "short": ["00001_00_0.04s", "00001_01_0.1s", "10003_00_0.04s"],
        "long": ["00001_00_10s", "10003_00_10s"],
    }.items()
    for name in names
]
SICE = [
    *("Dataset/train/1/1.JPG", "Dataset/train/1/2.JPG", "Dataset/label/1.JPG"),
    *("Dataset/eval/test/3.JPG", "Dataset/eval/target/3.JPG"),
]

FILES = {
    "LOL-v1": [f"{part}/{side}/7.png" for part in ("our485", "eval15") for side in ("low", "high")],
    "LOL-v2-real": [
        f"Real_captured/{part}/{name}{number}.png"
        for part, number in (("Train", "00001"), ("Test", "00690"))
        for name in ("Low/low", "Normal/normal")
    ],
    "LOL-v2-syn": [
        f"Synthetic/{part}/{side}/r0a1.png" for part in ("Train", "Test") for side in ("Low", "Normal")
    ],
    "SID": [f"Sony/{name}.png" for name in SID],
    "SICE-grad": [*SICE, "SICE_Grad/4.jpg", "SICE_Reshape/4.JPG"],
    "SICE-mix": [*SICE, "SICE_Mix/5.jpg", "SICE_Reshape/5.JPG"],
    "UIEB": [f"{side}_{part}/8.png" for side in ("input", "gt") for part in ("train", "test")],
    "LSUI": [f"{side}_{part}/9.jpg" for side in ("input", "gt") for part in ("train", "test")],
    "BAID": [f"BAID-{part}/resize_{side}/6.jpg" for part in ("train", "test") for side in ("input", "gt")],
    "EyeQ": ["dataset/sample/10_left.jpeg"],
} | {name: ["1.jpg", "2.bmp"] for name in UNPAIRED}

NAMES = {
    ("LOL-v1", "train"): ["7"],
    ("LOL-v1", "test"): ["7"],
    ("LOL-v2-real", "train"): ["low00001"],
    ("LOL-v2-real", "test"): ["low00690"],
    ("LOL-v2-syn", "train"): ["r0a1"],
    ("LOL-v2-syn", "test"): ["r0a1"],
    ("SID", "train"): ["00001_00_0.04s", "00001_01_0.1s"],
    ("SID", "test"): ["10003_00_0.04s"],
    ("SICE-grad", "train"): ["1/1", "1/2"],
    ("SICE-grad", "val"): ["3"],
    ("SICE-grad", "test"): ["4"],
    ("SICE-mix", "train"): ["1/1", "1/2"],
    ("SICE-mix", "test"): ["5"],
    ("UIEB", "train"): ["8"],
    ("UIEB", "test"): ["8"],
    ("LSUI", "train"): ["9"],
    ("LSUI", "test"): ["9"],
    ("BAID", "train"): ["6"],
    ("BAID", "test"): ["6"],
    ("EyeQ", "test"): ["10_left"],
}


def save(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 8), (30, 60, 90)).save(path)


def build(parent: Path, name: str) -> Path:
    for file in FILES[name]:
        save(parent / name / file)
    return parent / name


def test_the_fifteen_are_there():
    assert len(LAYOUTS) == len(BY_NAME) == len(FILES) == 15
    assert [name for name, layout in BY_NAME.items() if not layout.paired] == UNPAIRED


@pytest.mark.parametrize("name", list(FILES))
def test_a_root_is_recognised(tmp_path, name):
    assert find_layout(build(tmp_path, name)) is BY_NAME[name]


@pytest.mark.parametrize(("name", "split"), list(NAMES))
def test_pairs_are_listed(tmp_path, name, split):
    root = build(tmp_path, name)
    pairs, notes = layout_pairs(root, BY_NAME[name], split)
    assert [pair.name for pair in pairs] == NAMES[name, split]
    assert notes == ()
    assert pairs[0].read()[0].shape == (8, 12, 3)
    assert find_pairs(root, split=split) == pairs


@pytest.mark.parametrize(
    ("name", "folder", "split"),
    [
        ("LOL-v1", "our485", "train"),
        ("LOL-v1", "eval15", "test"),
        ("LOL-v2-real", "Real_captured/Train", "train"),
        ("LOL-v2-syn", "Synthetic/Test", "test"),
        ("SICE-mix", "SICE_Mix", "test"),
        ("SICE-grad", "Dataset/eval", "val"),
        ("UIEB", "input_train", "train"),
        ("BAID", "BAID-train", "train"),
    ],
)
def test_a_folder_inside_means_its_split(tmp_path, name, folder, split):
    root = build(tmp_path, name)
    found = find_split(root / folder, "test")
    assert found is not None
    assert (found[0].resolve(), found[2]) == (root.resolve(), split)
    assert [pair.name for pair in find_pairs(root / folder)] == NAMES[name, split]


def test_normal_and_low_images_of_lol_v2_meet(tmp_path):
    pair = find_pairs(build(tmp_path, "LOL-v2-real") / "Real_captured" / "Test")[0]
    assert (pair.degraded.name, pair.clean.name) == ("low00690.png", "normal00690.png")


def test_exposures_of_a_scene_share_the_clean_image(tmp_path):
    pairs = find_pairs(build(tmp_path, "SID"), split="train")
    assert {pair.clean.name for pair in pairs} == {"00001_00_10s.png"}


def test_the_lists_of_sid_decide_where_they_are(tmp_path):
    root = build(tmp_path, "SID")
    line = "./Sony/short/00001_01_0.1s.ARW ./Sony/long/00001_00_10s.ARW ISO200 F9\n"
    (root / "Sony_train_list.txt").write_text(line, encoding="utf-8")
    assert [pair.name for pair in find_pairs(root, split="train")] == ["00001_01_0.1s"]


def test_what_the_lists_of_sid_name_must_exist(tmp_path):
    root = build(tmp_path, "SID")
    lines = "short/00001_00_0.04s.ARW long/00001_00_10s.ARW\nshort/00007_00_0.1s.ARW long/00001_00_10s.ARW\n"
    (root / "Sony_train_list.txt").write_text(lines, encoding="utf-8")
    with pytest.raises(UsageError, match=r"1 images in .* no partner .*: 00007_00_0\.1s"):
        find_pairs(root, split="train")
    pairs, notes = list_pairs(root, split="train", skip_bad=True)
    assert [pair.name for pair in pairs] == ["00001_00_0.04s"]
    assert "00007_00_0.1s" in notes[0]


def test_a_damaged_list_names_its_line(tmp_path):
    root = build(tmp_path, "SID")
    (root / "Sony_train_list.txt").write_text("\nonly/one.ARW\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"line 2 of .*Sony_train_list\.txt.* names one file"):
        find_pairs(root, split="train")


def test_fundus_images_stand_in_for_their_targets(tmp_path):
    pair = find_pairs(build(tmp_path, "EyeQ"))[0]
    assert pair.degraded == pair.clean


@pytest.mark.parametrize("name", UNPAIRED)
def test_sets_without_clean_images_list_images_but_no_pairs(tmp_path, name):
    root = build(tmp_path, name)
    assert [path.name for path in layout_images(root, BY_NAME[name], "test")] == ["1.jpg", "2.bmp"]
    with pytest.raises(UsageError, match=f"is {name}, which has no clean images"):
        find_pairs(root)


def test_an_unknown_split_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"unknown split of EyeQ 'train'; known: test"):
        find_pairs(build(tmp_path, "EyeQ"), split="train")


def test_an_absent_split_is_named(tmp_path):
    root = tmp_path / "LOLdataset"
    save(root / "our485/low/1.png")
    save(root / "our485/high/1.png")
    assert len(find_pairs(root, split="train")) == 1
    with pytest.raises(UsageError, match=r"split 'test' of LOL-v1: no folder .*eval15"):
        find_pairs(root, split="test")


def test_several_datasets_in_one_root_must_be_told_apart(tmp_path):
    root = tmp_path / "LOLv2"
    for name in ("LOL-v2-real", "LOL-v2-syn"):
        for file in FILES[name]:
            save(root / file)
    with pytest.raises(UsageError, match=r"holds LOL-v2-real and LOL-v2-syn: give one of them"):
        find_pairs(root)
    assert [pair.name for pair in find_pairs(root / "Synthetic" / "Test")] == ["r0a1"]


def test_other_folders_are_no_dataset(tmp_path):
    save(tmp_path / "photos" / "1.png")
    assert find_layout(tmp_path / "photos") is None
    assert find_split(tmp_path / "photos", "train") is None


def test_every_layout_says_where_it_is_from():
    assert all(layout.citation and layout.source.startswith("https://") for layout in LAYOUTS)
