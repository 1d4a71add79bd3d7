"""The folder of a run: what a run that fails leaves of an earlier one."""

import pytest

from scripted import ScriptedDetector, pets
from yolov2.errors import OutputError
from yolov2.evaluate.evaluation import evaluate
from yolov2.evaluate.run_folder import prepare_folder, write_run


def test_what_failed_half_way_does_not_pass_as_a_whole_run(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    run = evaluate(pets(tmp_path), model=ScriptedDetector())
    folder = tmp_path / "out"
    prepare_folder(folder, force=False)
    write_run(folder, run)
    (folder / "curves.svg").unlink()
    (folder / "curves.svg").mkdir()
    prepare_folder(folder, force=True)
    with pytest.raises(OutputError):
        write_run(folder, run)
    assert not (folder / "metrics.json").exists()
