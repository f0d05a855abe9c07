"""Fixtures of these tests: blocks are computed one after another, except where a test is about threads or processes."""

import dask
import pytest


@pytest.fixture(autouse=True)
def one_block_at_a_time():
    with dask.config.set(scheduler="synchronous"):
        yield
