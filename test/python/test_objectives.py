"""TRADES' and MART's losses, and the steps that Touchstone takes on them, against PyTorch on the same weights.

Run from the repository's root: pytest test/python/test_objectives.py
"""

import pathlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch.nn import functional

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
from touchstone_torch import ARCHITECTURES, load_weights  # noqa: E402

SCRIPT = "test/python/write_objectives.ts"
LEARNING_RATE, BETA, LAMBDA = 0.1, 6.0, 5.0
SHAPES = {"mnist-cnn": (1, 28, 28), "resnet18": (3, 32, 32)}

# Per sample, where normalisations divide by the deviations of a batch of six: float32 against float64.
LOSS = 1e-4
# Norm of the difference over the norm, of the statistics after both branches and of each parameter's change.
STATISTIC, STEP = 1e-5, 1e-3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("objectives")
    subprocess.run(["node", "--import", "tsx", SCRIPT, str(out)], cwd=ROOT, check=True, timeout=600)
    return out


def trades(natural, adversarial, y):
    """Zhang et al., eq. 5: the divergence of the two predictions as PyTorch has it."""
    divergence = functional.kl_div(adversarial.log_softmax(1), natural.softmax(1), reduction="none").sum(1)
    return functional.cross_entropy(natural, y, reduction="none") + BETA * divergence


def mart(natural, adversarial, y):
    """Wang et al.: two binary terms on x′, and the divergence weighted by how wrong x is. 1.0001: their code."""
    p, q = natural.softmax(1), adversarial.softmax(1)
    rows = torch.arange(len(y))
    rivals = q.clone()
    rivals[rows, y] = -1.0
    boosted = -q[rows, y].log() - (1.0001 - rivals.max(1).values).log()
    divergence = (p * (p.log() - q.log())).sum(1)
    return boosted + LAMBDA * divergence * (1 - p[rows, y])


LOSSES = {"trades": trades, "mart": mart}


def batch(name, seed, n=6):
    rng = np.random.default_rng(seed)
    x = rng.random((n, *SHAPES[name]), np.float32)
    moved = x + rng.uniform(-0.1, 0.3, x.shape).astype("f4")
    return x, np.clip(moved, 0, 1), rng.integers(0, 10, n)


def relative(got, expected):
    """Norm of the difference over the norm."""
    assert got.shape == expected.shape
    assert np.isfinite(got).all()
    return np.linalg.norm((got - expected).ravel().astype("f8")) / np.linalg.norm(expected.ravel().astype("f8"))


@pytest.mark.parametrize("objective", LOSSES)
@pytest.mark.parametrize("name", SHAPES)
def test_checker_accepts(folder, name, objective):
    onnx.checker.check_model(onnx.load(folder / f"{name}.{objective}.onnx"), full_check=True)


@pytest.mark.parametrize("objective", LOSSES)
@pytest.mark.parametrize("name", SHAPES)
def test_step(folder, name, objective):
    """Loss, logits, statistics and each parameter's change. On three batches: a ReLU within 1e-7 of 0 may fall either way
    in float32 and changes the gradients before it by some 1e-3; a wrong rule is wrong on all three."""
    runs = [compare(folder, name, objective, seed) for seed in range(3)]
    for p in runs[0]:
        errors = [errors[p] for errors in runs]
        assert min(errors) <= STEP, (p, errors)
        assert max(errors) <= 0.05, (p, errors)


def compare(folder, name, objective, seed):
    """The error of each parameter's change in one step, relative to that change."""
    net = load_weights(ARCHITECTURES[name](), folder / f"{name}.onnx").double().train()
    values = {k: v.numpy().astype("f4") for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    x, adversarial, y = batch(name, seed)
    layers = watch_sizes(net)
    natural, attacked = (net(torch.tensor(v, dtype=torch.float64)) for v in (x, adversarial))  # x first
    losses = LOSSES[objective](natural, attacked, torch.tensor(y))
    losses.mean().backward()

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(folder / f"{name}.{objective}.onnx"), options, providers=["CPUExecutionProvider"]
    )
    parameters = dict(net.named_parameters())
    velocities = {f"{p}_velocity": np.zeros(t.shape, "f4") for p, t in parameters.items()}
    # Copies: onnxruntime lets a normalisation write its new statistics over the old ones, inputs of the graph or not.
    feeds = {**{k: v.copy() for k, v in values.items()}, **velocities, "x": x, "adversarial": adversarial, "y": y}
    feeds["learning_rate"] = np.array(LEARNING_RATE, "f4")
    assert {i.name for i in session.get_inputs()} == set(feeds)
    new = dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds), strict=True))

    np.testing.assert_allclose(new["loss"], losses.detach().numpy(), rtol=LOSS)
    assert relative(new["logits"], attacked.detach().numpy()) <= LOSS
    for s, tensor in net.state_dict().items():
        if s.endswith("running_mean"):
            assert relative(new[f"{s}_next"], tensor.numpy()) <= STATISTIC, s
        if s.endswith("running_var"):
            # What both branches took in: PyTorch n/(n−1) of each batch's variance, ONNX the batch's own.
            n = layers[s.rsplit(".", 1)[0]]
            kept = 0.81 * values[s].astype("f8")
            assert relative((new[f"{s}_next"] - kept) * n / (n - 1), tensor.numpy() - kept) <= 1e-4, s
    return {p: relative(new[f"{p}_velocity_next"], t.grad.numpy()) for p, t in parameters.items()}


def watch_sizes(net):
    """How many values each normalisation takes its statistics over, filled in as the network runs."""
    sizes = {}
    for name, module in net.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_pre_hook(
                lambda _, inputs, name=name: sizes.__setitem__(name, inputs[0].numel() // inputs[0].shape[1])
            )
    return sizes


def test_order_of_branches_shows():
    """The batches are such that the statistics say which branch came first."""
    means = []
    x, adversarial, _ = batch("resnet18", 0)
    for images in ((x, adversarial), (adversarial, x)):
        torch.manual_seed(0)
        net = ARCHITECTURES["resnet18"]().train()
        with torch.no_grad():
            for v in images:
                net(torch.tensor(v))
        means.append(net.bn1.running_mean.numpy())
    assert relative(*means) > 100 * STATISTIC
