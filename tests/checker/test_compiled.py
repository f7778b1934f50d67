"""What is compiled is kept under the sources of all kernels."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.kernel import compiled


def test_a_kernel_is_kept_elsewhere_once_any_kernel_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version() -> str:
        compiled._version.cache_clear()
        return compiled._version()

    here = version()
    for path in compiled.HERE.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(compiled, "HERE", tmp_path)
    assert version() == here
    with (tmp_path / "rows.py").open("a") as rows:
        rows.write("# changed\n")
    assert version() != here
    monkeypatch.undo()
    assert version() == here


def test_where_numba_keeps_what_others_compile_is_left_as_it_was() -> None:
    was = compiled.NUMBA.config.CACHE_DIR
    compiled.kernel(lambda n: n)
    assert was == compiled.NUMBA.config.CACHE_DIR
