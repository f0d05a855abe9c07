"""What the rows of an embedding table and the steps of optimizers cost."""

from workbench.cost.loop_cost import DIRECTIONS, loop_cost
from workbench.cost.record import Cost, checked_choice, checked_count, checked_itemsize

# What a parameter takes, and the numbers of state beside it. The arithmetic is spelled out in `optimizer_step`.
OPTIMIZERS = {
    "sgd": (Cost(multiply_adds=1), 0),
    "momentum": (Cost(multiply_adds=2), 1),
    "adagrad": (Cost(multiply_adds=1, other_flops=3, square_roots=1, divisions=1), 1),
    "adam": (Cost(multiply_adds=2, other_flops=6, square_roots=1, divisions=1), 2),
}


def embedding_lookup(direction: str, indices: int, length: int, *, itemsize: int = 4, index_itemsize: int = 8) -> Cost:
    """Count gathering `indices` rows of `length` elements from a table.

    forward reads the indices and the rows, and writes the rows: no operations. The gradient reads the indices, dy and
    the table's rows, and writes the rows back, in place: an addition an element, once for each time a row is named.
    """
    checked_choice("direction", direction, DIRECTIONS)
    indices, length = checked_count("indices", indices), checked_count("length", length)
    size, elements = checked_itemsize(itemsize), indices * length
    named = indices * checked_itemsize(index_itemsize, (4, 8), "index_itemsize")
    if direction == "forward":
        return loop_cost(named + elements * size, elements * size)
    return Cost(other_flops=elements) + loop_cost(named + 2 * elements * size, elements * size, allocated=0)


def optimizer_step(name: str, parameters: int, *, itemsize: int = 4) -> Cost:
    """Count one step of an optimizer, in place: reads parameters w, gradient g and state, writes w and state.

    sgd        w -= rate g                                                      1 multiply-add
    momentum   v = mu v + g;  w -= rate v                                       2 multiply-adds
    adagrad    h += g g;  w -= rate g / (sqrt(h) + epsilon)                     1 multiply-add, 1 root, 1 division, and
                                                                                3 flops: a product, 1 each for + and -
    adam       m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g g;                 2 multiply-adds, 1 root, 1 division, and
               w -= rate_t m / (sqrt(v) + epsilon)                              6 flops: 4 products, 1 each for + and -

    Adam's rate_t holds both corrections of the bias, as at the end of section 2 of Kingma and Ba, 2014; it is worked
    out once a step and counts nothing.
    """
    checked_choice("name", name, tuple(OPTIMIZERS))
    parameters, size = checked_count("parameters", parameters), checked_itemsize(itemsize)
    each, states = OPTIMIZERS[name]
    moved = parameters * size
    return parameters * each + loop_cost((2 + states) * moved, (1 + states) * moved, allocated=0)
