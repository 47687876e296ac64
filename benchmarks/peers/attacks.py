"""Attacks of other libraries on one network and one set of images: what they find, how long it takes, how many images they pass.

Requests: {"do": "attack-open", "weights", "data", "batch"} reads any feed-forward .onnx and the images to attack; {"do":
"attack-tool", "tool"} answers with its version, or with why it is not there; {"do": "attack", "tool", "kind", "norm", "eps",
"steps"?, "alpha"?, "queries"?, "seed", "out"} attacks them all, a batch at a time, and writes what it found to `out`, float32
as the images came. Seconds are of the attack alone.
"""

import contextlib
import hashlib
import importlib.metadata
import pathlib
import random
import signal
import sys
import time

import numpy as np
import torch

passes = {"forwards": 0, "backwards": 0}


class Subject:
    """The network, counting what goes through it, and the images, which it classifies correctly."""

    def __init__(self, request):
        from onnx_net import OnnxNet

        archive = np.load(request["data"])
        self.x, self.y = torch.from_numpy(archive["x"]), torch.from_numpy(archive["y"].astype("int64"))
        self.batch = request["batch"]
        self.network = OnnxNet(request["weights"]).eval()
        # torchattacks reads off a parameter where the network is, and a file's weights are buffers.
        self.network.register_parameter("anchor", torch.nn.Parameter(torch.zeros(0), requires_grad=False))
        with torch.no_grad():
            self.classes = self.network(self.x[:1]).shape[1]
        self.network.register_forward_hook(counted)
        self._art = None

    @property
    def art(self):
        """As ART wants it, made when first needed."""
        from art.estimators.classification import PyTorchClassifier

        if self._art is None:
            shape, loss = tuple(self.x.shape[1:]), torch.nn.CrossEntropyLoss()
            options = {"clip_values": (0.0, 1.0), "device_type": "cpu"}
            self._art = PyTorchClassifier(self.network, loss, shape, self.classes, **options)
        return self._art


def counted(_, inputs, logits):
    """After each forward pass; and once more for each gradient that comes to its logits."""
    (x,) = inputs
    passes["forwards"] += len(x)
    if logits.requires_grad:
        logits.register_hook(lambda _: passes.update(backwards=passes["backwards"] + len(x)))


subject = None


def by_torchattacks(kind, r):
    import torchattacks as ta

    net, eps, norm = subject.network, r["eps"], {"linf": "Linf", "l2": "L2"}[r["norm"]]
    own = {"norm": norm, "eps": eps, "seed": r["seed"]}
    stepped = {"eps": eps, "alpha": r.get("alpha"), "steps": r.get("steps"), "random_start": True}
    return {
        "fgsm": lambda: ta.FGSM(net, eps=eps),
        "pgd": lambda: (ta.PGD if norm == "Linf" else ta.PGDL2)(net, **stepped),
        "apgd-ce": lambda: ta.APGD(net, loss="ce", steps=r["steps"], n_restarts=1, **own),
        "square": lambda: ta.Square(net, n_queries=r["queries"], n_restarts=1, resc_schedule=False, **own),
        "deepfool": lambda: ta.DeepFool(net, steps=r["steps"], overshoot=0.02),
        "fab": lambda: ta.FAB(net, steps=r["steps"], n_restarts=1, n_classes=subject.classes, **own),
    }[kind]()


def by_foolbox(kind, r):
    import foolbox
    from foolbox import attacks as fa

    model, eps = foolbox.PyTorchModel(subject.network, bounds=(0, 1), device="cpu"), r["eps"]
    stepped = {"steps": r.get("steps"), "rel_stepsize": r.get("alpha", 0) / eps, "random_start": True}
    attack = {
        ("fgsm", "linf"): lambda: fa.LinfFastGradientAttack(),
        ("pgd", "linf"): lambda: fa.LinfProjectedGradientDescentAttack(**stepped),
        ("pgd", "l2"): lambda: fa.L2ProjectedGradientDescentAttack(**stepped),
        ("deepfool", "l2"): lambda: fa.L2DeepFoolAttack(steps=r["steps"], candidates=10, overshoot=0.02),
    }[kind, r["norm"]]()
    return lambda x, y: attack(model, x, y, epsilons=eps)[0]


def by_art(kind, r):
    from art.attacks import evasion

    model, norm = subject.art, {"linf": np.inf, "l2": 2}[r["norm"]]
    quiet = {"batch_size": subject.batch, "verbose": False}
    ball = {"norm": norm, "eps": r["eps"]}
    attack = {
        "fgsm": lambda: evasion.FastGradientMethod(model, batch_size=subject.batch, **ball),
        "pgd": lambda: evasion.ProjectedGradientDescentPyTorch(
            model, eps_step=r["alpha"], max_iter=r["steps"], num_random_init=1, **ball, **quiet
        ),
        "deepfool": lambda: evasion.DeepFool(model, max_iter=r["steps"], epsilon=0.02, nb_grads=10, **quiet),
    }[kind]()
    return lambda x, y: torch.from_numpy(attack.generate(x.numpy(), y.numpy()))


def by_autoattack(kind, r):
    from autoattack.autopgd_base import APGDAttack
    from autoattack.fab_pt import FABAttack_PT
    from autoattack.square import SquareAttack

    own = {"norm": "Linf", "eps": r["eps"], "seed": r["seed"], "n_restarts": 1, "device": "cpu"}
    attack = {
        "apgd-ce": lambda: APGDAttack(subject.network, n_iter=r["steps"], loss="ce", **own),
        "square": lambda: SquareAttack(subject.network, n_queries=r["queries"], resc_schedule=False, **own),
        "fab": lambda: FABAttack_PT(subject.network, n_iter=r["steps"], targeted=False, **own),
    }[kind]()
    return attack.perturb


TOOLS = {
    "torchattacks": by_torchattacks, "foolbox": by_foolbox, "art": by_art, "autoattack": by_autoattack,
}  # fmt: skip
DISTRIBUTIONS = {"torchattacks": "torchattacks", "foolbox": "foolbox", "art": "adversarial-robustness-toolbox"}


def version_of(tool):
    """What pip knows it by. The authors' AutoAttack has no releases: a digest of its sources, wherever they lie."""
    if tool in DISTRIBUTIONS:
        __import__(tool)
        return importlib.metadata.version(DISTRIBUTIONS[tool])
    import autoattack

    sources = sorted(pathlib.Path(autoattack.__file__).parent.glob("*.py"))
    return "sources " + hashlib.sha256(b"".join(f.read_bytes() for f in sources)).hexdigest()[:12]


def open_subject(request):
    global subject
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends an attack under way without a word
    subject = Subject(request)
    return {"torch": torch.__version__, "threads": torch.get_num_threads()}


def tool(request):
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return {"version": version_of(request["tool"])}
    except ImportError as error:
        return {"absent": f"no {error.name}" if error.name else str(error)}


def attack(request):
    for seeded in (torch.manual_seed, np.random.seed, random.seed):
        seeded(request["seed"])
    passes.update(forwards=0, backwards=0)
    x, y, size = subject.x, subject.y, subject.batch
    # Answers go to stdout, where some of these libraries talk.
    with contextlib.redirect_stdout(sys.stderr):
        start = time.perf_counter()
        run = TOOLS[request["tool"]](request["kind"], request)
        found = torch.cat([run(x[i : i + size], y[i : i + size]).detach() for i in range(0, len(x), size)])
        seconds = time.perf_counter() - start
    found.numpy().astype("<f4").tofile(request["out"])
    return {"seconds": seconds, **passes}


REQUESTS = {"attack-open": open_subject, "attack-tool": tool, "attack": attack}
