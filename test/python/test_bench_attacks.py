"""What `bench attacks` asks its peers for: equal settings, images in the ball, and passes counted by a hook.

The counts are the algorithms': T steps are T gradients; Auto-PGD takes one more, at its start.
"""

import sys

import numpy as np
import pytest
import torch
from attack_runs import ROOT, correct_images, distances, network_of

sys.path.insert(0, str(ROOT / "benchmarks" / "peers"))
import attacks  # noqa: E402

N, EPSILON, STEPS = 40, 0.2, 5
SETTINGS = {"norm": "linf", "eps": EPSILON, "steps": STEPS, "alpha": EPSILON / 2, "queries": 20, "seed": 0}
# Images passed back, per image.
BACKWARDS = {"fgsm": 1, "pgd": STEPS, "apgd-ce": STEPS + 1, "square": 0}
CASES = [(t, k) for t in ("torchattacks", "foolbox", "art") for k in ("fgsm", "pgd")]
CASES += [("torchattacks", "apgd-ce"), ("torchattacks", "square"), ("torchattacks", "pgd-l2"), ("foolbox", "pgd-l2"), ("art", "pgd-l2")]


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    network, model = network_of("mnist-pgd")
    x, y = correct_images(network, N)
    folder = tmp_path_factory.mktemp("bench")
    np.savez(folder / "images.npz", x=x.numpy(), y=y.numpy())
    attacks.open_subject({"weights": str(model), "data": str(folder / "images.npz"), "batch": 16})
    return {"x": x, "y": y, "network": network, "out": folder / "found.f32"}


@pytest.mark.parametrize(("tool", "case"), CASES)
def test_a_peer_keeps_to_the_settings_and_is_counted(subject, tool, case):
    kind, norm = case.removesuffix("-l2"), "l2" if case.endswith("-l2") else "linf"
    radius = {"linf": EPSILON, "l2": 2.0}[norm]
    settings = {**SETTINGS, "norm": norm, "eps": radius, "alpha": radius / 2}
    answer = attacks.attack({"tool": tool, "kind": kind, **settings, "out": str(subject["out"])})
    x, y = subject["x"], subject["y"]
    found = torch.from_numpy(np.fromfile(subject["out"], "<f4").reshape(x.shape))
    assert answer["backwards"] == BACKWARDS[kind] * len(x)
    assert answer["forwards"] >= answer["backwards"]
    away = distances(x, found, norm)
    assert away.max() <= radius * (1 + 1e-6) + 784**0.5 * 2**-25
    if kind != "square":  # which leaves the clean image where it breaks none
        assert away.max() >= radius * (1 - 1e-3), "none went as far as it may"
    assert found.min() >= 0 and found.max() <= 1


def test_the_network_read_node_by_node_is_the_same(subject):
    with torch.no_grad():
        one, other = subject["network"](subject["x"]), attacks.subject.network(subject["x"])
    assert torch.allclose(one, other, atol=1e-4)
    assert attacks.subject.classes == 10


def test_says_which_library_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "foolbox", None)
    assert "foolbox" in attacks.tool({"tool": "foolbox"})["absent"]
    assert attacks.tool({"tool": "torchattacks"})["version"][0].isdigit()
