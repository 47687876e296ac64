"""Every model of onnx's own backend tests survives being read and written by Touchstone.

Original and rewritten models are compared field by field as protobufs, after these normalisations, each of which
keeps the meaning:

1. a tensor's elements are compared through numpy_helper (dtype, shape and bits), wherever they are stored:
   raw_data, a typed field, or, as every rewritten tensor, raw_data;
2. the domain "ai.onnx" is written as "" (onnx.proto: the same domain), and "" as an absent field;
3. an empty string where a field may be absent: the names of nodes and graphs, overload, dim_param, denotation;
4. a negative dimension is an absent one (onnxruntime reads it so).

Run from the repository's root: pytest test/python/test_roundtrip.py
"""

import pathlib
import subprocess
import warnings

import numpy as np
import onnx
import onnx.backend.test
import pytest
from onnx import numpy_helper
from onnx.backend.test.case import model as model_cases
from onnx.backend.test.case import node as node_cases

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = "test/python/roundtrip.ts"
AT_LEAST = 140
DATA = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")
EMPTY_IS_ABSENT = {
    "NodeProto": ("name", "domain", "overload"),
    "GraphProto": ("name",),
    "OperatorSetIdProto": ("domain",),
    "TypeProto": ("denotation",),
    "Dimension": ("denotation", "dim_param"),
}


def weights(name="w", **fields):
    tensor = numpy_helper.from_array(np.arange(4, dtype=np.float32), name)
    tensor.MergeFrom(onnx.TensorProto(**fields))
    return tensor


def tiny_model():
    """y = concat(x, w)"""
    node = onnx.helper.make_node("Concat", ["x", "w"], ["y"], axis=0)
    values = [onnx.helper.make_tensor_value_info(n, 1, ["N"]) for n in "xy"]
    return onnx.helper.make_model(onnx.helper.make_graph([node], "g", values[:1], values[1:], [weights()]))


def odd_model():
    """What no backend test has: local functions, training, sparse and annotated tensors, metadata everywhere."""
    note = [onnx.StringStringEntryProto(key="k", value="v")]
    model = tiny_model()
    model.opset_import.add(domain="local", version=1)
    body = onnx.helper.make_node("Elu", ["x"], ["y"])
    body.attribute.add(name="alpha", ref_attr_name="alpha", type=onnx.AttributeProto.FLOAT)
    opsets = [model.opset_import[0]]
    model.functions.append(onnx.helper.make_function("local", "Twice", ["x"], ["y"], [body], opsets, ["alpha"]))
    model.training_info.add(algorithm=model.graph).update_binding.extend(note)
    model.configuration.add(name="two", num_devices=2)
    model.metadata_props.extend(note)
    graph = model.graph
    graph.metadata_props.extend(note)
    graph.quantization_annotation.add(tensor_name="w").quant_parameter_tensor_names.extend(note)
    graph.node.append(onnx.helper.make_node("Twice", ["w"], ["z"], domain="local", alpha=0.5))
    graph.node[0].metadata_props.extend(note)
    graph.node[0].doc_string = "joins"
    graph.node[0].device_configurations.add(configuration_id="two", pipeline_stage=1)
    graph.input[0].metadata_props.extend(note)
    graph.input[0].type.denotation = "TENSOR"
    graph.input[0].type.tensor_type.shape.dim[0].denotation = "DATA_BATCH"
    graph.initializer[0].CopyFrom(weights(doc_string="counts", metadata_props=note))
    indices = numpy_helper.from_array(np.arange(4, dtype=np.int64))
    graph.sparse_initializer.add(values=weights("s"), indices=indices, dims=[9])
    sparse = onnx.helper.make_node("Constant", [], ["c"])
    value = onnx.SparseTensorProto(values=weights("v"), indices=indices, dims=[9])
    sparse.attribute.append(onnx.helper.make_attribute("sparse_value", value))
    graph.node.append(sparse)
    return model


def models():
    """(name, serialized model) of every test case that onnx ships or generates, and of one that it does not."""
    yield "odd", odd_model().SerializeToString()
    data = pathlib.Path(onnx.backend.test.__file__).parent / "data"
    for path in sorted(data.rglob("*.onnx")):
        yield str(path.relative_to(data)), path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        generated = [*node_cases.collect_testcases(None), *model_cases.collect_testcases()]
    for case in generated:
        if case.model is not None:
            yield case.name, case.model.SerializeToString()


def roundtrip(source, target):
    command = ["node", "--import", "tsx", SCRIPT, str(source), str(target)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=600)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """(name, original bytes, rewritten bytes or the error) of every model."""
    source, target = tmp_path_factory.mktemp("in"), tmp_path_factory.mktemp("out")
    originals = list(models())
    for i, (_, data) in enumerate(originals):
        (source / f"{i}.onnx").write_bytes(data)
    roundtrip(source, target)

    def result(i):
        error = target / f"{i}.onnx.error"
        return error.read_text() if error.exists() else (target / f"{i}.onnx").read_bytes()

    return [(name, data, result(i)) for i, (name, data) in enumerate(originals)]


def normalise(message):
    """Normalises in place; takes tensors' elements out and returns them in order."""
    kind = message.DESCRIPTOR.name
    tensors = []
    if kind == "TensorProto":
        array = numpy_helper.to_array(message)
        tensors.append((array.dtype, array.shape, array.tolist() if array.dtype == object else array.tobytes()))
        for field in DATA:
            message.ClearField(field)
        return tensors
    if kind in ("NodeProto", "OperatorSetIdProto") and message.domain == "ai.onnx":
        message.ClearField("domain")
    if kind == "Dimension" and message.HasField("dim_value") and message.dim_value < 0:
        message.ClearField("dim_value")
    for field in EMPTY_IS_ABSENT.get(kind, ()):
        if getattr(message, field) == "":
            message.ClearField(field)
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in [value] if hasattr(value, "ListFields") else value:
            tensors += normalise(part)
    return tensors


def checks(model):
    """Whether onnx.checker accepts a model."""
    try:
        onnx.checker.check_model(model)
    except Exception:  # the checker's errors share no base class
        return False
    return True


def difference(original, rewritten):
    """What differs between two serialized models, or None."""
    a, b = onnx.ModelProto.FromString(original), onnx.ModelProto.FromString(rewritten)
    if checks(a) and not checks(b):
        return "onnx.checker accepts the original only"
    tensors_a, tensors_b = normalise(a), normalise(b)
    if tensors_a != tensors_b:
        return "tensors differ"
    if a != b:
        lines = zip(str(a).splitlines(), str(b).splitlines(), strict=False)
        return next((f"{x.strip()!r} became {y.strip()!r}" for x, y in lines if x != y), "one is longer")
    return None


def test_every_model_survives(pairs, record_property):
    failed = []
    for name, original, rewritten in pairs:
        problem = rewritten if isinstance(rewritten, str) else difference(original, rewritten)
        if problem:
            failed.append(f"{name}: {problem}")
    record_property("models", len(pairs))
    print(f"\n{len(pairs) - len(failed)} of {len(pairs)} models survive reading and writing")
    assert not failed, "\n".join(failed[:20])
    assert len(pairs) >= AT_LEAST, f"{len(pairs)} models covered, expected at least {AT_LEAST}"


def test_the_comparison_sees_differences():
    """The oracle itself: a changed weight, attribute, name or dimension is noticed."""
    original = tiny_model()

    def changed(change):
        model = onnx.ModelProto.FromString(original.SerializeToString())
        change(model.graph)
        return difference(original.SerializeToString(), model.SerializeToString())

    def weight(g):
        g.initializer[0].raw_data = np.arange(1, 5, dtype=np.float32).tobytes()

    def axis(g):
        g.node[0].attribute[0].i = -1

    def dimension(g):
        g.input[0].type.tensor_type.shape.dim[0].dim_param = "M"

    assert changed(lambda g: None) is None
    assert changed(weight) == "tensors differ"
    assert changed(axis) and changed(dimension)


def test_external_data_is_brought_in(tmp_path):
    """A model whose weights onnx saved in a file of their own becomes the model in one file."""
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir(), target.mkdir()
    external = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
    onnx.save_model(tiny_model(), str(source / "external.onnx"), **external)
    assert (source / "weights.bin").stat().st_size == 16
    roundtrip(source, target)
    assert difference(tiny_model().SerializeToString(), (target / "external.onnx").read_bytes()) is None
