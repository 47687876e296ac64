"""The gradient graphs and training steps that Touchstone writes, against PyTorch on the same weights.

Run from the repository's root: pytest test/python/test_gradient.py
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
from touchstone_torch import ARCHITECTURES  # noqa: E402

SCRIPT = "test/python/write_gradients.ts"
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.1, 0.9, 0.01

# Logits: float32 sums of up to 4,608 products in another order, some twenty layers deep, relative to the largest.
LOGITS = 1e-5
# Gradients pass the same layers twice; norm of the difference over the norm.
GRADIENT = 1e-4
# The same for what SGD moves each parameter by, which is mostly its gradient.
STEP = 1e-4


SHAPES = {"mnist-cnn": (1, 28, 28), "resnet18": (3, 32, 32)}
NETWORKS = {name: ARCHITECTURES[name] for name in SHAPES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("gradients")
    subprocess.run(["node", "--import", "tsx", SCRIPT, str(out)], cwd=ROOT, check=True, timeout=600)
    return out


@pytest.fixture(params=NETWORKS)
def name(request):
    return request.param


def weights_of(path):
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


def network(folder, name):
    """The same network in PyTorch: every initializer is used, and none is missing."""
    net = NETWORKS[name]()
    state = {k: torch.tensor(v) for k, v in weights_of(folder / f"{name}.onnx").items()}
    missing, unexpected = net.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(m.endswith("num_batches_tracked") for m in missing)
    return net


def batch(name, n=4, seed=0):
    rng = np.random.default_rng(seed)
    shape = SHAPES[name]
    return rng.random((n, *shape), np.float32), rng.integers(0, 10, n)


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def relative(got, expected):
    """Norm of the difference over the norm."""
    assert got.shape == expected.shape
    assert np.isfinite(got).all()
    return np.linalg.norm((got - expected).ravel().astype("f8")) / np.linalg.norm(expected.ravel().astype("f8"))


@pytest.mark.parametrize("kind", ["onnx", "gradient.onnx", "cuda.onnx", "step.onnx"])
def test_checker_accepts(folder, name, kind):
    model = onnx.load(folder / f"{name}.{kind}")
    onnx.checker.check_model(model, full_check=True)
    assert {o.domain: o.version for o in model.opset_import} == {"": 20}


def test_logits(folder, name):
    x, y = batch(name)
    with torch.no_grad():
        expected = network(folder, name).eval()(torch.tensor(x)).numpy()
    got = session(folder / f"{name}.onnx").run(["logits"], {"x": x})[0]
    from_gradient = session(folder / f"{name}.gradient.onnx").run(["logits"], {"x": x, "y": y})[0]
    scale = np.abs(expected).max()
    assert np.abs(got - expected).max() <= LOGITS * scale
    assert np.abs(from_gradient - expected).max() <= LOGITS * scale


@pytest.mark.parametrize("kind", ["gradient", "cuda"])
@pytest.mark.parametrize("n", [1, 5])
def test_input_gradient(folder, name, kind, n):
    """Five images, one by one and at once, each compared by itself. (test_step_of_sgd says why one may differ.)"""
    x, y = batch(name, 5)
    images = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    net = network(folder, name).eval().double()
    losses = torch.nn.functional.cross_entropy(net(images), torch.tensor(y), reduction="none")
    losses.sum().backward()
    ours = session(folder / f"{name}.{kind}.onnx")
    assert [i.name for i in ours.get_inputs()] == ["x", "y"]
    runs = [ours.run(["loss", "gradient"], {"x": x[i : i + n], "y": y[i : i + n]}) for i in range(0, 5, n)]
    loss, gradient = (np.concatenate(parts) for parts in zip(*runs, strict=True))
    np.testing.assert_allclose(loss, losses.detach().numpy(), rtol=1e-5)
    errors = sorted(relative(g, e) for g, e in zip(gradient, images.grad.numpy(), strict=True))
    assert errors[-2] <= GRADIENT
    assert errors[-1] <= 0.05


def test_step_of_sgd(folder, name):
    """One step in training mode, with momentum from before, against PyTorch in float64.

    In float32 a ReLU that lies within 1e-7 of 0 may fall either way, and then the gradients of all layers before it
    change by some 1e-3 (PyTorch's own between its precisions, too). So each parameter is compared on three batches: a
    wrong rule is wrong on all of them, a ReLU falls the other way on one.
    """
    steps = [compare_step(folder, name, seed) for seed in range(3)]
    for p in steps[0]:
        errors = [errors[p] for errors in steps]
        assert min(errors) <= STEP, p
        assert max(errors) <= 0.05, p


def compare_step(folder, name, seed):
    """The error of each parameter's change in one step, relative to that change."""
    net = network(folder, name).train().double()
    optimizer = torch.optim.SGD(net.parameters(), LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    values = weights_of(folder / f"{name}.onnx")
    x, y = batch(name, 4, seed)
    rng = np.random.default_rng(seed)
    feeds = dict(values)
    for p, tensor in net.named_parameters():
        velocity = 0.01 * rng.standard_normal(tensor.shape, np.float32)
        feeds[f"{p}_velocity"] = velocity
        optimizer.state[tensor]["momentum_buffer"] = torch.tensor(velocity, dtype=torch.float64)
    torch.nn.functional.cross_entropy(net(torch.tensor(x, dtype=torch.float64)), torch.tensor(y)).backward()
    optimizer.step()

    ours = session(folder / f"{name}.step.onnx")
    assert {i.name for i in ours.get_inputs()} == {"x", "y", "learning_rate", *feeds}
    results = ours.run(None, {**feeds, "x": x, "y": y, "learning_rate": np.array(LEARNING_RATE, "f4")})
    new = dict(zip([o.name for o in ours.get_outputs()], results, strict=True))
    assert set(new) == {"logits", "loss", *(f"{k}_next" for k in feeds)}

    for s, tensor in net.state_dict().items():
        if s.endswith("running_mean"):
            assert relative(new[f"{s}_next"], tensor.numpy()) <= STEP, s
        if s.endswith("running_var"):
            # Into its running variance PyTorch takes n/(n−1) of the batch's, ONNX the batch's own.
            n = values_per_channel(s, x)
            taken = (new[f"{s}_next"] - 0.9 * values[s].astype("f8")) / 0.1
            assert relative(taken * n / (n - 1), (tensor.numpy() - 0.9 * values[s]) / 0.1) <= STEP, s
    errors = {}
    for p, tensor in net.named_parameters():
        velocity = optimizer.state[tensor]["momentum_buffer"].numpy()
        # p ← p − γv is one rounding of p (6e-8 of it) and of γv: the change itself is v's.
        change = np.linalg.norm(new[f"{p}_next"] - (values[p] - LEARNING_RATE * new[f"{p}_velocity_next"]))
        assert change <= 2e-7 * (np.linalg.norm(values[p]) + np.linalg.norm(velocity)), p
        errors[p] = relative(new[f"{p}_velocity_next"], velocity)
    return errors


def values_per_channel(statistic, x):
    """How many values the statistics of one of ResNet-18's normalisations are taken over."""
    layer = statistic.split(".")[0]
    stage = int(layer[-1]) if layer.startswith("layer") else 1
    return x.shape[0] * (32 >> (stage - 1)) ** 2
