"""The Python side of the peer benchmarks: answers one JSON request per line with one JSON line, timing itself.

Requests: {"do": "load", "weights", "architecture"?, "fuse"?}, {"do": "forward"|"gradient", "batch"},
{"do": "pgd", "data", "limit", "eps", "alpha", "steps"}.
"""

import json
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "python"))
import touchstone_torch  # noqa: E402
from touchstone_torch import ARCHITECTURES, BasicBlock, load_weights  # noqa: E402

torch.set_num_threads(int(os.environ.get("THREADS", "2")))
net, inputs = None, {}


def fused(module):
    """Folds every BatchNorm2d into the convolution before it, as our export does."""
    for block in [module, *(m for m in module.modules() if isinstance(m, BasicBlock))]:
        for conv, bn in (("conv1", "bn1"), ("conv2", "bn2")):
            if hasattr(block, conv) and hasattr(block, bn):
                setattr(block, conv, fuse_conv_bn_eval(getattr(block, conv), getattr(block, bn)))
                setattr(block, bn, torch.nn.Identity())
        if isinstance(block, BasicBlock) and len(block.shortcut) == 2:
            block.shortcut = torch.nn.Sequential(fuse_conv_bn_eval(block.shortcut[0], block.shortcut[1]))
    return module


def batch(n, shape):
    if n not in inputs:
        inputs[n] = (torch.from_numpy(np.random.RandomState(0).rand(n, *shape).astype("float32")), torch.arange(n) % 10)
    return inputs[n]


def forward(request):
    x, _ = batch(request["batch"], request["shape"])
    with torch.no_grad():
        net(x)


def gradient(request):
    x, y = batch(request["batch"], request["shape"])
    x = x.clone().requires_grad_()
    F.cross_entropy(net(x), y, reduction="sum").backward()


def pgd(request):
    import torchattacks

    archive = np.load(request["data"])
    n = request["limit"]
    x, y = torch.from_numpy(archive["x"][:n]), torch.from_numpy(archive["y"][:n].astype("int64"))
    attack = torchattacks.PGD(net, eps=request["eps"], alpha=request["alpha"], steps=request["steps"])
    start = time.perf_counter()
    adversarial = attack(x, y)
    with torch.no_grad():
        robust = (net(adversarial).argmax(1) == y).float().mean().item()
    return {"seconds": time.perf_counter() - start, "robustAccuracy": robust}


def load(request):
    global net
    if "architecture" in request:
        net = load_weights(ARCHITECTURES[request["architecture"]](), request["weights"])
    else:
        net = touchstone_torch.load(request["weights"])
    if request.get("fuse"):
        net = fused(net)
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    inputs.clear()
    return {"torch": torch.__version__, "threads": torch.get_num_threads()}


for line in sys.stdin:
    request = json.loads(line)
    start = time.perf_counter()
    answer = {"load": load, "forward": forward, "gradient": gradient, "pgd": pgd}[request["do"]](request)
    print(json.dumps({"seconds": time.perf_counter() - start, **(answer or {})}), flush=True)
