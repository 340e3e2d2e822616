"""Which operations of a SavedModel may touch more than the numbers they are given; read from its description alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

HARMLESS_STATEFUL = frozenset(
    [
        "AnonymousHashTable", "AnonymousMutableHashTable", "Assert", "AssignAddVariableOp", "AssignSubVariableOp",
        "AssignVariableOp", "Case", "CheckNumerics", "CheckNumericsV2", "CudnnRNN", "CudnnRNNV2", "CudnnRNNV3",
        "DeepCopy", "DestroyResourceOp", "DeviceIndex", "DisableCopyOnRead", "Empty", "GuaranteeConst", "HashTable",
        "HashTableV2", "If", "InitializeTableV2", "LookupTableExportV2", "LookupTableFindV2", "LookupTableImportV2",
        "LookupTableInsertV2", "LookupTableRemoveV2", "LookupTableSizeV2", "Multinomial", "MutableHashTableV2",
        "NonDeterministicInts", "ParameterizedTruncatedNormal", "RandomCrop", "RandomGamma", "RandomPoisson",
        "RandomPoissonV2", "RandomShuffle", "RandomStandardNormal", "RandomUniform", "RandomUniformInt",
        "ReadVariableOp", "ResourceGather", "ResourceGatherNd", "ResourceStridedSliceAssign", "RngReadAndSkip",
        "RngSkip", "SampleDistortedBoundingBox", "SampleDistortedBoundingBoxV2", "StackCloseV2", "StackPopV2",
        "StackPushV2", "StackV2", "StatefulPartitionedCall", "StatefulRandomBinomial", "StatefulStandardNormal",
        "StatefulStandardNormalV2", "StatefulTruncatedNormal", "StatefulUniform", "StatefulUniformFullInt",
        "StatefulUniformInt", "StatelessRandomGetAlg", "TemporaryVariable", "TensorArrayCloseV3",
        "TensorArrayConcatV3", "TensorArrayGatherV3", "TensorArrayGradV3", "TensorArrayReadV3",
        "TensorArrayScatterV3", "TensorArraySizeV3", "TensorArraySplitV3", "TensorArrayV3", "TensorArrayWriteV3",
        "TruncatedNormal", "VarHandleOp", "VarIsInitializedOp", "Variable", "VariableShape", "VariableV2", "While",
    ]
)  # fmt: skip
"""Operations with a state that stays inside the model: variables, tables, random numbers, control flow. Every other
operation that TensorFlow declares stateful is refused."""

_HARMLESS_FAMILIES = ("ResourceApply", "ResourceSparseApply", "ResourceScatter")

REACHING_OUT = frozenset(
    [
        "Abort", "BatchFunction", "DebugIdentity", "DebugNanCount", "DebugNumericSummary", "DebugNumericSummaryV2",
        "GenerateVocabRemapping", "ImmutableConst", "InitializeTableFromTextFile", "MatchingFiles",
        "PyFuncStateless", "ReadFile", "ReaderRead", "ReaderReadUpTo", "TPUPartitionedCall",
    ]
)  # fmt: skip
"""Operations that TensorFlow declares stateless, though they call Python, end the process, or read or write files."""

_SAVING = frozenset(["SaveV2", "MergeV2Checkpoints", "RestoreV2"])
_RESTORING = frozenset(["RestoreV2"])


def reaching_out(meta_graphs: Iterable[Any]) -> list[str]:
    """Names of operations that are not known to stay inside the model, in order.

    Every SavedModel carries the operations that save and restore its own weights. Those are passed over where nothing
    but saving and restoring can reach them.

    Args:
        meta_graphs: MetaGraphDef messages of TensorFlow.
    """
    found: set[str] = set()
    for meta in meta_graphs:
        graph = _Graph(meta)
        saver = meta.saver_def
        saving = graph.behind([saver.save_tensor_name])
        restoring = graph.behind([saver.restore_op_name])
        roots = set(graph.nodes) - saving - restoring | set(_entries(meta))
        served = graph.behind(roots)
        functions = {name: graph.called(nodes) for name, nodes in (("save", saving), ("restore", restoring))}
        called = set(graph.called(served)) | _of_objects(meta, graph)
        # A function that nothing names is judged as if it were called.
        called |= set(graph.functions) - functions["save"] - functions["restore"]
        called = graph.closed(called)
        found |= graph.operations(served, called)
        found |= graph.operations(restoring, functions["restore"]) - _RESTORING
        found |= graph.operations(saving, functions["save"]) - _SAVING
    return sorted(name for name in found if not _stays_inside(name))


def _stays_inside(operation: str) -> bool:
    from tensorflow.python.framework import op_def_registry

    if operation in REACHING_OUT or "Dataset" in operation:
        return False
    known = op_def_registry.get(operation)
    if known is None:
        # TensorFlow does not have it, and will say so when it opens the model.
        return True
    return not known.is_stateful or operation in HARMLESS_STATEFUL or operation.startswith(_HARMLESS_FAMILIES)


def _entries(meta: Any) -> Iterator[str]:
    """The nodes of a graph that loading or asking the model runs."""
    for signature in meta.signature_def.values():
        yield from (tensor.name for tensor in [*signature.outputs.values(), *signature.inputs.values()])
    for collection in meta.collection_def.values():
        yield from collection.node_list.value


def _of_objects(meta: Any, graph: _Graph) -> set[str]:
    return {name for name in meta.object_graph_def.concrete_functions if name in graph.functions}


class _Graph:
    """Nodes and functions of one MetaGraphDef by name."""

    def __init__(self, meta: Any):
        self.nodes = {node.name: node for node in meta.graph_def.node}
        self.functions = {entry.signature.name: list(entry.node_def) for entry in meta.graph_def.library.function}

    def behind(self, names: Iterable[str]) -> set[str]:
        """The nodes named, and all that they depend on."""
        waiting, found = [_node(name) for name in names], set()
        while waiting:
            name = waiting.pop()
            if name in self.nodes and name not in found:
                found.add(name)
                waiting += [_node(entering) for entering in self.nodes[name].input]
        return found

    def called(self, nodes: Iterable[str]) -> set[str]:
        """The functions that some nodes call, and those that these call."""
        return self.closed({name for node in nodes for name in self._names(self.nodes[node])})

    def closed(self, functions: Iterable[str]) -> set[str]:
        """The functions, and all that they call."""
        waiting, found = list(functions), set()
        while waiting:
            name = waiting.pop()
            if name in self.functions and name not in found:
                found.add(name)
                waiting += [inner for node in self.functions[name] for inner in self._names(node)]
        return found

    def operations(self, nodes: Iterable[str], functions: Iterable[str]) -> set[str]:
        """What kinds of operation there are in nodes and functions; the calls of functions are none."""
        inside = [node for name in functions for node in self.functions[name]]
        return {node.op for node in [*(self.nodes[name] for name in nodes), *inside]} - set(self.functions)

    def _names(self, node: Any) -> Iterator[str]:
        # A function may be called by an operation of its own name.
        if node.op in self.functions:
            yield node.op
        for value in node.attr.values():
            yield from (function.name for function in [value.func, *value.list.func] if function.name)


def _node(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]
