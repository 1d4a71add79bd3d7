"""The small copies of Darknet's numbers in the repository are those beside it, byte for byte."""

import pytest


@pytest.mark.golden
def test_copies_are_unchanged(golden, small_golden):
    copies = [path.relative_to(small_golden) for path in small_golden.rglob("*") if path.is_file()]
    assert len(copies) > 100
    assert [str(name) for name in copies if (small_golden / name).read_bytes() != (golden / name).read_bytes()] == []
