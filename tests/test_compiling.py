import math

import numba

from workbench.compiling import compiler


def test_divides_as_numpy_does():
    assert compiler()(lambda a, b: a / b)(1.0, 0.0) == math.inf


def test_compiles_where_no_folder_can_keep_the_result(monkeypatch):
    njit, asked = numba.njit, []

    def without_cache(function, **options):
        asked.append(options.get("cache", False))
        if asked[-1]:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(function, **options)

    monkeypatch.setattr(numba, "njit", without_cache)
    assert compiler()(lambda a: a + 1)(2) == 3
    assert asked == [True, False]
