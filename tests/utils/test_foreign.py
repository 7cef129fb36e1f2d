"""What other libraries raise becomes one sentence of ours."""

import logging
import os
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restorect_edge.errors import BackendError, IncompatibleError, QualityError
from restorect_edge.utils.foreign import LONGEST, foreign_errors, hushed, hushed_descriptor, reason

TORCH_ONNX = """Failed to convert the exported program to an ONNX model. \x1b[96mThis is step 3/3\x1b[0m.
- If there is a missing ONNX function, implement it and register it to the registry.

## Exception summary
"""
OPENVINO = """Check 'false' failed at src/frontends/common_translators/src/unconverted_ops_report.cpp:151:
FrontEnd API failed with OpConversionFailure:
Model wasn't fully converted. Failed operations detailed log:
-- Conv-18 with a message:
[ONNX Frontend] Conversion failed for Conv-18
While validating ONNX node '<Node(Conv): conv2d>': Check 'data_rank.compatible(filters_rank)' failed
"""
LITERT = """Lowering not found: aten.bessel_j0.default

While executing %bessel_j0 : [num_users=1] = call_function[target=torch.ops.aten.bessel_j0.default](...)
Original traceback:
File "/home/someone/restorect_edge/targets/litert/converter.py", line 76, in forward
"""


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("\x1b[31mno\x1b[0m kernel.\n"), "no kernel"),
        (
            RuntimeError("Exception from src/core.cpp:133:\nException from src/a.cpp:7:\nCannot read model"),
            "Cannot read model",
        ),
        (RuntimeError(OPENVINO), "Conv-18 with a message: [ONNX Frontend] Conversion failed for Conv-18"),
        (RuntimeError(LITERT), "Lowering not found: aten.bessel_j0.default"),
        (caused(RuntimeError(TORCH_ONNX), TypeError("No ONNX function found")), "No ONNX function found"),
        (caused(RuntimeError("no such layer"), KeyError("conv")), "no such layer"),
        (KeyError("gamma"), "KeyError: 'gamma'"),
        (MemoryError(), "MemoryError"),
        (
            OSError(28, "No space left", "/tmp/tmpab12cd_9/model.onnx"),
            "[Errno 28] No space left: 'model.onnx'",
        ),
        (ValueError("bad\x07 \x1b]0;title\x07name"), "bad name"),
        (RuntimeError('Traceback (most recent call last):\n  File "x", line 1\n'), "RuntimeError"),
    ],
)
def test_the_sentence_that_helps_is_found(error, expected):
    assert reason(error) == expected


@settings(max_examples=40)
@given(st.text(max_size=600), st.sampled_from([RuntimeError, ValueError, KeyError, OSError, SystemExit]))
def test_any_message_is_one_short_printable_line(text, kind):
    found = reason(kind(text))
    assert found.strip()
    assert len(found) <= LONGEST + 30
    assert len(found.splitlines()) == 1
    assert "\x1b" not in found


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyError("no"), SystemExit(3), MemoryError()])
def test_what_is_foreign_becomes_ours_and_is_kept_as_the_cause(error):
    raised = pytest.raises(IncompatibleError, match="the converter failed: ")
    with raised as caught, foreign_errors("the converter failed", IncompatibleError):
        raise error
    assert caught.value.__cause__ is error


def test_what_is_ours_passes_and_so_does_an_interrupt():
    for error in (QualityError("short"), BackendError("long\nlines"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, foreign_errors("unused"):
            raise error
        assert caught.value is error


def test_prints_logs_and_warnings_are_held_back_and_errors_are_not(capsys, caplog):
    with pytest.raises(ValueError, match="seen"), hushed():
        print("a graph")
        print("a listing", file=sys.stderr)
        logging.getLogger("torch.fx").warning("guards")
        warnings.warn("deprecated", FutureWarning, stacklevel=1)
        raise ValueError("seen")
    assert capsys.readouterr() == ("", "")
    assert not caplog.records
    logging.getLogger("torch.fx").warning("again")
    assert caplog.records


@pytest.mark.parametrize("number", [1, 2])
def test_a_descriptor_is_hushed_and_comes_back(capfd, number):
    with hushed_descriptor(number):
        os.write(number, b"noise")
    os.write(number, b"result")
    assert capfd.readouterr()[number - 1] == "result"


def test_threads_that_hush_a_descriptor_at_once_give_it_back(capfd):
    begun = threading.Barrier(4)

    def work(_):
        begun.wait(60)
        for _ in range(50):
            with hushed_descriptor(1):
                os.write(1, b"noise")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    os.write(1, b"result")
    assert capfd.readouterr().out == "result"
