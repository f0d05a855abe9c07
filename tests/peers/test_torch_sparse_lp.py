"""Sparse Lp in PyTorch: the penalty against PyTorch's own operations, the steps of optimizers against closed forms."""

import pickle

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from workbench.torch import SparseLp, operators, proximal_step_, sparse_lp  # noqa: E402


def weights(*shape, dtype=None):
    return torch.randn(*shape, dtype=dtype or torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.3])
def test_the_penalty_and_its_gradient(p):
    w = weights(5, 7).requires_grad_()
    right = w.detach().clone().requires_grad_()
    loss, right_loss = 3 * sparse_lp(w, 0.3, p), 3 * 0.3 * right.abs().pow(p).sum()
    loss.backward()
    right_loss.backward()
    torch.testing.assert_close(loss, right_loss)
    torch.testing.assert_close(w.grad, right.grad)
    assert torch.autograd.gradcheck(lambda w: sparse_lp(w, 0.3, p), (w,))


def test_the_module_adds_up_weights_and_leaves_them():
    w, v = torch.tensor([1.0, -2.0, -0.0]).requires_grad_(), torch.tensor([[3.0]], requires_grad=True)
    loss = SparseLp(0.5)(w, v)
    loss.backward()
    assert (loss.item(), w.grad.tolist(), v.grad.tolist()) == (3.0, [0.5, -0.5, 0.0], [[0.5]])
    assert str(w.tolist()) == "[1.0, -2.0, -0.0]"
    assert SparseLp(0.5)(w.float().detach()).dtype == torch.float32


def stepped(optimizer_of, module, **options):
    """Return the weights before a step with the gradient 1, after the optimizer alone, and after both."""
    found = [weights(5, 7)]
    for attached in (False, True):
        w = nn.Parameter(weights(5, 7))
        optimizer = optimizer_of([w], **options)
        if attached:
            module.attach(optimizer)
        w.sum().backward()
        optimizer.step()
        found.append(w.detach())
    return found


OPTIMIZERS = {"SGD": {}, "momentum": {"momentum": 0.9}, "Adam": {}, "Adagrad": {}}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_a_step_ends_with_the_proximal_step(name, p):
    optimizer = torch.optim.SGD if name == "momentum" else getattr(torch.optim, name)
    _, alone, both = stepped(optimizer, SparseLp(0.5, p), lr=0.2, **OPTIMIZERS[name])
    strength = 0.5 * 0.2
    right = alone.sign() * (alone.abs() - strength).clamp(min=0) if p == 1 else alone / (1 + 2 * strength)
    torch.testing.assert_close(both, right)
    if p == 1:
        assert (both == 0).any()


def test_the_decay_is_decoupled_as_that_of_adamw():
    before, alone, both = stepped(torch.optim.AdamW, SparseLp(0.5, 2.0), lr=0.001, weight_decay=0.0)
    w = nn.Parameter(before.clone())
    optimizer = torch.optim.AdamW([w], lr=0.001, weight_decay=1.0)  # the slope of 0.5 w^2 is w
    w.sum().backward()
    optimizer.step()
    torch.testing.assert_close(both, w.detach(), rtol=0, atol=5e-6)  # to the square of the step
    assert (both - alone).abs().max() > 5e-4


def test_the_threshold_groups_and_chosen_weights():
    a, b, c, d = (nn.Parameter(torch.tensor([1.0, 0.3])) for _ in range(4))
    optimizer = torch.optim.SGD([{"params": [a, b, d]}, {"params": [c], "lr": 0.2}], lr=0.1)
    SparseLp(1.0, sparsity_threshold=0.25).attach(optimizer, [a, c, d])
    for w in (a, b, c):
        w.grad = torch.zeros(2)
    optimizer.step()
    found = [w.tolist() for w in (a, b, c, d)]
    assert found == [[pytest.approx(0.9), 0.0], [1.0, pytest.approx(0.3)], [pytest.approx(0.8), 0.0], found[1]]
    with pytest.raises(ValueError, match="weights: must be parameters of the optimizer"):
        SparseLp(1.0).attach(optimizer, [torch.ones(2)])


def test_only_rows_with_a_sparse_gradient_shrink_and_each_once():
    table = nn.Embedding(9, 4, sparse=True)
    with torch.no_grad():
        table.weight.fill_(1.0)
    optimizer = torch.optim.SparseAdam(table.parameters(), lr=0.1)
    handle = SparseLp(2.0).attach(optimizer)
    (0 * table(torch.tensor([3, 3, 7])).sum()).backward()
    optimizer.step()
    right = torch.ones(9, 4)
    right[[3, 7]] = 0.8
    torch.testing.assert_close(table.weight.detach(), right)
    handle.remove()
    optimizer.step()
    torch.testing.assert_close(table.weight.detach(), right)


def test_a_step_is_in_place_and_autograd_knows():
    w = weights(6, 4).requires_grad_()
    turned = w.detach().t()
    before, place = turned.clone(), turned.data_ptr()
    y = w.pow(2).sum()
    assert proximal_step_(turned, 0.1) is turned
    assert turned.data_ptr() == place
    torch.testing.assert_close(turned, before.sign() * (before.abs() - 0.1).clamp(min=0))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
    torch.library.opcheck(operators.proximal_step, (weights(5, 3), torch.tensor([0, 2]), 0.3, 1.0, 0.1))


def test_compile_takes_the_penalty_whole():
    w = weights(5, 7).requires_grad_()
    run = torch.compile(lambda w: SparseLp(0.3, 0.5)(w), backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(run(w), 0.3 * w.abs().sqrt().sum())
    assert torch.autograd.gradcheck(run, (w,))


def test_refusals():
    with pytest.raises(TypeError, match=r"^w has dtype torch\.bfloat16: must be one of float32, float64"):
        sparse_lp(torch.ones(3).bfloat16(), 0.1)
    with pytest.raises(TypeError, match=r"^w has dtype torch\.float16"):
        proximal_step_(torch.ones(3).half(), 0.1)
    with pytest.raises(ValueError, match=r"^alpha=-1"):
        SparseLp(-1)
    with pytest.raises(IndexError):
        proximal_step_(torch.ones(3, 2), 0.1, rows=torch.tensor([3]))
    w = weights(3).requires_grad_()
    (dw,) = torch.autograd.grad(sparse_lp(w, 0.1), w, create_graph=True)
    with pytest.raises(NotImplementedError, match="cannot be differentiated once more"):
        dw.sum().backward()
    shown = "SparseLp(alpha=0.1, p=0.5, sparsity_threshold=0.01)"
    assert str(pickle.loads(pickle.dumps(SparseLp(0.1, 0.5, 0.01)))) == shown
