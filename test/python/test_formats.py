"""Gradients of one small network in the many forms that files come in: old operator sets, half precision, quantised, external data.

The reference is PyTorch in float64 on the weights as the file has them.
"""

import json
import os
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/python"))
from zoo.net import conv, head, prepared, Net  # noqa: E402

SETS = range(9, 21)


class Quantised(nn.Module):
    """Quantised weights (one scale per channel) and activations, as quantisation-aware training leaves them."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(8, 10)

    def activation(self, x, scale, zero=0):
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, -128, 127)

    def weight(self, w):
        scale = w.detach().abs().flatten(1).amax(1).float() / 127
        return torch.fake_quantize_per_channel_affine(w, scale, torch.zeros(len(w), dtype=torch.int32), 0, -128, 127)

    def forward(self, x):
        x = self.activation(x, 1 / 255, -128)
        x = nn.functional.conv2d(x, self.weight(self.conv.weight), self.conv.bias, 2, 1)
        # The range cuts some activations off: no gradient passes there.
        x = self.activation(x, 0.004).mean((2, 3))
        return nn.functional.linear(x, self.weight(self.fc.weight), self.fc.bias)


NETS = {
    "plain": prepared(Net("plain", lambda: nn.Sequential(conv(3, 8, 3, 2, nn.Hardswish), conv(8, 8, act=nn.ReLU6), *head(8), nn.Softmax(1)))),
    "quantised": prepared(Net("quantised", Quantised)),
}


class Batches(CalibrationDataReader):
    def __init__(self, x):
        self.left = [{"image": x}]

    def get_next(self):
        return self.left.pop() if self.left else None


@pytest.fixture(scope="module")
def images():
    generator = torch.Generator().manual_seed(3)
    return torch.rand(4, 3, 32, 32, generator=generator), torch.randint(10, (4,), generator=generator)


@pytest.fixture(scope="module")
def made(tmp_path_factory, images):
    """All files, differentiated in one go. They are kept where ZOO names a folder."""
    kept = os.environ.get("ZOO")
    folder = pathlib.Path(kept) / "formats" if kept else tmp_path_factory.mktemp("formats")
    folder.mkdir(parents=True, exist_ok=True)
    out = tmp_path_factory.mktemp("gradients")
    x, _ = images

    def export(name, model, x, opset):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(model, (x,), str(folder / f"{name}.onnx"), dynamo=False, opset_version=opset, input_names=["image"], dynamic_axes={"image": {0: "batch"}})

    for opset in SETS:
        export(f"set-{opset}", NETS["plain"], x, opset)
    export("quantised", NETS["quantised"], x, 17)
    half = prepared(Net("half", lambda: nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.SiLU(), *head(8)))).half()
    export("half", half, x.half(), 17)
    onnx.save(onnx.load(folder / "set-17.onnx"), folder / "external.onnx", save_as_external_data=True, size_threshold=0, location="external.bin")
    for fmt, name in ((QuantFormat.QDQ, "static-qdq"), (QuantFormat.QOperator, "static-operators")):
        options = {"quant_format": fmt, "activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "per_channel": fmt == QuantFormat.QDQ}
        quantize_static(str(folder / "set-13.onnx"), str(folder / f"{name}.onnx"), Batches(x.numpy()), **options)
    subprocess.run(["node", "--import", "tsx", "test/python/write_zoo.ts", str(folder), str(out)], cwd=ROOT, check=True, timeout=600)
    return folder, out, json.loads((out / "report.json").read_text()), half


def gradient_of(made, images, name):
    _, out, report, _ = made
    assert "error" not in report[name], report[name]["error"]
    x, y = images
    run = onnxruntime.InferenceSession(str(out / f"{name}.input.onnx"), providers=["CPUExecutionProvider"])
    return run.run(["loss", "gradient"], {"x": x.numpy(), "y": y.numpy()})


def reference(model, images, softmax=False):
    x, y = images[0].double().requires_grad_(), images[1]
    out = model(x)
    loss = nn.functional.cross_entropy(out.log() if softmax else out, y, reduction="none")
    loss.sum().backward()
    return loss.detach().numpy(), x.grad.numpy()


def error(got, expected):
    return np.linalg.norm((got - expected).ravel()) / np.linalg.norm(expected.ravel())


@pytest.mark.parametrize("name", [*(f"set-{opset}" for opset in SETS), "external"])
def test_operator_sets(made, images, name):
    loss, gradient = gradient_of(made, images, name)
    expected_loss, expected = reference(NETS["plain"].double(), images, softmax=True)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
    assert error(gradient, expected) <= 1e-4


def test_half_precision(made, images):
    """The file's weights are half floats; the gradient is float32's, and so is its input."""
    loss, gradient = gradient_of(made, images, "half")
    expected_loss, expected = reference(made[3].double(), images)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
    assert error(gradient, expected) <= 1e-4


def test_quantisation_aware(made, images):
    """Straight through inside the range, nothing outside it, as PyTorch has it; and a warning that it is not the true gradient."""
    loss, gradient = gradient_of(made, images, "quantised")
    model = NETS["quantised"].float()
    x = images[0].requires_grad_()
    expected_loss = nn.functional.cross_entropy(model(x), images[1], reduction="none")
    (expected,) = torch.autograd.grad(expected_loss.sum(), x)
    x.requires_grad_(False)
    np.testing.assert_allclose(loss, expected_loss.detach().numpy(), rtol=1e-3)
    # An activation at the edge of its step may be rounded either way.
    assert error(gradient, expected.numpy()) <= 1e-3
    zeros = made[2]["quantised"]["zeroGradients"]
    assert zeros and all("QuantizeLinear" in z and "straight-through" in z for z in zeros)
    metadata = onnx.load(made[1] / "quantised.input.onnx").metadata_props
    assert any(p.key == "touchstone.zero_gradients" for p in metadata)


@pytest.mark.parametrize("name", ["static-qdq", "static-operators"])
def test_quantised_after_training(made, images, name):
    """What onnxruntime's quantiser makes of a float network: its gradient points where the float network's does."""
    loss, gradient = gradient_of(made, images, name)
    expected_loss, expected = reference(NETS["plain"].double(), images, softmax=True)
    np.testing.assert_allclose(loss, expected_loss, atol=0.15)
    cosine = (gradient * expected).sum() / np.linalg.norm(gradient) / np.linalg.norm(expected)
    assert cosine > 0.95
    assert 0.8 < np.linalg.norm(gradient) / np.linalg.norm(expected) < 1.25
    assert made[2][name]["zeroGradients"]
