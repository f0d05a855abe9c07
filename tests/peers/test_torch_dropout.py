"""Dropout with replacement in PyTorch: against counts by hand, the plain functions' masks, and nn.Dropout."""

import copy

import numpy as np
import pytest

import workbench

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

from workbench.torch import (  # noqa: E402
    DropoutWithReplacement,
    SparseDropoutWithReplacement,
    dropout_with_replacement,
    operators,
    sparse_dropout_with_replacement,
)

IDS, OFFSETS = torch.tensor([62, 80, 58, 87, 21, 54]), torch.tensor([0, 2, 2])  # lists of 2, 0 and 4


def test_it_is_dropout_of_pytorch_with_other_masks():
    x = torch.ones(200, 301, requires_grad=True)
    ours, theirs = DropoutWithReplacement(0.3, scaled=True), nn.Dropout(0.3)
    for module in (ours, theirs):
        y = module(x)
        (dx,) = torch.autograd.grad(y.sum(), x)
        assert y.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
        assert torch.equal(dx, y)
        assert abs((y == 0).double().mean().item() - 0.3) < 0.01  # more than five standard deviations
    assert ours.eval()(x) is x


def test_the_mask_is_that_of_the_plain_function_in_any_layout():
    x = torch.arange(120.0).reshape(2, 3, 4, 5)
    right, dropped = workbench.dropout_with_replacement(x.numpy(), 0.4, -1.0, seed=7, engine="reference")
    for each in (x, x.to(memory_format=torch.channels_last)):
        y, mask = dropout_with_replacement(each, 0.4, -1.0, seed=7)
        assert np.array_equal(y, right)
        assert np.array_equal(mask, dropped)
        torch.library.opcheck(operators.dropout, (each, torch.tensor(-1.0), torch.tensor(7), 0.4, False, "", False))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int64", "uint8"])
def test_kept_elements_of_each_type_stay_as_they_are(dtype):
    x = torch.arange(1, 61).reshape(4, 15).to(getattr(torch, dtype))
    y, dropped = dropout_with_replacement(x, 0.4, 103, seed=3)
    assert y.dtype == x.dtype
    assert torch.equal(y, torch.where(dropped, torch.full_like(x, 103), x))
    assert 0 < dropped.sum() < 60


def test_a_strategy_is_computed_from_the_input():
    x = torch.tensor([[1.0, 0.0, 5.0], [3.0, 4.0, 0.0]])
    assert dropout_with_replacement(x, 1.0, "mean")[0].tolist() == [[3.25] * 3] * 2
    assert DropoutWithReplacement(1.0, "mean", per_feature=True)(x).tolist() == [[2.0, 4.0, 5.0]] * 2


@pytest.mark.parametrize("scaled", [False, True])
def test_gradients_first_and_second(scaled):
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(3, 5, 4, dtype=torch.float64, generator=rng).requires_grad_()
    new = torch.randn(4, dtype=torch.float64, generator=rng).requires_grad_()

    def run(x, new):
        return dropout_with_replacement(x, 0.4, new, seed=3, scaled=scaled)[0]

    assert torch.autograd.gradcheck(run, (x, new))
    assert torch.autograd.gradgradcheck(run, (x, new))


def test_a_learned_replacement_gets_the_sum_of_what_it_replaced():
    module = DropoutWithReplacement(0.5, nn.Parameter(torch.zeros(7)))
    y = module(torch.ones(50, 7))
    y.sum().backward()
    assert torch.equal(module.replacement.grad, (y == 0).float().sum(0))
    assert list(module.state_dict()) == ["replacement"]
    other = DropoutWithReplacement(0.5, torch.ones(7))  # a buffer
    other.load_state_dict({"replacement": torch.arange(7.0)})
    assert other.replacement.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert other.replacement.requires_grad is False


def test_a_replacement_of_another_type_is_rounded_once_and_its_gradient_is_of_its_type():
    tenths = [0.1, 0.2, 0.3]
    for new in (tenths, np.array(tenths), torch.tensor(tenths, dtype=torch.float64, requires_grad=True)):
        for dtype in (torch.float64, torch.float32, torch.bfloat16):
            y = dropout_with_replacement(torch.ones(2, 3, dtype=dtype), 1.0, new)[0]
            assert torch.equal(y, torch.tensor([tenths] * 2, dtype=dtype))
    y.sum().backward()
    assert (new.grad.tolist(), new.grad.dtype) == ([2, 2, 2], torch.float64)


def test_the_seed_comes_from_pytorchs_generator():
    module, x = DropoutWithReplacement(0.5), torch.ones(40, 3)
    torch.manual_seed(5)
    first, second = module(x), module(x)
    torch.manual_seed(5)
    assert torch.equal(module(x), first)
    assert not torch.equal(first, second)
    largest = dropout_with_replacement(x, seed=2**64 - 1)[1]
    assert np.array_equal(largest, workbench.dropout_with_replacement(x.numpy(), seed=2**64 - 1)[1])
    with pytest.raises(ValueError, match="seed=-1"):
        dropout_with_replacement(x, seed=-1)


def test_checkpointing_draws_the_same_mask_again():
    layer, drop = nn.Linear(10, 9), DropoutWithReplacement(0.5)
    gradients = []
    for run in (lambda f, x: f(x), lambda f, x: checkpoint(f, x, use_reentrant=False)):
        torch.manual_seed(0)
        x = torch.ones(6, 10, requires_grad=True)
        run(lambda x: drop(layer(x)).pow(2).sum(), x).backward()
        gradients.append(x.grad)
    assert torch.equal(*gradients)
    assert gradients[0].abs().sum() > 0


def test_lists_are_dropped_as_by_the_plain_function():
    lengths = np.array([2, 0, 4])
    for seed in range(3):
        right, right_lengths = workbench.sparse_dropout_with_replacement(IDS.numpy(), lengths, 0.5, -1, seed=seed)
        y, offsets = sparse_dropout_with_replacement(IDS, OFFSETS, 0.5, -1, seed=seed)
        assert np.array_equal(y, right)
        assert offsets.tolist() == [0, *np.cumsum(right_lengths)[:-1]]
        ends = torch.tensor([0, 2, 2, 6])
        y, offsets = sparse_dropout_with_replacement(IDS, ends, 0.5, -1, seed=seed, include_last_offset=True)
        assert np.array_equal(y, right)
        assert offsets.tolist() == [0, *np.cumsum(right_lengths)]


def test_all_lists_dropped_and_large_ids():
    y, offsets = sparse_dropout_with_replacement(IDS, OFFSETS, 1.0, 2**62 + 1)
    assert (y.tolist(), offsets.tolist()) == ([2**62 + 1] * 3, [0, 1, 2])
    y, offsets = sparse_dropout_with_replacement(IDS.int(), OFFSETS.int(), 1.0, 9, itemwise=True)
    assert (y.tolist(), offsets.tolist(), y.dtype, offsets.dtype) == ([9] * 6, [0, 2, 2], torch.int32, torch.int32)


@pytest.mark.parametrize("itemwise", [False, True])
def test_a_jagged_tensor_is_its_values_and_offsets(itemwise):
    lists = torch.nested.nested_tensor([IDS[:2], IDS[:0], IDS[2:]], layout=torch.jagged)
    found = sparse_dropout_with_replacement(lists, ratio=0.5, replacement_value=-1, seed=3, itemwise=itemwise)
    y, offsets = sparse_dropout_with_replacement(IDS, OFFSETS, 0.5, -1, seed=3, itemwise=itemwise)
    assert torch.equal(found.values(), y)
    assert found.offsets()[:-1].tolist() == offsets.tolist()
    if itemwise:
        assert (found + lists).offsets() is lists.offsets()  # PyTorch takes both for lists of the same lengths
    module = SparseDropoutWithReplacement(0.5, -1, itemwise=itemwise)
    assert module.eval()(lists) is lists


@pytest.mark.parametrize("itemwise", [False, True])
def test_compile_keeps_dropout_before_an_embedding_bag_whole(itemwise):
    bag, drop = nn.EmbeddingBag(100, 4), SparseDropoutWithReplacement(0.5, 7, itemwise=itemwise)
    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True):
        run = torch.compile(lambda ids, offsets: bag(*drop(ids, offsets)), backend="aot_eager", fullgraph=True)
        torch.manual_seed(3)
        found = run(IDS, OFFSETS)
    torch.manual_seed(3)
    torch.testing.assert_close(found, bag(*drop(IDS, OFFSETS)))
    ends = torch.tensor([0, 2, 2, 6])
    torch.library.opcheck(operators.sparse_dropout, (IDS, ends, torch.tensor(3), 0.5, -1, itemwise))


@pytest.mark.parametrize("replacement", [nn.Parameter(torch.zeros(3)), 0.1, [0.1, 0.2, 0.3], "mean"], ids=repr)
def test_compile_draws_anew_in_each_step(replacement):
    drop = DropoutWithReplacement(0.5, replacement)
    compiled = torch.compile(copy.deepcopy(drop), backend="aot_eager", fullgraph=True)
    x = torch.arange(60.0).reshape(20, 3)
    torch.manual_seed(3)
    first, second = compiled(x), compiled(x)
    torch.manual_seed(3)
    assert torch.equal(drop(x), first)
    assert not torch.equal(first, second)


def test_refusals():
    with pytest.raises(ValueError, match=r"^x requires a gradient.*x\.detach\(\).*dropout_with_replacement"):
        sparse_dropout_with_replacement(IDS.float().requires_grad_(), OFFSETS, 0.5)
    with pytest.raises(ValueError, match=r"^offsets=tensor\(\[1, 6\]\): must have one axis and begin with 0"):
        sparse_dropout_with_replacement(IDS, torch.tensor([1]), 0.5)
    with pytest.raises(ValueError, match=r"^offsets=tensor\(\[\[0, 2, 2\]\]\): must have one axis"):
        sparse_dropout_with_replacement(IDS, OFFSETS[None], 0.5)
    with pytest.raises(ValueError, match=r"^x has 0 axes"):
        sparse_dropout_with_replacement(IDS[0], OFFSETS, 0.5)
    with pytest.raises(ValueError, match=r"^lengths\[0\]=9: must be at most 6"):
        sparse_dropout_with_replacement(IDS, torch.tensor([0, 9]), 0.5)
    with pytest.raises(TypeError, match=r"^offsets: must be a tensor, not NoneType"):
        sparse_dropout_with_replacement(IDS, None, 0.5)
    lists = torch.nested.nested_tensor([IDS], layout=torch.jagged)
    with pytest.raises(TypeError, match=r"^x is nested: must have layout torch\.jagged"):
        sparse_dropout_with_replacement(lists, OFFSETS, 0.5)
    with pytest.raises(ValueError, match=r"^ratio=1\.5"):
        SparseDropoutWithReplacement(1.5)
    with pytest.raises(ValueError, match=r"^ratio=-1"):
        DropoutWithReplacement(-1)
    for x, new in ((IDS, 0.5), (IDS.byte(), -1), (IDS.byte(), torch.tensor(300)), (IDS.half(), 1e6)):
        with pytest.raises(ValueError, match=r"^replacement=.* does not fit x's dtype"):
            dropout_with_replacement(x, 0.5, new)
    for seed in (1.5, True, "1", torch.tensor(1)):
        with pytest.raises(TypeError, match=r"^seed=.*: must be a whole number, not"):
            dropout_with_replacement(IDS, 0.5, 1, seed=seed)
    shown = "SparseDropoutWithReplacement(ratio=0.5, replacement_value=7, itemwise=False, include_last_offset=True)"
    assert str(SparseDropoutWithReplacement(0.5, 7, include_last_offset=True)) == shown
    shown = "DropoutWithReplacement(ratio=0.5, replacement=tensor(7,), scaled=True, per_feature=False)"
    assert str(DropoutWithReplacement(0.5, torch.ones(7), scaled=True)) == shown
