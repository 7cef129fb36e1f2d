"""The teacher that the shipped students were distilled from."""

import json

import pytest

from restorect_edge.training.teacher import load_teacher
from restorect_edge.weights import card, locate


@pytest.mark.parametrize("student", ["lowlight-small"])
def test_the_student_names_its_teacher(repository, student):
    path = repository / "training" / "teachers" / "lowlight.safetensors"
    _, facts = load_teacher(path)
    distilled = card(locate(student))["teacher"]
    assert facts == {key: distilled[key] for key in facts}
    described = json.loads(path.with_suffix(".json").read_text())
    assert described["sha256"] == facts["sha256"]
    assert described["license"] == card(locate(student))["license"]
