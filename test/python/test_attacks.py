"""Our APGD against torchattacks' port of the authors' code, on an adversarially trained model of the zoo.

Both attack the same images, which PyTorch classifies before and after; how many are left may differ by half a percent.
"""

import pytest
import torchattacks
from attack_runs import classified, correct_images, distances, network_of, our_attacks

N = 400
RUNS = [
    {"attack": "apgd-ce", "norm": "linf", "epsilon": 0.15},
    {"attack": "apgd-dlr", "norm": "linf", "epsilon": 0.15},
    {"attack": "apgd-t", "norm": "linf", "epsilon": 0.15},
    {"attack": "apgd-ce", "norm": "l2", "epsilon": 2},
    {"attack": "apgd-t", "norm": "l2", "epsilon": 2},
]


@pytest.fixture(scope="module")
def zoo():
    return network_of("mnist-pgd")


@pytest.fixture(scope="module")
def images(zoo):
    return correct_images(zoo[0], N)


@pytest.fixture(scope="module")
def ours(zoo, images, tmp_path_factory):
    return our_attacks(zoo[1], *images, RUNS, tmp_path_factory.mktemp("attacks"))


def theirs(network, images, run):
    norm = {"linf": "Linf", "l2": "L2"}[run["norm"]]
    options = {"norm": norm, "eps": run["epsilon"], "steps": 100, "seed": 0}
    if run["attack"] == "apgd-t":
        return torchattacks.APGDT(network, n_classes=10, **options)(*images)
    return torchattacks.APGD(network, loss=run["attack"].removeprefix("apgd-"), **options)(*images)


@pytest.mark.parametrize("index", range(len(RUNS)), ids=[f"{r['attack']}-{r['norm']}" for r in RUNS])
def test_apgd_leaves_as_many_as_the_authors_code(zoo, images, ours, index):
    network, _ = zoo
    x, y = images
    run = RUNS[index]
    found = ours[index]["found"]
    # Pixels are rounded to float32, by at most 2^-25 each.
    assert distances(x, found, run["norm"]).max() <= run["epsilon"] + 784**0.5 * 2**-25 + 1e-9
    assert found.min() >= 0 and found.max() <= 1
    mine = classified(network, found, y).sum().item()
    reference = classified(network, theirs(network, images, run), y).sum().item()
    assert 0.05 * N < reference < 0.95 * N, "an attack that breaks all or none compares nothing"
    assert abs(mine - reference) <= 0.005 * N, (mine, reference)
