"""The architectures against their PyTorch twins (python/touchstone_torch.py) with the same weights.

Run from the repository's root: pytest test/python/test_architectures.py
"""

import pathlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
from touchstone_torch import ARCHITECTURES, RECONSTRUCTORS, load_weights  # noqa: E402

SCRIPT = "test/python/write_architectures.ts"
# What it writes beside the models. The gradients of the others: test_gradient.py, and the same blocks.
GRADIENTS = ["conv4", "vgg16", "resnet50", "resnet56", "preact-resnet18", "wrn-28-4"]
TRAINING = ["vgg16", "resnet56", "preact-resnet18", "wrn-28-4"]

# Sums of float32 products in another order than in float64, up to fifty layers deep; relative to the largest logit.
LOGITS = 1e-5
# The same where each layer divides by the deviations of its own batch.
LOGITS_IN_TRAINING = 1e-4
# The same relative to how far the images' logits lie apart, which in a network not yet trained can be a hundredth of them.
SPREAD = 1e-3
# Norm of the difference over the norm, for the median of five images, and for any: a ReLU within 1e-7 of 0 may fall
# either way in float32, and then the gradient of its image differs by some 1e-3.
GRADIENT, GRADIENT_WITH_A_RELU = 1e-4, 0.05


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("architectures")
    subprocess.run(["node", "--import", "tsx", SCRIPT, str(out)], cwd=ROOT, check=True, timeout=600)
    yield out
    for file in out.glob("*.onnx"):  # a gigabyte
        file.unlink()


@pytest.fixture(params=ARCHITECTURES)
def name(request):
    return request.param


def arrays(path):
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


def twin(makers, folder, name):
    """The PyTorch module in float64 and eval mode, with the file's weights."""
    return load_weights(makers[name](), folder / f"{name}.onnx").double()


def images(name, n):
    shape = (1, 28, 28) if name.startswith("mnist") else (3, 32, 32)
    return np.random.default_rng(0).random((n, *shape), np.float32)


def run(path, outputs, feeds):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(outputs, feeds)


def assert_close(got, expected, tolerance):
    """Relative to the largest value, and to the difference that the images make."""
    assert got.shape == expected.shape
    assert np.isfinite(got).all()
    error = np.abs(got - expected).max()
    assert error <= tolerance * np.abs(expected).max()
    assert error <= SPREAD * np.ptp(expected, axis=0).max()


@pytest.mark.parametrize("kind, makers", [("architectures", ARCHITECTURES), ("reconstructors", RECONSTRUCTORS)])
def test_every_one_has_a_twin(kind, makers):
    code = f"import('./models/index.ts').then((m) => console.log(Object.keys(m.{kind}).join()))"
    listed = subprocess.run(
        ["node", "--import", "tsx", "-e", code], cwd=ROOT, check=True, timeout=60, capture_output=True, text=True
    )
    assert listed.stdout.strip().split(",") == list(makers)


@pytest.mark.parametrize("name", [*ARCHITECTURES, *RECONSTRUCTORS])
def test_names_and_shapes_are_those_of_the_state_dict(folder, name):
    """Both ways; what has no dot in its name is a constant of the graph (how far to pad, how much to enlarge)."""
    module = {**ARCHITECTURES, **RECONSTRUCTORS}[name]()
    state = {k: tuple(v.shape) for k, v in module.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert {k: v.shape for k, v in arrays(folder / f"{name}.onnx").items() if "." in k} == state


@pytest.mark.parametrize("name", [*ARCHITECTURES, *RECONSTRUCTORS])
def test_checker_accepts(folder, name):
    onnx.checker.check_model(onnx.load(folder / f"{name}.onnx"), full_check=True)


def test_logits(folder, name):
    x = images(name, 3)
    with torch.no_grad():
        expected = twin(ARCHITECTURES, folder, name)(torch.tensor(x, dtype=torch.float64)).numpy()
    (got,) = run(folder / f"{name}.onnx", ["logits"], {"x": x})
    assert_close(got, expected, LOGITS)


@pytest.mark.parametrize("name", TRAINING)
def test_logits_in_training_mode(folder, name):
    x = images(name, 6)
    module = twin(ARCHITECTURES, folder, name).train()
    with torch.no_grad():
        expected = module(torch.tensor(x, dtype=torch.float64)).numpy()
    (got,) = run(folder / f"{name}.training.onnx", ["logits"], {"x": x})
    assert_close(got, expected, LOGITS_IN_TRAINING)


@pytest.mark.parametrize("name", GRADIENTS)
def test_input_gradient(folder, name):
    x, y = images(name, 5), np.array([3, 1, 4, 1, 5])
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    module = twin(ARCHITECTURES, folder, name)
    torch.nn.functional.cross_entropy(module(leaf), torch.tensor(y), reduction="sum").backward()
    (got,) = run(folder / f"{name}.gradient.onnx", ["gradient"], {"x": x, "y": y})
    expected = leaf.grad.numpy()
    assert got.shape == expected.shape
    errors = sorted(np.linalg.norm(g - e) / np.linalg.norm(e) for g, e in zip(got, expected, strict=True))
    assert errors[2] <= GRADIENT, errors
    assert errors[-1] <= GRADIENT_WITH_A_RELU, errors


@pytest.mark.parametrize("name", RECONSTRUCTORS)
def test_reconstruction(folder, name):
    code = np.random.default_rng(1).dirichlet(np.ones(10), 3).astype(np.float32)
    with torch.no_grad():
        expected = twin(RECONSTRUCTORS, folder, name)(torch.tensor(code, dtype=torch.float64)).numpy()
    (got,) = run(folder / f"{name}.onnx", ["reconstruction"], {"code": code})
    assert_close(got, expected, LOGITS)
