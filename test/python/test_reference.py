"""onnx's own node tests, run by the reference interpreter (src/graph/reference).

Every case whose nodes are all known (src/graph/ops.ts) is brought to the operator set that graphs are in here (or left
in one too new for that), run in float64, and compared with what onnx expects: exactly for integers, within
1e-3·|y| + 1e-5 for floats (2^-6·|y| in bfloat16). EXCEPTIONS are those that cannot pass, and why.

Run from the repository's root: pytest test/python/test_reference.py
"""

import json
import pathlib
import subprocess
import warnings

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.case import node as node_cases

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = "test/python/backend_nodes.ts"
AT_LEAST = 1500

RANDOM = "draws at random"
STRINGS = "compares strings"
FRACTION = "computes with a fractional output size where onnxruntime (and the interpreter) take the whole one"
EXCEPTIONS = {
    "test_bernoulli": RANDOM,
    "test_bernoulli_double": RANDOM,
    "test_bernoulli_double_expanded": RANDOM,
    "test_bernoulli_expanded": RANDOM,
    "test_bernoulli_seed": RANDOM,
    "test_bernoulli_seed_expanded": RANDOM,
    "test_training_dropout": RANDOM,
    "test_training_dropout_default": RANDOM,
    "test_training_dropout_default_mask": RANDOM,
    "test_training_dropout_mask": RANDOM,
    "test_equal_string": STRINGS,
    "test_equal_string_broadcast": STRINGS,
    "test_resize_downsample_scales_cubic_align_corners": FRACTION,
    "test_resize_downsample_scales_linear_align_corners": FRACTION,
    "test_dynamicquantizelinear_expanded": "its Div gives -127.5 in float64 and -127.49999 in float32, which Round tells apart",
}


def write(case, folder):
    """A case as onnx lays it out on disk; False where it feeds or expects what is no tensor."""
    sets = [[("input", ins), ("output", outs)] for ins, outs in case.data_sets]
    if any(isinstance(v, list) or v is None for parts in sets for _, values in parts for v in values):
        return False
    folder.mkdir()
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    for i, parts in enumerate(sets):
        (folder / f"test_data_set_{i}").mkdir()
        for kind, values in parts:
            for k, value in enumerate(values):
                tensor = value
                if not isinstance(value, onnx.TensorProto):
                    tensor = numpy_helper.from_array(np.asarray(value))
                path = folder / f"test_data_set_{i}" / f"{kind}_{k}.pb"
                path.write_bytes(tensor.SerializeToString())
    return True


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nodes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = [case for case in node_cases.collect_testcases(None) if case.model is not None]
    written = [case.name for case in cases if write(case, folder / case.name)]
    assert len(written) > AT_LEAST
    command = ["node", "--import", "tsx", SCRIPT, str(folder)]
    run = subprocess.run(command, cwd=ROOT, check=True, timeout=600, capture_output=True, text=True)
    return json.loads(run.stdout)


def test_every_case_but_the_exceptions_passes(results, record_property):
    skipped = {reason: len(names) for reason, names in results["skipped"].items()}
    newer = len(results["asWritten"])
    print(f"\n{results['passed']} of {results['of']} node tests pass ({newer} in a set too new to modernise)")
    print(f"not run: {json.dumps(skipped)}")
    record_property("passed", results["passed"])
    unexpected = [f"{f['name']}: {f['why']}" for f in results["failed"] if f["name"] not in EXCEPTIONS]
    assert not unexpected, "\n".join(unexpected[:20])
    assert results["passed"] >= AT_LEAST


def test_no_exception_has_become_unnecessary(results):
    assert not set(results["names"]) & EXCEPTIONS.keys()


def test_random_cases_are_refused_as_such(results):
    why = {f["name"]: f["why"] for f in results["failed"]}
    random = [name for name, reason in EXCEPTIONS.items() if reason is RANDOM and name in why]
    assert random
    assert all(why[name].startswith("E_UNSUPPORTED") and "random" in why[name] for name in random)


def test_the_large_operators_are_among_them(results):
    cases = """attention_4d_causal averagepool_2d_ceil basic_conv_with_padding convtranspose_group_2 einsum_inner_prod
    gridsample_bicubic gru_seq_length lstm_with_peepholes maxpool_with_argmax_2d_precomputed_pads qlinearconv
    resize_tf_crop_and_resize rotary_embedding_interleaved scatternd_add softmax_axis_1 top_k wrap_pad"""
    missing = {f"test_{name}" for name in cases.split()} - set(results["names"])
    assert not missing
