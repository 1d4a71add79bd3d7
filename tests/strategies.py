"""Hypothesis strategies that several rooms' tests draw from."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray


@st.composite
def boxes_xyxy(draw: st.DrawFn, *, most: int = 8, span: float = 1000.0) -> NDArray[np.float64]:
    """(N, 4) boxes with x1 <= x2 and y1 <= y2, N from 0 to `most`; empty ones and ones that share an edge too."""
    count = draw(st.integers(0, most))
    # Quarters of a unit: equal edges happen, and no box is so thin that its area underflows.
    quarters = draw(hnp.arrays(np.int64, (count, 2, 2), elements=st.integers(0, int(4 * span))))
    corners = np.sort(quarters, axis=1) / 4.0  # (N, 2, 2) as corner, then x and y
    return corners.reshape(count, 4)


def picture_sizes(*, largest: int = 400) -> st.SearchStrategy[tuple[int, int]]:
    """(height, width) of a picture in pixels; slivers of one pixel among them."""
    return st.tuples(st.integers(1, largest), st.integers(1, largest))
