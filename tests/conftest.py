"""What tests of several rooms share: the kernels of Debian that they look into."""

from __future__ import annotations

import pytest
from bpflab.kernels.kernel import Kernel
from bpflab.kernels.progress import Silent
from bpflab.kernels.store import resolve


@pytest.fixture(scope="session", params=["5.10", "6.1", "6.12", "7.2"])
def real_kernel(request: pytest.FixtureRequest) -> Kernel:
    """Each of the kernels that other tests boot: none is fetched for its types alone."""
    (kernel,) = resolve([request.param], "generic", Silent())
    return kernel
