"""Each parity test compares as many cases as it promises, also where cases are left out."""

import pytest


@pytest.fixture(autouse=True)
def enough_cases(request):
    """200 cases for each layer, 20 for each model."""
    pytest.importorskip("torch")
    from parity.comparison import compared

    compared.clear()
    yield
    assert compared["cases"] >= (20 if "model" in request.module.__name__ else 200)
