#!/usr/bin/python3
"""Writes inception_graph.pb: the nodes of TensorFlow's classify_image_graph_def.pb (inception-2015-12-05), without its weights.

Names, types, attributes and the order of nodes (constants from the last layer to the first) are those of the original, as far as
programs that read it show them: torch-fidelity's and pytorch-fid's conversions, image retraining, converters to other
frameworks. Weights have their shapes, but one number each, which stands for all of them as TensorFlow shortens such
tensors; those of the first layer are whole. Shapes come from inception_weights.txt.

Needs tensorboard, for the messages' own library.
"""
import pathlib
import struct

from tensorboard.compat.proto import attr_value_pb2, graph_pb2, types_pb2

HERE = pathlib.Path(__file__).parent


def mixed_a(name):
    return [(f"{name}/conv", "branch1x1"), (f"{name}/tower/conv", "branch5x5_1"), (f"{name}/tower/conv_1", "branch5x5_2"),
            (f"{name}/tower_1/conv", "branch3x3dbl_1"), (f"{name}/tower_1/conv_1", "branch3x3dbl_2"),
            (f"{name}/tower_1/conv_2", "branch3x3dbl_3"), (f"{name}/tower_2/conv", "branch_pool")]


def mixed_c(name):
    double = [(f"{name}/tower_1/conv{'_%d' % i if i else ''}", f"branch7x7dbl_{i + 1}") for i in range(5)]
    return [(f"{name}/conv", "branch1x1"), (f"{name}/tower/conv", "branch7x7_1"), (f"{name}/tower/conv_1", "branch7x7_2"),
            (f"{name}/tower/conv_2", "branch7x7_3"), *double, (f"{name}/tower_2/conv", "branch_pool")]


def mixed_e(name):
    return [(f"{name}/conv", "branch1x1"), (f"{name}/tower/conv", "branch3x3_1"), (f"{name}/tower/mixed/conv", "branch3x3_2a"),
            (f"{name}/tower/mixed/conv_1", "branch3x3_2b"), (f"{name}/tower_1/conv", "branch3x3dbl_1"),
            (f"{name}/tower_1/conv_1", "branch3x3dbl_2"), (f"{name}/tower_1/mixed/conv", "branch3x3dbl_3a"),
            (f"{name}/tower_1/mixed/conv_1", "branch3x3dbl_3b"), (f"{name}/tower_2/conv", "branch_pool")]


BLOCKS = [
    ("Mixed_5b", mixed_a("mixed")), ("Mixed_5c", mixed_a("mixed_1")), ("Mixed_5d", mixed_a("mixed_2")),
    ("Mixed_6a", [("mixed_3/conv", "branch3x3"), ("mixed_3/tower/conv", "branch3x3dbl_1"),
                  ("mixed_3/tower/conv_1", "branch3x3dbl_2"), ("mixed_3/tower/conv_2", "branch3x3dbl_3")]),
    ("Mixed_6b", mixed_c("mixed_4")), ("Mixed_6c", mixed_c("mixed_5")), ("Mixed_6d", mixed_c("mixed_6")),
    ("Mixed_6e", mixed_c("mixed_7")),
    ("Mixed_7a", [("mixed_8/tower/conv", "branch3x3_1"), ("mixed_8/tower/conv_1", "branch3x3_2"),
                  ("mixed_8/tower_1/conv", "branch7x7x3_1"), ("mixed_8/tower_1/conv_1", "branch7x7x3_2"),
                  ("mixed_8/tower_1/conv_2", "branch7x7x3_3"), ("mixed_8/tower_1/conv_3", "branch7x7x3_4")]),
    ("Mixed_7b", mixed_e("mixed_9")), ("Mixed_7c", mixed_e("mixed_10"))]
STEM = [("conv", "Conv2d_1a_3x3"), ("conv_1", "Conv2d_2a_3x3"), ("conv_2", "Conv2d_2b_3x3"), ("conv_3", "Conv2d_3b_1x1"),
        ("conv_4", "Conv2d_4a_3x3")]
NORM = [("beta", "bias"), ("gamma", "weight"), ("moving_mean", "running_mean"), ("moving_variance", "running_var")]


class Graph:
    def __init__(self):
        self.graph = graph_pb2.GraphDef()

    def add(self, name, op, inputs=(), **attributes):
        node = self.graph.node.add(name=name, op=op, input=inputs)
        for key, value in attributes.items():
            node.attr[key].CopyFrom(value)
        return name

    def constant(self, name, dtype, shape, **values):
        value = attr_value_pb2.AttrValue()
        value.tensor.dtype = dtype
        value.tensor.tensor_shape.SetInParent()
        for side in shape:
            value.tensor.tensor_shape.dim.add(size=side)
        for key, numbers in values.items():
            if key == "tensor_content":
                value.tensor.tensor_content = numbers
            else:
                getattr(value.tensor, key).extend(numbers)
        return self.add(name, "Const", dtype=kind(dtype), value=value)


def kind(dtype):
    return attr_value_pb2.AttrValue(type=dtype)


def numbers(*values):
    value = attr_value_pb2.AttrValue()
    value.list.i.extend(values)
    return value


def text(words):
    return attr_value_pb2.AttrValue(s=words.encode())


FLOAT, INT = types_pb2.DT_FLOAT, types_pb2.DT_INT32
T = {"T": kind(FLOAT)}


def weight(graph, name, shape, whole):
    """One number each, that depends on how many came before; or all: 0, 1/64, 2/64, …"""
    if whole:
        count = 1
        for side in shape:
            count *= side
        graph.constant(name, FLOAT, shape, tensor_content=struct.pack(f"<{count}f", *(i / 64 for i in range(count))))
    else:
        graph.constant(name, FLOAT, shape, float_val=[len(graph.graph.node) / 64])


def layers():
    return STEM + [(own, f"{block}.{branch}") for block, inside in BLOCKS for own, branch in inside]


def constants(graph, shapes):
    graph.constant("softmax/biases", FLOAT, shapes["fc.bias"], float_val=[1000.25])
    graph.constant("softmax/weights", FLOAT, shapes["fc.weight"][::-1], float_val=[1000.5])
    graph.constant("pool_3/_reshape/shape", INT, [2], tensor_content=struct.pack("<2i", 1, 2048))
    for own, name in reversed(layers()):
        if own.endswith("tower_2/conv"):
            graph.constant(own.replace("tower_2/conv", "join/concat_dim"), INT, [], int_val=[3])
        for end, leaf in reversed(NORM):
            weight(graph, f"{own}/batchnorm/{end}", shapes[f"{name}.bn.{leaf}"], own == "conv")
        o, i, r, s = shapes[f"{name}.conv.weight"]
        weight(graph, f"{own}/conv2d_params", [r, s, i, o], own == "conv")
    graph.constant("Mul/y", FLOAT, [], float_val=[1 / 128])
    graph.constant("Sub/y", FLOAT, [], float_val=[128])
    graph.constant("ResizeBilinear/size", INT, [2], tensor_content=struct.pack("<2i", 299, 299))
    graph.constant("ExpandDims/dim", INT, [], int_val=[0])
    graph.constant("DecodeJpeg/contents", types_pb2.DT_STRING, [], string_val=[b""])


def head(graph):
    graph.add("DecodeJpeg", "DecodeJpeg", ["DecodeJpeg/contents"], channels=attr_value_pb2.AttrValue(i=3),
              ratio=attr_value_pb2.AttrValue(i=1), fancy_upscaling=attr_value_pb2.AttrValue(b=True))
    graph.add("Cast", "Cast", ["DecodeJpeg"], DstT=kind(FLOAT), SrcT=kind(types_pb2.DT_UINT8))
    graph.add("ExpandDims", "ExpandDims", ["Cast", "ExpandDims/dim"], **T)
    graph.add("ResizeBilinear", "ResizeBilinear", ["ExpandDims", "ResizeBilinear/size"], align_corners=attr_value_pb2.AttrValue(b=False), **T)
    graph.add("Sub", "Sub", ["ResizeBilinear", "Sub/y"], **T)
    return graph.add("Mul", "Mul", ["Sub", "Mul/y"], **T)


def layer(graph, own, x, stride, padding):
    y = graph.add(f"{own}/Conv2D", "Conv2D", [x, f"{own}/conv2d_params"], strides=numbers(1, stride, stride, 1), padding=text(padding),
                  use_cudnn_on_gpu=attr_value_pb2.AttrValue(b=True), **T)
    norm = [f"{own}/batchnorm/{end}" for end in ("moving_mean", "moving_variance", "beta", "gamma")]
    y = graph.add(f"{own}/batchnorm", "BatchNormWithGlobalNormalization", [y, *norm], variance_epsilon=attr_value_pb2.AttrValue(f=1e-3),
                  scale_after_normalization=attr_value_pb2.AttrValue(b=False), **T)
    check = graph.add(f"{own}/CheckNumerics", "CheckNumerics", [y], message=text("batchnorm"), **T)
    y = graph.add(f"{own}/control_dependency", "Identity", [y, f"^{check}"], _class=text("loc"), **T)
    return graph.add(own, "Relu", [y], **T)


def pool(graph, name, op, x, side, stride, padding):
    return graph.add(name, op, [x], ksize=numbers(1, side, side, 1), strides=numbers(1, stride, stride, 1), padding=text(padding), **T)


def body(graph, x):
    for own, _ in STEM:
        x = layer(graph, own, x, 2 if own == "conv" else 1, "SAME" if own == "conv_2" else "VALID")
        if own in ("conv_2", "conv_4"):
            x = pool(graph, "pool" if own == "conv_2" else "pool_1", "MaxPool", x, 3, 2, "VALID")
    for block, inside in BLOCKS:
        name = inside[0][0].split("/")[0]
        ends, pooled = {}, None
        for own, _ in inside:
            branch = own.rsplit("/", 1)[0]
            if own.endswith("tower_2/conv"):
                pooled = pool(graph, f"{name}/tower_2/pool", "MaxPool" if block == "Mixed_7c" else "AvgPool", x, 3, 1, "SAME")
            ends[branch] = layer(graph, own, pooled if branch.endswith("tower_2") else ends.get(branch, x), 1, "SAME")
        if block in ("Mixed_6a", "Mixed_7a"):
            ends["pool"] = pool(graph, f"{name}/pool", "MaxPool", x, 3, 2, "VALID")
            graph.constant(f"{name}/join/concat_dim", INT, [], int_val=[3])
        x = graph.add(f"{name}/join", "Concat", [f"{name}/join/concat_dim", *ends.values()], N=attr_value_pb2.AttrValue(i=len(ends)), **T)
    x = pool(graph, "pool_3", "AvgPool", x, 8, 1, "VALID")
    x = graph.add("pool_3/_reshape", "Reshape", [x, "pool_3/_reshape/shape"], **T)
    x = graph.add("softmax/logits/MatMul", "MatMul", [x, "softmax/weights"], **T)
    x = graph.add("softmax/logits", "BiasAdd", [x, "softmax/biases"], **T)
    graph.add("softmax", "Softmax", [x], **T)


def main():
    lines = (line.split() for line in (HERE / "inception_weights.txt").read_text().splitlines())
    shapes = {name: [int(side) for side in sides.split(",")] for name, sides in lines}
    graph = Graph()
    constants(graph, shapes)
    body(graph, head(graph))
    graph.graph.versions.producer = 8
    path = HERE / "inception_graph.pb"
    path.write_bytes(graph.graph.SerializeToString())
    print(f"{len(graph.graph.node)} nodes, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
