"""The Python side of the peer benchmarks: answers one JSON request per line with one JSON line, timing itself.

Requests: {"do": "load", "weights", "architecture"?, "fuse"?, "channelsLast"?}, {"do": "forward"|"gradient", "batch", "shape"},
{"do": "pgd", "data", "limit", "eps", "alpha", "steps"}; {"do": "export", "net", "out"} builds a network of nets.py, writes it
as ONNX and loads it; {"do": "adjoint", "model", "ours", "batch", "shape"} has onnx-ad differentiate a file and loads
what we made of it; {"do": "runGraph", "which": "ours"|"onnx-ad"} runs one.
"""

import json
import os
import sys
import time
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "python"))
import touchstone_torch  # noqa: E402
from touchstone_torch import (  # noqa: E402
    ARCHITECTURES,
    BasicBlock,
    Bottleneck,
    PreActBlock,
    ResNet,
    WideBlock,
    load_weights,
)

torch.set_num_threads(int(os.environ.get("THREADS", "2")))
net, inputs, graphs = None, {}, {}
memory_format = torch.contiguous_format


# What normalises a convolution's output and nothing else, by the kind of module that holds both. The last normalisation
# of a network of pre-activation blocks, and the first of each block, follow a sum.
FOLDS = [
    (ResNet, [("conv1", "bn1")]),
    (BasicBlock, [("conv1", "bn1"), ("conv2", "bn2")]),
    (Bottleneck, [("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3")]),
    ((PreActBlock, WideBlock), [("conv1", "bn2")]),
]


def fused(module):
    """Folds every BatchNorm2d into the convolution before it, as our export does."""
    for block in list(module.modules()):
        for kind, pairs in FOLDS:
            for conv, bn in pairs if isinstance(block, kind) else []:
                setattr(block, conv, fuse_conv_bn_eval(getattr(block, conv), getattr(block, bn)))
                setattr(block, bn, torch.nn.Identity())
        if isinstance(block, torch.nn.Sequential):
            for i, (conv, bn) in enumerate(zip(block, block[1:])):
                if isinstance(conv, torch.nn.Conv2d) and isinstance(bn, torch.nn.BatchNorm2d):
                    block[i], block[i + 1] = fuse_conv_bn_eval(conv, bn), torch.nn.Identity()
    return module


def batch(n, shape):
    if n not in inputs:
        inputs[n] = (torch.from_numpy(np.random.RandomState(0).rand(n, *shape).astype("float32")), torch.arange(n) % 10)
    return inputs[n]


def forward(request):
    x, _ = batch(request["batch"], request["shape"])
    with torch.no_grad():
        net(x.contiguous(memory_format=memory_format))


def gradient(request):
    x, y = batch(request["batch"], request["shape"])
    x = x.clone(memory_format=memory_format).requires_grad_()
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


def use(module, request):
    """Makes a network the one that is timed: in inference form, its parameters frozen."""
    global net, memory_format
    memory_format = torch.channels_last if request.get("channelsLast") else torch.contiguous_format
    net = module.eval().to(memory_format=memory_format)
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    inputs.clear()
    return {"torch": torch.__version__, "threads": torch.get_num_threads()}


def export(request):
    """The same network in both: exported by the tracing exporter, with a dynamic batch."""
    from nets import NETS

    torch.manual_seed(0)
    module = NETS[request["net"]]().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (torch.rand(2, 3, 32, 32),), request["out"], dynamo=False, opset_version=17, input_names=["x"],
            dynamic_axes={"x": {0: "batch"}},
        )  # fmt: skip
    return use(module, request)


def fixed(model, batch):
    """The model with its batch fixed."""
    del model.graph.value_info[:]
    for value in [*model.graph.input, *model.graph.output]:
        dims = value.type.tensor_type.shape.dim
        if dims:
            dims[0].dim_value = batch
    return model


def session_of(model):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def differentiate(request):
    """Two gradients of one file: of Σ a·logits by onnx-ad, which has no losses, and of the cross-entropy as we wrote it."""
    import importlib.metadata

    import onnx
    import onnx_ad

    # It wants every shape declared.
    model = onnx.shape_inference.infer_shapes(fixed(onnx.load(request["model"]), request["batch"]), data_prop=True)
    image = model.graph.input[0].name
    reverse = onnx_ad.reverse(model, inputs=[image], outputs=[model.graph.output[0].name], layout="onnx")
    theirs = session_of(reverse)
    n = request["batch"]
    x, y = (v.numpy() for v in batch(n, request["shape"]))
    seed = next(i.name for i in theirs.get_inputs() if i.name != image)
    output = next(o.name for o in theirs.get_outputs() if o.name not in {v.name for v in model.graph.output})
    graphs["onnx-ad"] = (theirs, output, {image: x, seed: np.ones((n, 10, 1), "float32")})
    ours = session_of(fixed(onnx.load(request["ours"]), n))
    graphs["ours"] = (ours, "gradient", {"x": x, "y": y})
    return {"onnx-ad": importlib.metadata.version("onnx-ad")}


def run_graph(request):
    session, output, feeds = graphs[request["which"]]
    session.run([output], feeds)


def load(request):
    if "architecture" in request:
        module = load_weights(ARCHITECTURES[request["architecture"]](), request["weights"])
    else:
        module = touchstone_torch.load(request["weights"])
    return use(fused(module) if request.get("fuse") else module, request)


REQUESTS = {
    "load": load, "forward": forward, "gradient": gradient, "pgd": pgd, "export": export, "adjoint": differentiate,
    "runGraph": run_graph,
}  # fmt: skip


for line in sys.stdin:
    request = json.loads(line)
    start = time.perf_counter()
    try:
        answer = REQUESTS[request["do"]](request) or {}
    except Exception as error:  # noqa: BLE001 a peer that cannot do it says so, and the benchmark goes on
        answer = {"error": f"{type(error).__name__}: {str(error)[:200]}"}
    print(json.dumps({"seconds": time.perf_counter() - start, **answer}), flush=True)
