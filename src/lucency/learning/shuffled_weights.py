"""The same ONNX graph with its weights shuffled: what a model looks like that has learned nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.errors import BundleError, MissingExtraError

_KERNELS = {
    "Conv": (1,),
    "ConvTranspose": (1,),
    "ConvInteger": (1,),
    "QLinearConv": (3,),
    "Gemm": (0, 1),
    "MatMul": (0, 1),
    "MatMulInteger": (0, 1),
    "QLinearMatMul": (0, 3),
}
"""Inputs of an operation that may hold its weights."""

_PASSING = frozenset(["Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Cast", "DequantizeLinear"])
_DRAWS = 20


@dataclass
class _Kernel:
    """A weight tensor and its copies in the graph.

    Attributes:
        values: As they are.
        copies: The tensors that hold them, and whether each holds them transposed.
    """

    values: npt.NDArray[Any]
    copies: list[tuple[Any, bool]] = field(default_factory=list)


class WeightShuffler:
    """Shuffles the weights of a graph, from the head down.

    Weights are the constant tensors of convolutions and matrix products. Each is permuted within itself, so that its
    values, and with them the scale of what flows through the graph, stay as they are; biases and what a batch
    normalisation knows of its input are left alone. A tensor that stands in the graph twice (the head, whose weights
    make both the logit and the heat map) is permuted once.

    Args:
        model: A `model.onnx`.

    Raises:
        MissingExtraError: The package `onnx` is not installed.
        BundleError: The file cannot be read, or holds no weights to shuffle.
    """

    def __init__(self, model: str | os.PathLike[str]):
        try:
            import onnx
        except ModuleNotFoundError:
            raise MissingExtraError("onnx", extra="train", need="Shuffling the weights of a model") from None
        try:
            self._proto = onnx.load(os.fspath(model))
        except Exception as error:  # protobuf raises its own unrelated classes.
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
            raise BundleError(f"the graph cannot be read ({reason})", where=model) from None
        self._kernels = _kernels(self._proto.graph)
        if not self._kernels:
            raise BundleError("the graph holds no weights of convolutions or matrix products to shuffle", where=model)

    @property
    def count(self) -> int:
        """How many weight tensors can be shuffled, at least 1."""
        return len(self._kernels)

    def shuffled(self, kernels: int, *, seed: int) -> bytes:
        """The graph with some weights shuffled, as the content of a `model.onnx`.

        Args:
            kernels: How many weight tensors, counted from the output; 1 is the head alone, `count` all of them.
            seed: Of the permutations; a tensor gets the same one, however many others are shuffled.
        """
        from onnx import numpy_helper

        if not 1 <= kernels <= self.count:
            raise ValueError(f"kernels must be from 1 to {self.count}, not {kernels}")
        kept: list[tuple[Any, bytes]] = []
        for place in range(self.count - kernels, self.count):
            kernel = self._kernels[place]
            values = _permuted(kernel.values, np.random.default_rng([seed, place]))
            for tensor, transposed in kernel.copies:
                kept.append((tensor, tensor.SerializeToString()))
                made = numpy_helper.from_array(np.ascontiguousarray(values.T if transposed else values), tensor.name)
                # A copy may have another shape.
                del made.dims[:]
                made.dims.extend(tensor.dims)
                tensor.CopyFrom(made)
        content: bytes = self._proto.SerializeToString()
        for tensor, original in kept:
            tensor.ParseFromString(original)
        return content


def _kernels(graph: Any) -> list[_Kernel]:
    """The different weight tensors of a graph, in the order in which they are first used."""
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        for entry in node.attribute if node.op_type == "Constant" else ():
            if entry.name == "value":
                tensors[node.output[0]] = entry.t
    makers = {name: node for node in graph.node for name in node.output if node.op_type in _PASSING}
    kernels: list[_Kernel] = []
    taken: set[str] = set()
    for node in graph.node:
        for place in _KERNELS.get(node.op_type, ()):
            if place >= len(node.input):
                continue
            name = node.input[place]
            while name in makers:
                name = makers[name].input[0]
            if name not in tensors or name in taken:
                continue
            taken.add(name)
            values = numpy_helper.to_array(tensors[name])
            # Ones that only sum up are no weights, and shuffling them would change nothing.
            if values.size < 2 or (values == values.flat[0]).all():
                continue
            _add(kernels, values, tensors[name])
    return kernels


def _add(kernels: list[_Kernel], values: npt.NDArray[Any], tensor: Any) -> None:
    for kernel in kernels:
        known = kernel.values
        if known.size != values.size or known.dtype != values.dtype:
            continue
        if np.array_equal(known.ravel(), values.ravel()):
            kernel.copies.append((tensor, False))
            return
        if known.ndim == values.ndim == 2 and np.array_equal(known.T, values):
            kernel.copies.append((tensor, True))
            return
    kernels.append(_Kernel(values, [(tensor, False)]))


def _permuted(values: npt.NDArray[Any], random: np.random.Generator) -> npt.NDArray[Any]:
    result = values
    # A tensor of two or three values may come out as it was.
    for _ in range(_DRAWS):
        result = random.permutation(values.ravel()).reshape(values.shape)
        if not np.array_equal(result, values):
            break
    return result
