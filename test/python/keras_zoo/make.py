"""Writes Keras classifiers as ONNX through tf2onnx, and TensorFlow's own gradients: python make.py OUT_DIR

For each network: NAME.onnx (channels last, SAME padding, dynamic batch) and NAME.npz with x, y, logits, loss, gradient (float64 where the
network can be computed so, else float32), and `p:NAME`, `d:NAME` for its trainable variables.
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf2onnx  # noqa: E402
from keras import layers as L  # noqa: E402

CLASSES, IMAGES = 10, 4


def gelu(x):
    """By tanh: tf2onnx does not know the Erfc of the exact one."""
    return keras.activations.gelu(x, approximate=True)


def chain(*layers, side=32):
    x = out = keras.Input((side, side, 3), name="image")
    for layer in layers:
        out = layer(out)
    return keras.Model(x, out)


def plain():
    return chain(
        L.Conv2D(8, 3, 2, "same", activation="relu"), L.BatchNormalization(), L.Conv2D(12, 5, 2, "same"), L.LeakyReLU(), L.MaxPool2D(3, 2, "same"),
        L.Dropout(0.5), L.Flatten(), L.Dense(16, "tanh"), L.Dense(CLASSES),
    )  # fmt: skip


def rescaled():
    """Pixels of 0 to 255, normalised inside, a softmax at the end."""
    return chain(
        L.Rescaling(1 / 127.5, -1), L.Conv2D(8, 4, 3, "same", activation="elu"), L.AveragePooling2D(3, 2, "same"), L.Conv2D(8, 3, activation="selu"),
        L.GlobalAveragePooling2D(), L.Dense(CLASSES, "softmax"),
    )  # fmt: skip


def separable():
    def swish(x):
        return keras.activations.silu(x)

    return chain(
        L.SeparableConv2D(8, 3, 2, "same"), L.BatchNormalization(), L.Activation(swish), L.DepthwiseConv2D(5, 2, "same", depth_multiplier=2),
        L.Activation("relu6"), L.Conv2D(8, 1), L.PReLU(shared_axes=[1, 2]), L.GlobalMaxPooling2D(), L.Dense(CLASSES),
    )  # fmt: skip


def up_and_down():
    return chain(
        L.Conv2D(8, 3, 2, "same", activation=gelu), L.UpSampling2D(2, interpolation="bilinear"), L.Conv2DTranspose(8, 3, 2, "same", activation="tanh"),
        L.ZeroPadding2D(((0, 1), (2, 1))), L.Conv2D(6, 3, 3), L.Cropping2D(1), L.UpSampling2D(2), L.Activation("softplus"), L.GlobalAveragePooling2D(),
        L.Dense(CLASSES),
    )  # fmt: skip


def attention():
    x = keras.Input((32, 32, 3), name="image")
    t = L.Reshape((16, 16))(L.Conv2D(16, 8, 8)(x))
    t = t + L.MultiHeadAttention(2, 8)(*[L.LayerNormalization()(t)] * 2)
    t = t + L.Dense(16)(L.Dense(32, gelu)(L.LayerNormalization()(t)))
    return keras.Model(x, L.Dense(CLASSES)(L.GlobalAveragePooling1D()(t)))


def grouped():
    x = keras.Input((32, 32, 3), name="image")
    a = L.GroupNormalization(4)(L.Conv2D(8, 3, 2, "same")(x))
    a = L.Activation("relu")(a)
    b = L.Concatenate()([L.Conv2D(8, 3, padding="same", dilation_rate=2)(a), L.Conv2D(8, (1, 5), padding="same")(a), a])
    gate = L.Dense(24, "sigmoid")(L.Dense(6, "relu")(L.GlobalAveragePooling2D()(b)))
    return keras.Model(x, L.Dense(CLASSES)(L.Flatten()(L.AveragePooling2D(4)(b * L.Reshape((1, 1, 24))(gate)))))


NETS = {"plain": plain, "rescaled": rescaled, "separable": separable, "up-and-down": up_and_down, "attention": attention, "grouped": grouped}
SOFTMAX, PIXELS = {"rescaled"}, {"rescaled"}


def write(name, out, opset):
    keras.utils.set_random_seed(1)
    model = NETS[name]()
    rng = np.random.default_rng(0)
    for v in model.variables:
        if "moving_variance" in v.path:
            v.assign(rng.uniform(0.5, 1.5, v.shape))
        elif "moving_mean" in v.path or "bias" in v.path or "alpha" in v.path:
            v.assign(rng.normal(0, 0.1, v.shape))
    spec = (tf.TensorSpec((None, 32, 32, 3), tf.float32, name="image"),)
    function = tf.function(lambda image: model(image, training=False), input_signature=spec)
    proto, _ = tf2onnx.convert.from_function(function, input_signature=spec, opset=opset)
    onnx.save(proto, out / f"{name}.onnx")

    x = rng.random((IMAGES, 32, 32, 3), np.float32) * (255 if name in PIXELS else 1)
    y = rng.integers(0, CLASSES, IMAGES)
    images = tf.constant(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(images)
        scores = model(images, training=False)
        logits = tf.math.log(scores) if name in SOFTMAX else scores
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
        mean = tf.reduce_mean(loss)
    arrays = {"x": x, "y": y, "loss": loss.numpy(), "gradient": tape.gradient(loss, images).numpy()}
    for v, g in zip(model.trainable_variables, tape.gradient(mean, model.trainable_variables), strict=True):
        arrays |= {f"p:{v.path}": v.numpy(), f"d:{v.path}": g.numpy()}
    np.savez(out / f"{name}.npz", **arrays)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for i, net in enumerate(NETS):
        write(net, folder, (13, 15, 17, 18)[i % 4])
        print(net, flush=True)
