"""Fewer combinations of a test's parameters."""

import itertools

import pytest


def every_triple(**values: list) -> pytest.MarkDecorator:
    """Return a mark that runs a test with few combinations of values: any three of three parameters meet in one.

    Each value of each parameter is used. A fault that shows only where four certain values meet may be missed.
    """
    combinations = list(itertools.product(*(range(len(each)) for each in values.values())))
    triples = {each: set(itertools.combinations(enumerate(each), min(3, len(values)))) for each in combinations}
    chosen, left = [], set().union(*triples.values())
    while left:
        chosen.append(max(combinations, key=lambda each: len(triples[each] & left)))
        left -= triples[chosen[-1]]
    given = [[each[place] for each, place in zip(values.values(), places, strict=True)] for places in sorted(chosen)]
    return pytest.mark.parametrize(list(values), given, ids=["-".join(map(str, each)) for each in given])
