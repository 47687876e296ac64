"""An .onnx classifier as a PyTorch module, for peers to attack: feed-forward networks of convolutions and dense layers, node by node."""

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper
from torch import nn


def pads(attributes):
    """F.pad's order of an ONNX node's pads: the last axis first. The batch and the channels have none."""
    if attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID") or attributes.get("ceil_mode"):
        raise NotImplementedError("auto_pad or ceil_mode")
    given = attributes.get("pads", [0, 0, 0, 0])
    half = len(given) // 2
    return [p for axis in reversed(range(half)) for p in (given[axis], given[half + axis])]


def padded(x, attributes, value=0.0):
    around = pads(attributes)
    return F.pad(x, around, value=value) if any(around) else x


def conv(a, x, weight, bias=None):
    around = pads(a)
    # PyTorch's own padding where it is symmetric: a copy of the images less.
    symmetric = around[0::2] == around[1::2]
    padding = tuple(reversed(around[0::2])) if symmetric else 0
    x = x if symmetric else padded(x, a)
    return F.conv2d(x, weight, bias, a.get("strides", 1), padding, a.get("dilations", 1), a.get("group", 1))


def gemm(a, x, weight, bias=0.0):
    if a.get("transA") or a.get("alpha", 1.0) != 1 or a.get("beta", 1.0) != 1:
        raise NotImplementedError("Gemm with transA, alpha or beta")
    weight = weight if a.get("transB") else weight.T
    return F.linear(x, weight, bias if torch.is_tensor(bias) else None)


def max_pool(a, x):
    return F.max_pool2d(padded(x, a, float("-inf")), a["kernel_shape"], a.get("strides", 1), 0, a.get("dilations", 1))


def average_pool(a, x):
    if any(pads(a)) and not a.get("count_include_pad"):
        raise NotImplementedError("AveragePool that leaves its padding out")
    return F.avg_pool2d(padded(x, a), a["kernel_shape"], a.get("strides", 1))


def batch_norm(a, x, scale, bias, mean, variance):
    return F.batch_norm(x, mean, variance, scale, bias, eps=a.get("epsilon", 1e-5))


def reshape(a, x, shape):
    sizes = [x.shape[i] if s == 0 and not a.get("allowzero") else s for i, s in enumerate(shape.tolist())]
    return x.reshape(sizes)


OPS = {
    "Conv": conv, "Gemm": gemm, "MaxPool": max_pool, "AveragePool": average_pool, "BatchNormalization": batch_norm,
    "Reshape": reshape, "Flatten": lambda a, x: x.flatten(a.get("axis", 1)), "Relu": lambda a, x: x.relu(),
    "GlobalAveragePool": lambda a, x: x.mean((2, 3), keepdim=True), "Identity": lambda a, x: x,
    "MatMul": lambda a, x, y: x @ y, "Add": lambda a, x, y: x + y, "Sub": lambda a, x, y: x - y,
    "Mul": lambda a, x, y: x * y, "Div": lambda a, x, y: x / y, "Sigmoid": lambda a, x: x.sigmoid(),
    "Tanh": lambda a, x: x.tanh(), "LeakyRelu": lambda a, x: F.leaky_relu(x, a.get("alpha", 0.01)),
    "Elu": lambda a, x: F.elu(x, a.get("alpha", 1.0)), "Constant": lambda a: torch.from_numpy(np.array(numpy_helper.to_array(a["value"]))),
}  # fmt: skip


class OnnxNet(nn.Module):
    """[N, C, H, W] to [N, K], in inference form. Raises NotImplementedError naming what it has no counterpart for."""

    def __init__(self, path):
        super().__init__()
        graph = onnx.load(path).graph
        for i, tensor in enumerate(graph.initializer):
            self.register_buffer(f"weight{i}", torch.from_numpy(np.array(numpy_helper.to_array(tensor))))
        self.weights = {tensor.name: f"weight{i}" for i, tensor in enumerate(graph.initializer)}
        (self.image,) = [i.name for i in graph.input if i.name not in self.weights]
        self.logits = graph.output[0].name
        self.steps = []
        for node in graph.node:
            if node.op_type not in OPS:
                raise NotImplementedError(f"{path} has {node.op_type}")
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            self.steps.append((OPS[node.op_type], attributes, list(node.input), node.output[0]))

    def forward(self, x):
        values = {name: getattr(self, buffer) for name, buffer in self.weights.items()}
        values[self.image] = x
        for op, attributes, inputs, output in self.steps:
            values[output] = op(attributes, *(values[name] for name in inputs if name))
        return values[self.logits]
