"""Peers of local response normalization: which library has which mode, and how it is called."""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.bench.case import Case
from workbench.lrn.window import window_axes
from workbench.machines.timing import Contender

Build = Callable[[Case, int], Contender | None]

ORDERS = ("NCHW", "NHWC")
REGIONS = ("across", "within")


@dataclasses.dataclass(frozen=True)
class Modes:
    """The modes of LRN that a library has: in a mode that is not listed, it does not stand beside ours."""

    directions: tuple[str, ...] = ("forward",)
    orders: tuple[str, ...] = ("NCHW",)
    regions: tuple[str, ...] = ("across",)
    dtypes: tuple[str, ...] = ("float32",)
    least_bias: float = 0.0

    def include(self, case: Case) -> bool:
        """Return whether the library can compute a case; none can if a square overflows in the arrays' type."""
        given, x = case.given, case.inputs[-1]
        largest = float(np.abs(x).max(initial=0))
        return (
            case.direction in self.directions
            and given.get("order", "NCHW") in self.orders
            and given.get("region", "across") in self.regions
            and x.dtype.name in self.dtypes
            and given["bias"] >= self.least_bias
            and largest**2 * given["size"] ** 2 < float(np.finfo(x.dtype).max)
        )


# PyTorch has no float16 on the CPU. OpenVINO computes float64 as float32. It and ONNX Runtime lose the digits of sums
# beside a tiny bias. JAX has no LRN: the bench writes its formula.
MODES = {
    "torch": Modes(("forward", "gradient"), ORDERS, dtypes=("float32", "float64")),
    "onnxruntime": Modes(least_bias=1e-3),
    "openvino": Modes(regions=REGIONS, dtypes=("float32", "float16"), least_bias=1e-3),
    "jax": Modes(("forward", "gradient"), ORDERS, REGIONS, ("float32", "float16", "float64")),
}


def _torch(case: Case, threads: int) -> Contender:
    """Time PyTorch; NHWC is its channels-last format, and the gradient its backward pass with what forward saved."""
    import torch

    torch.set_num_threads(threads)
    x, *others = (torch.from_numpy(array) for array in reversed(case.inputs))
    size, alpha, beta, bias = _numbers(case)
    last = case.given.get("order") == "NHWC"

    def normalize(x: Any) -> Any:
        x = x.permute(0, 3, 1, 2) if last else x
        y = torch.nn.functional.local_response_norm(x, size, alpha, beta, bias)
        return y.permute(0, 2, 3, 1) if last else y

    def forward() -> Any:
        with torch.inference_mode():
            return normalize(x).numpy()

    if case.direction == "forward":
        return Contender(forward, case.reads)
    y = normalize(x.requires_grad_())
    return Contender(lambda: torch.autograd.grad(y, x, others[0], retain_graph=True)[0].numpy(), case.reads)


def _onnxruntime(case: Case, threads: int) -> Contender:
    """Time ONNX Runtime's LRN node."""
    import onnxruntime
    from onnx import TensorProto, helper

    size, alpha, beta, bias = _numbers(case)
    node = helper.make_node("LRN", ["x"], ["y"], size=size, alpha=alpha, beta=beta, bias=bias)
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


def _openvino(case: Case, threads: int) -> Contender:
    """Time OpenVINO, which uses oneDNN; like ours, it divides alpha by the number of elements of the window."""
    import openvino
    from openvino import opset8

    given = case.inputs[-1]
    size, alpha, beta, bias = _numbers(case)
    axes = np.array([2, 3] if case.given.get("region") == "within" else [1], np.int64)
    x = opset8.parameter(given.shape, given.dtype.type)
    y = opset8.lrn(x, axes, alpha, beta, bias, size)
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
    model = openvino.Core().compile_model(openvino.Model([y], [x], "lrn"), "CPU", settings)
    request = model.create_infer_request()
    # Share the arrays, to avoid copies of input and output.
    return Contender(lambda: request.infer([given], share_inputs=True, share_outputs=True)[0], case.reads)


def _jax(case: Case, threads: int) -> Contender | None:
    """Time the formula and its gradient, compiled by JAX, on all cores only, as its threads cannot be set."""
    import jax

    if not uses_all_cores(threads):
        return None
    size, alpha, beta, bias = _numbers(case)
    within, last = case.given.get("region") == "within", case.given.get("order") == "NHWC"
    axes = window_axes(4, "within" if within else "across", last)
    wide = case.inputs[-1].dtype == np.float64

    def normalize(x: Any) -> Any:
        high = x.astype(jax.numpy.float32) if x.dtype == np.float16 else x
        total = high * high
        for axis in axes:
            padded = jax.numpy.pad(total, [(size // 2, size // 2) if i == axis else (0, 0) for i in range(4)])
            total = sum(jax.lax.slice_in_dim(padded, k, k + x.shape[axis], axis=axis) for k in range(size))
        return (high * (bias + alpha / size ** len(axes) * total) ** -beta).astype(x.dtype)

    def differentiate(dy: Any, x: Any) -> Any:
        return jax.vjp(normalize, x)[1](dy)[0]

    compiled = jax.jit(normalize if case.direction == "forward" else differentiate)
    with jax.enable_x64(wide):
        inputs = [jax.device_put(array, jax.devices("cpu")[0]) for array in case.reads]

    def run() -> np.ndarray:
        with jax.enable_x64(wide):
            return np.asarray(compiled(*inputs))  # shares the memory

    return Contender(run, tuple(np.asarray(array) for array in inputs))


def uses_all_cores(threads: int) -> bool:
    """Return whether `threads` are all that this process may use, as JAX always does."""
    return threads == (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())


def _numbers(case: Case) -> tuple[int, float, float, float]:
    """Return size, alpha, beta and bias as every peer takes them: for odd sizes, their conventions are ours."""
    return tuple(case.given[name] for name in ("size", "alpha", "beta", "bias"))


def _where_it_has_the_mode(name: str, build: Build) -> Build:
    return lambda case, threads: build(case, threads) if MODES[name].include(case) else None


MODULES = {"onnxruntime": ("onnx", "onnxruntime")}
BUILDS: dict[str, Build] = {"torch": _torch, "onnxruntime": _onnxruntime, "openvino": _openvino, "jax": _jax}
PEERS = {name: (MODULES.get(name, (name,)), _where_it_has_the_mode(name, build)) for name, build in BUILDS.items()}
