"""Fixtures of these tests: each engine in turn, and each type of weights."""

import pytest

from .common import ENGINES, FLOATS


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture(params=FLOATS)
def dtype(request):
    return request.param
