"""The Python side of the peer benchmarks: answers one JSON request per line with one JSON line, timing itself.

Requests: {"do": "hello", "device": "auto"|"cpu"|"cuda"} says on what it computes from then on; {"do": "load",
"weights", "architecture"?, "graph"?, "fuse"?, "channelsLast"?, "as"?} reads a network (graph: any .onnx, node by node),
{"do": "forget", "use"} drops it; {"do":
"forward"|"gradient"|"pgd-step"|"pgd-10"|"pgd-10-apart"|"train-step"|"rat-10", "use"?, "batch", "shape"} are the phases of
engines/phases.ts, with its PGD and SGD, and answer with the passes through the network, too; attacks.py
has what attacks; {"do": "export", "net", "out", "as"?} builds a network of nets.py, writes it as ONNX
and loads it; {"do": "adjoint", "model", "ours", "batch", "shape"} has onnx-ad differentiate a file and loads what we
made of it; {"do": "runGraph", "which": "ours"|"onnx-ad"} runs one.
"""

import copy
import json
import os
import sys
import time
import warnings

try:
    import numpy as np
    import onnx  # noqa: F401 what reads the weights needs it
    import torch
    import torch.nn.functional as F
    from torch.nn.utils.fusion import fuse_conv_bn_eval
except ImportError as error:
    print(json.dumps({"error": f"{sys.executable} has no {error.name}"}), flush=True)
    sys.exit(0)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "python"))
import attacks  # noqa: E402
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
device = torch.device("cpu")
nets, inputs, graphs = {}, {}, {}
passes = {"forward": 0, "backward": 0}


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


class Network:
    """A network in inference form with its parameters frozen, and its copy under training, made when first needed."""

    def __init__(self, module, memory_format):
        self.memory_format = memory_format
        self.frozen = module.eval().to(device, memory_format=memory_format)
        self.frozen.requires_grad_(False)
        self._optimizer = None

    @property
    def trained(self):
        if not hasattr(self, "_trained"):
            self._trained = copy.deepcopy(self.frozen).requires_grad_(True)
        return self._trained

    def optimizer(self, request):
        if self._optimizer is None:
            self._optimizer = torch.optim.SGD(
                self.trained.parameters(),
                lr=request["learningRate"],
                momentum=request["momentum"],
                weight_decay=request["weightDecay"],
            )
        return self._optimizer

    def __call__(self, module, x):
        """The logits; counts the pass, and the backward pass once a gradient comes to them."""
        passes["forward"] += 1
        logits = module(x)
        if logits.requires_grad:
            logits.register_hook(counted_backward)
        return logits

    def images(self, request):
        """The batch in the network's layout, brought to the device anew, as results are brought back: ours are, too."""
        x, y = batch(request["batch"], request["shape"])
        return x.to(device).contiguous(memory_format=self.memory_format), y.to(device)


def counted_backward(_):
    passes["backward"] += 1


def batch(n, shape):
    key = (n, *shape)
    if key not in inputs:
        inputs[key] = (torch.from_numpy(np.random.RandomState(0).rand(*key).astype("float32")), torch.arange(n) % 10)
    return inputs[key]


def network(request):
    return nets[request.get("use", "net")]


def hello(request):
    global device
    wanted, cuda = request["device"], torch.cuda.is_available()
    if wanted == "cuda" and not cuda:
        return {"error": f"torch {torch.__version__} sees no GPU"}
    device = torch.device("cuda" if cuda and wanted != "cpu" else "cpu")
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # onnxruntime searches, too
        torch.set_float32_matmul_precision("high")  # TF32, which the others take by default
    return {"torch": torch.__version__, "threads": torch.get_num_threads(), "device": device.type}


def forward(request):
    net = network(request)
    with torch.no_grad():
        net(net.frozen, net.images(request)[0]).cpu()


def gradient(request):
    net = network(request)
    x, y = net.images(request)
    x = x.clone().requires_grad_()
    F.cross_entropy(net(net.frozen, x), y, reduction="sum").backward()
    x.grad.cpu()


def step(net, x, y, clean, request):
    """x after a step of projected ascent, the network's parameters live."""
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(F.cross_entropy(net(net.trained, x), y, reduction="sum"), x)
    with torch.no_grad():
        delta = (x + request["stepSize"] * slope.sign() - clean).clamp(-request["epsilon"], request["epsilon"])
        return (clean + delta).clamp(0, 1)


def pgd_steps(request, times, apart=False):
    net = network(request)
    net.trained.eval()
    clean, y = net.images(request)
    x = clean
    for _ in range(times):
        x = step(net, x, y, clean, request)
        if apart:
            x = x.cpu().to(device)
    return x.cpu()


def rat(request):
    descend(request, pgd_steps(request, request["steps"]))


def descend(request, found=None):
    net = network(request)
    optimizer = net.optimizer(request)
    net.trained.train()
    x, y = net.images(request)
    if found is not None:
        x = found.to(device)
    optimizer.zero_grad()
    loss = F.cross_entropy(net(net.trained, x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def phase(run):
    """A request that answers with the passes through the network."""

    def counted(request):
        passes.update(forward=0, backward=0)
        run(request)
        return dict(passes)

    return counted


def autoattack(request):
    """The authors' own code, from a checkout on PYTHONPATH: survivors and seconds after each stage, images passed forward."""
    from autoattack import AutoAttack

    archive = np.load(request["data"])
    n = request["limit"]
    x, y = torch.from_numpy(archive["x"][:n]), torch.from_numpy(archive["y"][:n].astype("int64"))
    net = network(request).frozen
    forwards = 0

    def counted(images):
        nonlocal forwards
        forwards += len(images)
        return net(images)

    norm = {"linf": "Linf", "l2": "L2", "l1": "L1"}[request["norm"]]
    attack = AutoAttack(counted, norm=norm, eps=request["eps"], version="standard", device="cpu", verbose=False)
    attack.seed = request["seed"]
    names = list(attack.attacks_to_run)
    stages, found = [], x.clone()
    with torch.no_grad():
        robust = net(x).argmax(1) == y
    for name in names:
        # One stage at a time on what those before it left is what its own loop does.
        attack.attacks_to_run = [name]
        start = time.perf_counter()
        left = robust.nonzero().flatten()
        if len(left):
            found[left] = attack.run_standard_evaluation(x[left], y[left], bs=len(left))
            with torch.no_grad():
                robust[left] = net(found[left]).argmax(1) == y[left]
        seconds = time.perf_counter() - start
        stages.append({"attack": name, "robust": robust.float().mean().item(), "seconds": seconds})
    return {"stages": stages, "seconds": sum(s["seconds"] for s in stages), "forwards": forwards}


def use(module, request):
    """Makes a network one that is timed."""
    layout = torch.channels_last if request.get("channelsLast") else torch.contiguous_format
    nets[request.get("as", "net")] = Network(module, layout)
    return {"torch": torch.__version__, "threads": torch.get_num_threads()}


def forget(request):
    del nets[request["use"]]
    inputs.clear()
    if device.type == "cuda":
        torch.cuda.empty_cache()


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
    if request.get("graph"):
        from onnx_net import OnnxNet

        module = OnnxNet(request["weights"]).eval()
    elif "architecture" in request:
        module = load_weights(ARCHITECTURES[request["architecture"]](), request["weights"])
    else:
        module = touchstone_torch.load(request["weights"])
    return use(fused(module) if request.get("fuse") else module, request)


REQUESTS = {
    "hello": hello, "load": load, "forget": forget, "export": export, "adjoint": differentiate,
    "runGraph": run_graph, "autoattack": autoattack, "forward": phase(forward), "gradient": phase(gradient),
    "pgd-step": phase(lambda request: pgd_steps(request, 1)),
    "pgd-10": phase(lambda request: pgd_steps(request, request["steps"])),
    "pgd-10-apart": phase(lambda request: pgd_steps(request, request["steps"], apart=True)),
    "train-step": phase(descend), "rat-10": phase(rat), **attacks.REQUESTS,
}  # fmt: skip


def synchronize():
    """Waits for what the GPU still has to do."""
    if device.type == "cuda":
        torch.cuda.synchronize()


for line in sys.stdin:
    request = json.loads(line)
    start = time.perf_counter()
    try:
        answer = REQUESTS[request["do"]](request) or {}
        synchronize()
    except Exception as error:  # noqa: BLE001 a peer that cannot do it says so, and the benchmark goes on
        answer = {"error": f"{type(error).__name__}: {str(error)[:200]}"}
    print(json.dumps({"seconds": time.perf_counter() - start, **answer}), flush=True)
