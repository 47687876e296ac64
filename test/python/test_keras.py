"""Gradients of Keras classifiers exported by tf2onnx, against TensorFlow's own. KERAS_ZOO is what keras_zoo/make.py wrote."""

import json
import os
import pathlib
import subprocess

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
ZOO = pathlib.Path(os.environ.get("KERAS_ZOO", "missing"))
pytestmark = pytest.mark.skipif(not ZOO.is_dir(), reason="no KERAS_ZOO: `npm run test:keras` makes it")
NAMES = ["attention", "grouped", "plain", "rescaled", "separable", "up-and-down"]
# float32 against float32.
INPUT, PARAMETER = 1e-4, 1e-3


@pytest.fixture(scope="module")
def gradients(tmp_path_factory):
    out = tmp_path_factory.mktemp("keras")
    subprocess.run(["node", "--import", "tsx", "test/python/write_zoo.ts", str(ZOO), str(out)], cwd=ROOT, check=True, timeout=600)
    return out


@pytest.fixture(params=NAMES)
def case(request, gradients):
    name = request.param
    report = json.loads((gradients / "report.json").read_text())[name]
    assert "error" not in report, report["error"]
    with np.load(ZOO / f"{name}.npz") as arrays:
        return name, dict(arrays)


def session(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def error(got, expected):
    assert got.shape == expected.shape
    return np.linalg.norm((got - expected).ravel()) / np.linalg.norm(expected.ravel())


def test_input_gradient(case, gradients):
    name, a = case
    for kind in ("input", "cuda"):
        loss, gradient = session(gradients / f"{name}.{kind}.onnx").run(["loss", "gradient"], {"x": a["x"], "y": a["y"]})
        np.testing.assert_allclose(loss, a["loss"], rtol=1e-4, atol=1e-5)
        assert error(gradient, a["gradient"]) <= INPUT


def test_parameter_gradients(case, gradients):
    name, a = case
    run = session(gradients / f"{name}.full.onnx")
    feeds = {"x": a["x"], "y": a["y"], "v": np.zeros_like(a["x"])}
    tensors = {t.name: numpy_helper.to_array(t) for t in onnx.load(ZOO / f"{name}.onnx").graph.initializer}
    compared = 0
    for output in [o.name for o in run.get_outputs() if o.name.startswith("d_")]:
        tensor = tensors[output[2:]]
        for key in [k for k in a if k.startswith("p:")]:
            value, expected = a[key], a["d:" + key[2:]]
            if value.size != tensor.size or value.size < 2:
                continue
            # tf2onnx writes HWIO kernels as OIHW.
            for perm in ([3, 2, 0, 1], [2, 3, 0, 1], [3, 2, 0, 1][:: -1], list(range(value.ndim))):
                if len(perm) != value.ndim:
                    continue
                moved = value.transpose(perm)
                if moved.shape != tensor.shape or not np.array_equal(moved, tensor):
                    continue
                (found,) = run.run([output], feeds)
                # A key's bias has no gradient but rounding: softmax takes no notice of it.
                if np.linalg.norm(expected) > 1e-6:
                    assert error(found, expected.transpose(perm)) <= PARAMETER, (output, key)
                compared += 1
                break
    assert compared > 0, name
