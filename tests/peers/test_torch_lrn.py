"""Local response normalization in PyTorch, beside PyTorch's own."""

import copy
import io
import pickle

import numpy as np
import pytest

from workbench import parallel

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from workbench.lrn import conventions  # noqa: E402
from workbench.torch import LocalResponseNorm, local_response_norm, operators, replace_local_response_norm  # noqa: E402

ARGUMENTS = {"size": 4, "alpha": 0.3, "beta": 0.6, "k": 1.2}


def values(*shape, dtype=None, seed=0):
    return torch.randn(*shape, dtype=dtype or torch.float64, generator=torch.Generator().manual_seed(seed))


def both(x, dy, **arguments):
    """Return ours and PyTorch's y and dx."""
    found = []
    for function in (local_response_norm, functional.local_response_norm):
        leaf = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
        y = function(leaf, **arguments)
        found.append((y.detach(), torch.autograd.grad(y, leaf, dy)[0]))
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 30])
@pytest.mark.parametrize("shape", [(3, 7, 5), (3, 7, 5, 4), (2, 7, 3, 5, 4)], ids=len)
def test_forward_and_backward_are_those_of_pytorch(shape, size):
    x, dy = values(*shape), values(*shape, seed=1)
    (y, dx), (right, right_dx) = both(x, dy, **ARGUMENTS | {"size": size})
    torch.testing.assert_close(y, right, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(dx, right_dx, rtol=1e-12, atol=1e-13)


def test_the_gradient_is_that_of_finite_differences():
    assert torch.autograd.gradcheck(lambda x: local_response_norm(x, **ARGUMENTS), values(2, 7, 3, 4).requires_grad_())
    within = {"region": "within", "order": "NHWC"}
    x = values(2, 5, 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: local_response_norm(x, 3, 0.3, 0.6, 1.2, **within), x)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_each_type_comes_back_and_is_as_exact_as_itself(dtype):
    dtype = getattr(torch, dtype)
    x, dy = values(3, 7, 5, 4, dtype=dtype), values(3, 7, 5, 4, dtype=dtype, seed=1)
    leaf = x.clone().requires_grad_()
    y = local_response_norm(leaf, **ARGUMENTS)
    (dx,) = torch.autograd.grad(y, leaf, dy)
    right, right_dx = both(x.double(), dy.double(), **ARGUMENTS)[1]
    unit = torch.finfo(dtype).eps
    assert (y.dtype, dx.dtype) == (dtype, dtype)
    torch.testing.assert_close(y.double(), right, rtol=2 * unit, atol=2 * unit)
    torch.testing.assert_close(dx.double(), right_dx, rtol=2 * unit, atol=2 * unit)


LAYOUTS = {
    "contiguous": lambda x: x,
    "channels_last": lambda x: x.to(memory_format=torch.channels_last),
    "every second channel": lambda x: x[:, ::2],
    "turned": lambda x: x.transpose(0, 3),
    "one image for all": lambda x: x[:1].expand(3, -1, -1, -1),
    "one row for all": lambda x: x[:, :, :1].expand(-1, -1, 5, -1),
    "channels between rows and columns": lambda x: x.transpose(1, 2).contiguous().transpose(1, 2),
    "empty": lambda x: x[:0],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_read_and_kept(layout):
    x = LAYOUTS[layout](values(3, 8, 5, 4))
    dy = values(1, seed=1).expand(x.shape)  # as after y.sum()
    (y, dx), (right, right_dx) = both(x, dy, **ARGUMENTS)
    torch.testing.assert_close(y, right, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(dx, right_dx, rtol=1e-12, atol=1e-13)
    for region in ("across", "within"):
        arguments = (3, 0.3, 0.6, 1.2, "NCHW", region)
        for z in (operators.lrn(x, *arguments), operators.lrn_gradient(dy, x, *arguments)):
            assert z.stride() == torch.empty_like(x).stride() or not x.numel()
    torch.library.opcheck(operators.lrn, (x.requires_grad_(), 4, 0.3, 0.6, 1.2, "NCHW", "across"))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_the_kernel_reads_the_tensors_memory(layout, dtype, monkeypatch):
    seen = []
    kernel = conventions.local_response_norm
    monkeypatch.setattr(conventions, "local_response_norm", lambda x, *a, **o: seen.append(x) or kernel(x, *a, **o))
    x = LAYOUTS[layout](values(3, 7, 5, 4, dtype=getattr(torch, dtype)))
    y = local_response_norm(x, 5)
    assert seen[0].ctypes.data == x.data_ptr()
    assert y.dtype == x.dtype
    assert y.is_contiguous(memory_format=torch.channels_last) == (layout == "channels_last")


def test_as_many_threads_work_as_pytorch_uses(monkeypatch):
    limits = []
    kernel = conventions.local_response_norm
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "3")
    monkeypatch.setattr(
        conventions,
        "local_response_norm",
        lambda x, *a, **o: limits.append(parallel._limit.get()) or kernel(x, *a, **o),
    )
    for threads in (1, 2, 4):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        local_response_norm(values(2, 3), 1)
    assert limits == [1, 2, 3]


def small_network(norm):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), norm, nn.Sequential(nn.Conv2d(8, 4, 3), norm, nn.Flatten()))


def test_replacing_changes_the_modules_and_nothing_else():
    theirs = nn.LocalResponseNorm(**ARGUMENTS)
    kept, model = small_network(theirs), small_network(copy.deepcopy(theirs))
    called = []
    model[2].register_forward_hook(lambda *_: called.append(1))
    assert replace_local_response_norm(model) == 1  # one module in two places
    assert type(model[2]) is type(model[3][1]) is LocalResponseNorm
    x = values(2, 3, 9, 8, dtype=torch.float32)
    results = []
    for each in (kept, model):
        y = each(x)
        (3 * y).sum().backward()
        results.append([y.detach(), *(p.grad for p in each.parameters())])
    torch.testing.assert_close(results[1], results[0], rtol=1e-5, atol=1e-6)
    assert called == [1, 1]
    assert kept.load_state_dict(model.state_dict()) == model.load_state_dict(kept.state_dict())
    assert replace_local_response_norm(model) == 0
    assert "size" not in model.state_dict()


def test_a_model_that_is_the_module_itself_is_replaced_and_subclasses_are_not():
    class Other(nn.LocalResponseNorm):
        pass

    alone = nn.LocalResponseNorm(3)
    assert replace_local_response_norm(alone) == 1
    assert isinstance(alone, LocalResponseNorm)
    assert replace_local_response_norm(nn.Sequential(Other(3))) == 0


def test_a_refusal_names_the_module_and_nothing_is_replaced():
    model = nn.Sequential(nn.LocalResponseNorm(3), nn.Sequential(nn.LocalResponseNorm(3, k=-1.0)))
    with pytest.raises(ValueError, match=r"^1\.0: k=-1\.0: must be a number of at least 0"):
        replace_local_response_norm(model)
    assert type(model[0]) is nn.LocalResponseNorm


def test_a_replaced_model_is_copied_pickled_and_shown():
    model = nn.Sequential(nn.LocalResponseNorm(**ARGUMENTS))
    replace_local_response_norm(model)
    file = io.BytesIO()
    torch.save(model, file)
    x = values(2, 7, 3)
    right = functional.local_response_norm(x, **ARGUMENTS)
    loaded = torch.load(io.BytesIO(file.getvalue()), weights_only=False)
    for each in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), loaded, model.eval()):
        torch.testing.assert_close(each(x), right, rtol=1e-12, atol=1e-14)
    assert str(model[0]) == "LocalResponseNorm(4, alpha=0.3, beta=0.6, k=1.2, order=NCHW, region=across)"


@pytest.mark.parametrize("dynamic", [False, True])
def test_compile_keeps_the_graph_whole(dynamic):
    model = small_network(LocalResponseNorm(**ARGUMENTS))
    compiled = torch.compile(copy.deepcopy(model), backend="aot_eager", fullgraph=True, dynamic=dynamic)
    results = []
    for each in (model, compiled):
        x = values(2, 3, 9, 8, dtype=torch.float32).requires_grad_()
        y = each(x)
        results.append((y.detach(), torch.autograd.grad(y.sum(), x)[0]))
    torch.testing.assert_close(results[1], results[0])


def test_export_keeps_the_operator():
    model, x = small_network(LocalResponseNorm(**ARGUMENTS)).eval(), values(2, 3, 9, 8, dtype=torch.float32)
    exported = torch.export.export(model, (x,))
    assert sum("workbench.local_response_norm" in str(node.target) for node in exported.graph.nodes) == 2
    torch.testing.assert_close(exported.module()(x), model(x))


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_autocast_gives_the_type_that_pytorch_gives(dtype):
    x = values(2, 7, 3, 4, dtype=getattr(torch, dtype)).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, right = local_response_norm(x, **ARGUMENTS), functional.local_response_norm(x, **ARGUMENTS)
    assert y.dtype == right.dtype
    exact = functional.local_response_norm(x.double(), **ARGUMENTS).to(y.dtype)
    torch.testing.assert_close(y, exact)  # PyTorch rounds some of its steps to bfloat16
    (dx,) = torch.autograd.grad(y.sum(), x)
    assert dx.dtype == x.dtype


def test_what_cannot_be_computed_is_refused_by_name():
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        elsewhere = torch.empty(2, 3, 4, device="cuda")
        with pytest.raises(ValueError, match=r"^x is on cuda:0: must be on the CPU.*x\.cpu\(\).*torch\.nn\.functional"):
            local_response_norm(elsewhere, 3)
    with pytest.raises(TypeError, match=r"^x has dtype torch\.int64: must be one of float32.*x\.float\(\)"):
        local_response_norm(torch.ones(2, 3, dtype=torch.int64), 3)
    with pytest.raises(TypeError, match=r"^x: must be a tensor, not ndarray"):
        local_response_norm(np.ones((2, 3)), 3)
    with pytest.raises(TypeError, match=r"^x has layout torch\.sparse_coo"):
        local_response_norm(torch.eye(3).to_sparse(), 3)
    with pytest.raises(ValueError, match=r"^size=4: must be an odd whole number"):
        LocalResponseNorm(4, region="within")
    with pytest.raises(ValueError, match=r"^order='CHWN'"):
        LocalResponseNorm(4, order="CHWN")
    assert local_response_norm(torch.empty(2, 3, device="meta"), 3).shape == (2, 3)


def test_a_second_derivative_and_forward_differentiation_are_refused():
    x = values(2, 7, 3).requires_grad_()
    (dx,) = torch.autograd.grad(local_response_norm(x, 3).sum(), x, create_graph=True)
    with pytest.raises(NotImplementedError, match=r"cannot be differentiated once more; torch\.nn\.functional"):
        dx.sum().backward()
    with pytest.raises(NotImplementedError, match="x carries a tangent"):
        torch.func.jvp(lambda x: local_response_norm(x, 3), (x.detach(),), (x.detach(),))
