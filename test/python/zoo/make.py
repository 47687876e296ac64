"""Writes the fixtures: python -m test.python.zoo.make OUT_DIR [NAME …]

For each network and exporter: NAME.EXPORTER.onnx, and NAME.npz with images x, labels y, vectors v, and what PyTorch makes of them in
float64 and float32: logits, the gradient of each sample's cross-entropy by its image, its Hessian-vector product (smooth networks),
and under `p:NAME` and `d:NAME` each parameter and the gradient of the mean loss by it.
"""

import inspect
import json
import logging
import pathlib
import sys
import warnings

import numpy as np
import onnx
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from . import NETS
from .net import CLASSES, prepared

# Each exporter's operator sets are dealt out over the networks, so that all of them are seen.
OLD = (13, 14, 15, 16, 17, 18, 20, 12, 11)
NEW = (18, 20, 21)
IMAGES = 4


def export(model, x, path, exporter, opset, as_is):
    """dynamo: torch.export-based; script: the older, tracing one, which may leave constants and normalisations unfolded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "dynamo":
            program = torch.onnx.export(
                model, (x,), dynamo=True, opset_version=opset, input_names=["image"], verbose=False,
                dynamic_shapes={next(iter(forward_names(model))): {0: torch.export.Dim("batch", min=1, max=64)}}, external_data=False,
            )  # fmt: skip
            program.save(str(path), external_data=False)
        else:
            torch.onnx.export(
                model, (x,), str(path), dynamo=False, opset_version=opset, input_names=["image"], dynamic_axes={"image": {0: "batch"}},
                training=torch.onnx.TrainingMode.PRESERVE if as_is else torch.onnx.TrainingMode.EVAL, do_constant_folding=not as_is,
            )  # fmt: skip
    without_traces(path)


def forward_names(model):
    return list(inspect.signature(model.forward).parameters)


def without_traces(path):
    """Drops what tells where this was made."""
    model = onnx.load(path)
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    onnx.save(model, path)


def derivatives(net, model, x, y, v, dtype):
    """Logits, input gradients, Hessian-vector products and parameter gradients, by PyTorch."""
    model = model.to(dtype)
    x = x.to(dtype).requires_grad_()
    with sdpa_kernel(SDPBackend.MATH):  # the fused kernel has no second derivative
        logits = net.logits(model(x))
    losses = torch.nn.functional.cross_entropy(logits, y, reduction="none")
    named = {k: p for k, p in model.named_parameters() if p.requires_grad}
    found = torch.autograd.grad(losses.sum(), [x, *named.values()], create_graph=net.smooth, allow_unused=True)
    gradient, of_parameters = found[0], found[1:]
    result = {"logits": logits.detach(), "loss": losses.detach(), "gradient": gradient.detach()}
    if net.smooth:
        result["hvp"] = torch.autograd.grad((gradient * v.to(dtype)).sum(), x)[0]
    for (name, p), g in zip(named.items(), of_parameters, strict=True):
        if g is not None:
            result[f"p:{name}"] = p.detach()
            result[f"d:{name}"] = g.detach() / len(x)
    return {k: t.numpy() for k, t in result.items()}


def write(net, index, out):
    """Returns {file: error or None}."""
    generator = torch.Generator().manual_seed(index)
    x = torch.rand(IMAGES, *net.image, generator=generator)
    y = torch.randint(CLASSES, (IMAGES,), generator=generator)
    v = torch.randn(x.shape, generator=generator)
    model = prepared(net)
    done = {}
    refused = dict(net.cannot)
    for exporter, opset in (("dynamo", NEW[index % len(NEW)]), ("script", OLD[index % len(OLD)])):
        path = out / f"{net.name}.{exporter}.onnx"
        if exporter in refused:
            done[path.name] = refused[exporter]
            continue
        for attempt in (opset, 16, 18, 20):
            try:
                export(model, x, path, exporter, attempt, as_is=index % 2 == 1)
                done[path.name] = None
                break
            except Exception as error:  # noqa: BLE001 an exporter's failure is recorded, whatever it is
                done[path.name] = f"opset {attempt}: {type(error).__name__}: {str(error).splitlines()[0][:160]}"
    arrays = {"x": x.numpy(), "y": y.numpy(), "v": v.numpy()}
    single = derivatives(net, model, x, y, v, torch.float32)
    arrays |= {f"f32:{k}": a for k, a in single.items() if k in ("gradient", "hvp")}
    arrays |= derivatives(net, model, x, y, v, torch.float64)
    np.savez(out / f"{net.name}.npz", **arrays)
    return done


def main(out, names):
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    done = {}
    for index, net in enumerate(NETS.values()):
        if not names or net.name in names:
            done |= write(net, index, out)
            print(net.name, *(e for n, e in done.items() if n.startswith(f"{net.name}.") and e), flush=True)
    (out / "exports.json").write_text(json.dumps(done, indent=1))


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main(sys.argv[1], sys.argv[2:])
