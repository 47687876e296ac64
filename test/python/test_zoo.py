"""Gradients of classifiers that others exported, against PyTorch in float64.

The networks are in test/python/zoo; they are exported with both of PyTorch's exporters, differentiated by Touchstone, and
run by onnxruntime. ZOO names a folder where they are already.
"""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/python"))
from zoo import NETS  # noqa: E402

# Norm of the difference over the norm. float32 against float64, some tens of layers deep.
INPUT, PARAMETER, HESSIAN = 1e-4, 1e-3, 1e-2
FILES = [f"{name}.{exporter}" for name in NETS for exporter in ("dynamo", "script")]
# What PyTorch's exporters themselves refuse (version 2.13); everything else must be there.
NOT_EXPORTED = {
    "activations.script": "aten::sinh",
    "alexnet.script": "adaptive_avg_pool2d behind a traced LocalResponseNorm",
    "beit.dynamo": "decomposition fails",
    "parametrised.script": "aten::vdot",
    "swin.dynamo": "decomposition fails",
}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    folder = pathlib.Path(os.environ.get("ZOO") or tmp_path_factory.mktemp("zoo"))
    if not (folder / "exports.json").exists():
        subprocess.run([sys.executable, "-m", "zoo.make", str(folder)], cwd=ROOT / "test/python", check=True, timeout=1500)
    return folder


@pytest.fixture(scope="module")
def gradients(zoo, tmp_path_factory):
    out = tmp_path_factory.mktemp("gradients")
    subprocess.run(["node", "--import", "tsx", "test/python/write_zoo.ts", str(zoo), str(out)], cwd=ROOT, check=True, timeout=900)
    return out


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def error(got, expected):
    """Norm of the difference over the norm."""
    assert got.shape == expected.shape
    assert np.isfinite(got).all()
    return float(np.linalg.norm((got - expected).ravel()) / max(np.linalg.norm(expected.ravel()), 1e-30))


def errors_by_image(got, expected):
    return sorted(error(g, e) for g, e in zip(got, expected, strict=True))


def test_exports(zoo):
    done = json.loads((zoo / "exports.json").read_text())
    missing = {name.removesuffix(".onnx") for name, why in done.items() if why}
    assert missing <= set(NOT_EXPORTED), {n: done[f"{n}.onnx"] for n in missing - set(NOT_EXPORTED)}
    assert len({n.split(".")[0] for n in done} - {n.split(".")[0] for n in missing}) >= 25
    sets = {opset_of(p) for p in zoo.glob("*.onnx")}
    assert sets >= {13, 14, 15, 16, 17, 18, 20, 21}, sets


def opset_of(path):
    return next(o.version for o in onnx.load(path, load_external_data=False).opset_import if o.domain == "")


@pytest.fixture(params=FILES)
def case(request, zoo, gradients):
    name = request.param
    if not (zoo / f"{name}.onnx").exists():
        pytest.skip(f"not exported: {NOT_EXPORTED[name]}")
    report = json.loads((gradients / "report.json").read_text())[name]
    assert "error" not in report, report["error"]
    with np.load(zoo / f"{name.split('.')[0]}.npz") as arrays:
        return name, NETS[name.split(".")[0]], dict(arrays), report


def test_input_gradient(case, gradients):
    """Per image; one image may have a ReLU or a maximum within rounding of its kink, as PyTorch in float32 shows, too."""
    name, net, a, _ = case
    for kind in ("input", "cuda"):
        path = gradients / f"{name}.{kind}.onnx"
        onnx.checker.check_model(str(path), full_check=True)
        runs = [session(path).run(["logits", "loss", "gradient"], {"x": a["x"][i], "y": a["y"][i]}) for i in (slice(0, 4), slice(0, 1))]
        logits, loss, gradient = runs[0]
        assert error(logits - logits.mean(1, keepdims=True), a["logits"] - a["logits"].mean(1, keepdims=True)) <= 1e-4
        np.testing.assert_allclose(loss, a["loss"], rtol=1e-3, atol=1e-5)
        ours = errors_by_image(gradient, a["gradient"])
        theirs = errors_by_image(a["f32:gradient"], a["gradient"])
        allowed = [max(INPUT, 3 * t) for t in theirs]
        assert ours[-1] <= max(allowed[-1], INPUT if net.smooth else 0.05), (kind, ours, theirs)
        assert ours[-2] <= allowed[-2], (kind, ours, theirs)
        assert error(runs[1][2], gradient[:1]) <= INPUT


def parameter_of(tensor, arrays):
    """The gradient of the parameter that an initializer holds, by its values: exporters transpose, fold and rename them."""
    for key, value in arrays.items():
        if not key.startswith("p:") or value.size != tensor.size:
            continue
        value = value.astype(tensor.dtype)
        if value.shape == tensor.shape and np.array_equal(value, tensor):
            return arrays[f"d:{key[2:]}"]
        if value.ndim == 2 and value.T.shape == tensor.shape and np.array_equal(value.T, tensor):
            return arrays[f"d:{key[2:]}"].T
    return None


def test_parameter_gradients(case, zoo, gradients):
    name, _, a, _ = case
    run = session(gradients / f"{name}.full.onnx")
    names = [o.name for o in run.get_outputs() if o.name.startswith("d_")]
    feeds = {"x": a["x"], "y": a["y"]} | ({"v": a["v"]} if "v" in {i.name for i in run.get_inputs()} else {})
    found = dict(zip(names, run.run(names, feeds), strict=True))
    graph = onnx.load(zoo / f"{name}.onnx").graph
    tensors = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    tensors |= {n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in graph.node if n.op_type == "Constant" and n.attribute[0].name == "value"}
    compared = 0
    for output, gradient in found.items():
        expected = parameter_of(tensors[output[2:]], a)
        # Folded, fused or made by the exporter: not one of PyTorch's parameters.
        if expected is None or np.linalg.norm(expected) < 1e-12:
            continue
        whole = np.sqrt(sum(np.square(v).sum() for k, v in a.items() if k.startswith("d:")))
        assert np.linalg.norm(gradient - expected) <= PARAMETER * (np.linalg.norm(expected) + 0.01 * whole), output
        compared += 1
    assert compared > 0


def test_hessian_vector_product(case, gradients):
    name, net, a, _ = case
    if not net.smooth:
        pytest.skip("no second derivatives: it has kinks")
    hvp = session(gradients / f"{name}.full.onnx").run(["hvp"], {"x": a["x"], "y": a["y"], "v": a["v"]})[0]
    ours = error(hvp, a["hvp"])
    assert ours <= max(HESSIAN, 3 * error(a["f32:hvp"], a["hvp"])), ours
