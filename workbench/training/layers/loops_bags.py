"""Compiled loops over bags of ids."""

from workbench.compiling import compiler


@compiler()
def add_rows(weight, ids, bags, back):
    """Add to each bag the rows of weight (worlds, rows, columns) that its ids name, or the bag to these rows if `back`.

    `bags` are (worlds, batch, columns), and `ids` (worlds, batch, length), where negative ids are not there.
    """
    for world in range(ids.shape[0]):
        for bag in range(ids.shape[1]):
            for place in range(ids.shape[2]):
                row = ids[world, bag, place]
                for column in range(weight.shape[2] if row >= 0 else 0):
                    if back:
                        weight[world, row, column] += bags[world, bag, column]
                    else:
                        bags[world, bag, column] += weight[world, row, column]
