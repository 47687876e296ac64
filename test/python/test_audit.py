"""Python opens everything that a run writes, and finds in it what the report says.

A small GAAT run on MNIST is trained, exported, differentiated and audited through the command line, once.
"""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
from touchstone_torch import load  # noqa: E402

EPSILON = 0.1


def touchstone(*args):
    command = ["node", str(ROOT / "bin" / "touchstone.mjs"), *map(str, args)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    recipe = ["--recipe", "demo", "--limit", 10000, "--epochs", 3, "--validation", 200]
    touchstone("train", *recipe, "--out", folder / "training", "--quiet")
    touchstone("export", folder / "training", "--out", folder / "model.onnx")
    touchstone("gradient", folder / "model.onnx", "--out", folder / "gradient.onnx")
    touchstone("audit", folder / "model.onnx", "--data", "mnist", "--eps", EPSILON, "--limit", 200, "--out", folder / "audit")
    return folder


@pytest.fixture(scope="module")
def archive(run):
    with np.load(run / "audit" / "adversarial.npz") as z:
        return {name: z[name] for name in z.files}


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(str(path), options)


def relative(a, b):
    """Euclidean distance over the length of the reference."""
    return float(np.linalg.norm(np.asarray(a, "float64") - b) / np.linalg.norm(np.asarray(b, "float64")))


@pytest.mark.parametrize("name", ["training/checkpoint.onnx", "model.onnx", "gradient.onnx"])
def test_checker_accepts_the_file(run, name):
    onnx.checker.check_model(onnx.load(run / name), full_check=True)


def test_metadata_says_where_the_model_comes_from(run):
    metadata = {p.key: p.value for p in onnx.load(run / "model.onnx").metadata_props}
    recipe = json.loads(metadata["touchstone.recipe"])
    assert recipe["method"] == "gaat" and recipe["epsilon"] == EPSILON
    assert len(metadata["touchstone.data.sha256"]) == 64
    assert metadata["touchstone.seed"] == "0"
    assert "onnxruntime-node" in json.loads(metadata["touchstone.versions"])


def test_batch_is_dynamic(run):
    (model_input,) = session(run / "model.onnx").get_inputs()
    assert isinstance(model_input.shape[0], str) and model_input.shape[1:] == [1, 28, 28]


def test_logits_are_the_same_here_and_there(run, archive, tmp_path):
    x = archive["x"][:64]
    np.savez(tmp_path / "images.npz", x=x)
    script = ROOT / "test" / "python" / "write_logits.ts"
    command = ["node", "--import", "tsx", script, run / "model.onnx", tmp_path / "images.npz", tmp_path / "logits.npz"]
    subprocess.run([str(c) for c in command], cwd=ROOT, check=True)
    ours = np.load(tmp_path / "logits.npz")["logits"]
    (theirs,) = session(run / "model.onnx").run(None, {"x": x})
    with torch.no_grad():
        pytorch = load(str(run / "model.onnx"))(torch.from_numpy(x)).numpy()
    # float32 sums of up to 1,568 terms in another order: 1e-5 of the largest logit.
    scale = np.abs(pytorch).max()
    assert np.abs(ours - theirs).max() <= 1e-5 * scale
    assert np.abs(theirs - pytorch).max() <= 1e-5 * scale


@pytest.mark.parametrize("images", ["x", "x_adv"])
def test_gradient_graph_is_pytorchs_gradient(run, archive, images):
    x, y = archive[images][:64], archive["y"][:64]
    logits, loss, gradient = session(run / "gradient.onnx").run(["logits", "loss", "gradient"], {"x": x, "y": y})
    network = load(str(run / "model.onnx"))
    xt = torch.from_numpy(x).requires_grad_()
    losses = torch.nn.functional.cross_entropy(network(xt), torch.from_numpy(y), reduction="none")
    losses.sum().backward()
    assert relative(loss, losses.detach().numpy()) <= 1e-4
    assert relative(gradient, xt.grad.numpy()) <= 1e-4
    assert logits.shape == (64, 10)


def test_robust_accuracy_recomputed_from_the_examples(run, archive):
    result = json.loads((run / "audit" / "result.json").read_text())
    assert sorted(archive) == ["index", "pred", "pred_adv", "x", "x_adv", "y"]
    (scores,) = session(run / "model.onnx").run(None, {"x": archive["x_adv"]})
    labels = scores.argmax(1)
    assert np.array_equal(labels, archive["pred_adv"])
    assert (labels == archive["y"]).mean() == result["robustAccuracy"]
    assert 0 < result["robustAccuracy"] < result["clean"]["accuracy"]


def test_examples_are_in_the_ball(run, archive):
    x, x_adv = archive["x"].astype("float64"), archive["x_adv"].astype("float64")
    result = json.loads((run / "audit" / "result.json").read_text())
    # Rounding x + δ to float32 adds at most half a unit in the last place of a pixel near 1.
    assert np.abs(x_adv - x).max() <= EPSILON + 2**-24
    assert x_adv.min() >= 0 and x_adv.max() <= 1
    assert result["verifier"]["ok"] is True
    assert np.abs(x_adv - x).max() <= result["verifier"]["maxDistance"] + 2**-24


def test_result_follows_the_published_schema(run):
    schema = json.loads((ROOT / "docs" / "schema" / "result-1.json").read_text())
    result = json.loads((run / "audit" / "result.json").read_text())
    jsonschema.validate(result, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**result, "robustAccuracy": 2}, schema)


def test_numpy_opens_the_state(run):
    with np.load(run / "training" / "state.npz") as state:
        names = [n for n in state.files if n.endswith("conv1.weight")]
        assert names and all(state[n].shape == (16, 1, 4, 4) for n in names)
