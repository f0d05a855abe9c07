"""Other implementations of local response normalization, each optional, on the same arrays with the same threads.

A builder returns a contender, or None where the peer has no such operator. All allocate their results, as ours does.
"""

import os

import numpy as np

from workbench.bench.case import Case
from workbench.machines.timing import Contender

# alpha is so strong that a window with one neighbour too few stands out from rounding.
SIZE, ALPHA, BIAS = 5, 1.0, 1.0


def _torch(case: Case, threads: int) -> Contender | None:
    """Time PyTorch, NCHW alone; of the gradient its backward pass, with what the forward pass kept."""
    import torch

    if case.layout != "NCHW":
        return None
    torch.set_num_threads(threads)
    x = torch.from_numpy(case.inputs[-1])
    normalize = torch.nn.functional.local_response_norm

    def forward():
        with torch.inference_mode():
            return normalize(x, SIZE, alpha=ALPHA, beta=case.arguments["beta"], k=BIAS)

    if case.direction == "forward":
        return Contender(forward, case.reads)
    dy = torch.from_numpy(case.inputs[0])
    y = normalize(x.requires_grad_(), SIZE, alpha=ALPHA, beta=case.arguments["beta"], k=BIAS)
    return Contender(lambda: torch.autograd.grad(y, x, dy, retain_graph=True)[0], case.reads)


def _onnxruntime(case: Case, threads: int) -> Contender | None:
    """Time ONNX Runtime's LRN node: forward, NCHW."""
    import onnxruntime
    from onnx import TensorProto, helper

    if case.direction != "forward" or case.layout != "NCHW":
        return None
    node = helper.make_node("LRN", ["x"], ["y"], size=SIZE, alpha=ALPHA, beta=case.arguments["beta"], bias=BIAS)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, case.inputs[-1].shape) for name in "xy")
    graph = helper.make_graph([node], "lrn", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Its idle threads would otherwise spin through the next contender's turn.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return Contender(lambda: session.run(None, {"x": case.inputs[-1]})[0], case.reads)


def _openvino(case: Case, threads: int) -> Contender | None:
    """Time OpenVINO (oneDNN underneath): forward; its processor plug-in normalizes across axis 1 alone."""
    import openvino
    from openvino import opset8

    if case.direction != "forward" or case.layout != "NCHW":
        return None
    x = opset8.parameter(case.inputs[-1].shape, np.float32)
    y = opset8.lrn(x, np.array([1], np.int64), ALPHA, case.arguments["beta"], BIAS, SIZE)
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
    model = openvino.Core().compile_model(openvino.Model([y], [x], "lrn"), "CPU", settings)
    request = model.create_infer_request()
    # Shared: without a copy in and another out.
    return Contender(lambda: request.infer([case.inputs[-1]], share_inputs=True, share_outputs=True)[0], case.reads)


def _jax(case: Case, threads: int) -> Contender | None:
    """Time JAX's compilation of the formula, and of its gradient, at all cores: its threads cannot be set."""
    import jax

    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if threads != processors:
        return None
    axis = 1 if case.layout == "NCHW" else 3
    channels = case.inputs[-1].shape[axis]
    ends = [(SIZE // 2, SIZE // 2) if i == axis else (0, 0) for i in range(4)]

    def normalize(x):
        squares = jax.numpy.pad(x * x, ends)
        total = sum(jax.lax.slice_in_dim(squares, k, k + channels, axis=axis) for k in range(SIZE))
        return x * (BIAS + ALPHA / SIZE * total) ** -case.arguments["beta"]

    def differentiate(dy, x):
        return jax.vjp(normalize, x)[1](dy)[0]

    processor = jax.devices("cpu")[0]
    inputs = [jax.device_put(array, processor) for array in case.reads]
    compiled = jax.jit(normalize if case.direction == "forward" else differentiate)
    return Contender(lambda: compiled(*inputs).block_until_ready(), tuple(np.asarray(array) for array in inputs))


PEERS = {
    "torch": (("torch",), _torch),
    "onnxruntime": (("onnx", "onnxruntime"), _onnxruntime),
    "openvino": (("openvino",), _openvino),
    "jax": (("jax",), _jax),
}
