"""Which matrix a video's frames have, against the vectors of `spec/frames`."""

import json
from pathlib import Path

import pytest

from restorect_edge.errors import UsageError
from restorect_edge.media.video.color import matrix_of

SPEC = Path(__file__).parents[2] / "spec" / "frames"
CASES = json.loads((SPEC / "matrices.json").read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_a_matrix_is_chosen_as_the_vectors_say(case):
    *given, expected = case.values()
    if expected is None:
        with pytest.raises(UsageError, match=r"is not converted here; convert it to BT\.709 first"):
            matrix_of(*given)
    else:
        assert matrix_of(*given) == expected
