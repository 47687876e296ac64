"""Our attacks against Foolbox and torchattacks at equal settings: radius, steps, step size, momentum, start.

All attack those of the first N MNIST test images that a model of the zoo classifies correctly. At most half a percent of
N may stand under one and fall under the other, and so robust accuracies differ by no more.

The start is the clean image, but for PGD, where all begin at the point that ours drew. Under L1 there is nothing to
compare: Foolbox steps along all of the gradient, ours along its largest entries.
"""

from unittest.mock import patch

import eagerpy as ep
import foolbox
import pytest
import torch
import torchattacks
from attack_runs import classified, correct_images, distances, network_of, our_attacks

N = 1000
MODELS = {
    "mnist-natural": {"linf": 0.08, "l2": 1.0},
    "mnist-pgd": {"linf": 0.2, "l2": 2.0},
    "mnist-overfitted": {"linf": 0.1, "l2": 1.5},
}
# 20 steps of an eighth of the radius cross the ball.
STEPS = 20
SHARE = 0.125
# DeepFool takes the peer minutes: it is compared on fewer images.
WALKED = 200
ATTACKS = [(attack, norm) for attack in ("fgsm", "pgd", "mim") for norm in ("linf", "l2")]
WALKS = [("deepfool", "linf"), ("deepfool", "l2")]


def run_of(attack, norm, epsilon):
    stepped = {"steps": STEPS, "stepSize": SHARE * epsilon}
    parameters = {"pgd": {**stepped, "restarts": 1}, "mim": stepped, "deepfool": {"steps": 50}}
    return {"attack": attack, "norm": norm, "epsilon": epsilon, "parameters": parameters.get(attack, {})}


@pytest.fixture(scope="module", params=MODELS)
def subject(request, tmp_path_factory):
    """A network, and by attack and norm: the images, the run, and what ours found."""
    network, model = network_of(request.param)
    tried = {"network": network}
    for n, those in ((N, ATTACKS), (WALKED, WALKS)):
        x, y = correct_images(network, n)
        runs = [run_of(attack, norm, MODELS[request.param][norm]) for attack, norm in those]
        ours = our_attacks(model, x, y, runs, tmp_path_factory.mktemp("peers"))
        tried |= {a: {"n": n, "x": x, "y": y, **run, **found} for a, run, found in zip(those, runs, ours)}
    return tried


class From:
    """A Foolbox attack that begins where it is told to."""

    def __init__(self, start, **options):
        super().__init__(random_start=True, **options)
        self.start = start

    def get_random_start(self, x0, epsilon):
        return ep.astensor(self.start)


class LinfPgd(From, foolbox.attacks.LinfProjectedGradientDescentAttack):
    pass


class L2Pgd(From, foolbox.attacks.L2ProjectedGradientDescentAttack):
    pass


class L2Mim(foolbox.attacks.mi_fgsm.L2MomentumIterativeFastGradientMethod):
    """Eq. 6 divides a gradient by its L1 length before it is added, Foolbox by that of the attack's norm."""

    def normalize(self, gradients, *, x, bounds):
        return foolbox.attacks.gradient_descent_base.normalize_lp_norms(gradients, p=1)


STEPPED = {"steps": STEPS, "rel_stepsize": SHARE}
FOOLBOX = {
    ("fgsm", "linf"): lambda _: foolbox.attacks.LinfFastGradientAttack(),
    ("fgsm", "l2"): lambda _: foolbox.attacks.L2FastGradientAttack(),
    ("pgd", "linf"): lambda start: LinfPgd(start, **STEPPED),
    ("pgd", "l2"): lambda start: L2Pgd(start, **STEPPED),
    ("mim", "l2"): lambda _: L2Mim(**STEPPED),
    ("deepfool", "linf"): lambda _: foolbox.attacks.LinfDeepFoolAttack(steps=50, candidates=10, overshoot=0.02),
    ("deepfool", "l2"): lambda _: foolbox.attacks.L2DeepFoolAttack(steps=50, candidates=10, overshoot=0.02),
}


def by_foolbox(network, tried):
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    attack = FOOLBOX[tried["attack"], tried["norm"]](tried["start"])
    found, _, _ = attack(model, tried["x"], tried["y"], epsilons=tried["epsilon"])
    return found


TORCHATTACKS = {
    ("fgsm", "linf"): lambda network, epsilon, **_: torchattacks.FGSM(network, eps=epsilon),
    ("pgd", "linf"): lambda network, epsilon, **stepped: torchattacks.PGD(network, eps=epsilon, **stepped),
    ("pgd", "l2"): lambda network, epsilon, **stepped: torchattacks.PGDL2(network, eps=epsilon, **stepped),
    ("mim", "linf"): lambda network, epsilon, **stepped: torchattacks.MIFGSM(network, eps=epsilon, **stepped),
}


def by_torchattacks(network, tried):
    epsilon = tried["epsilon"]
    attack = TORCHATTACKS[tried["attack"], tried["norm"]](network, epsilon, alpha=SHARE * epsilon, steps=STEPS)
    if tried["start"] is None:
        return attack(tried["x"], tried["y"])
    # PGD draws its start: uniform noise, or under L2 a normal direction and then a length, as a share of the radius.
    noise = tried["start"] - tried["x"]
    lengths = noise.flatten(1).norm(dim=1).view(-1, 1, 1, 1) / epsilon

    def uniform(out, *_):
        return out.copy_(noise if out.shape == noise.shape else lengths)

    def normal(out):
        return out.copy_(noise)

    with patch.object(torch.Tensor, "uniform_", uniform), patch.object(torch.Tensor, "normal_", normal):
        return attack(tried["x"], tried["y"])


def standing(network, tried, images):
    """Per image: still classified correctly, or out of reach. A pixel's rounding to float32 puts none out of reach."""
    reach = tried["epsilon"] * (1 + 1e-6) + 784**0.5 * 2**-25
    away = distances(tried["x"], images, tried["norm"]) > reach
    return away | classified(network, images, tried["y"])


CASES = [(by_foolbox, *case) for case in FOOLBOX] + [(by_torchattacks, *case) for case in TORCHATTACKS]


@pytest.mark.parametrize(("peer", "attack", "norm"), CASES, ids=["-".join([c[0].__name__, *c[1:]]) for c in CASES])
def test_leaves_the_images_that_the_peer_leaves(subject, peer, attack, norm):
    network, tried = subject["network"], subject[attack, norm]
    mine = standing(network, tried, tried["found"])
    theirs = standing(network, tried, peer(network, tried))
    few = 0.01 * tried["n"]
    assert few <= theirs.sum() <= len(tried["y"]) - few, "an attack that breaks all or none compares nothing"
    assert (mine != theirs).sum() <= 0.005 * tried["n"], (mine.sum(), theirs.sum())
