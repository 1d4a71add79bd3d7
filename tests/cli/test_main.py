"""Dispatch, exit status, messages: what every command shares."""

import logging
import os
import signal
import subprocess
import sys
import warnings

import click
import pytest

from yolov2.cli import main as dispatch
from yolov2.cli.main import COMMANDS, root
from yolov2.errors import Yolov2Warning


def run_apart(*words: str, **more) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "yolov2", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)


@pytest.fixture
def odd_command(monkeypatch):
    """A function that makes the command `odd` do something."""

    def define(body):
        command = click.Command("odd", callback=body)
        monkeypatch.setattr(root, "get_command", lambda ctx, name: command)
        monkeypatch.setitem(COMMANDS, "odd", "nowhere")

    return define


@pytest.mark.skipif(sys.platform == "win32", reason="closes a descriptor as a shell on Linux does")
@pytest.mark.parametrize("closed", [1, 2])
def test_a_closed_output_is_no_error(closed):
    said = run_apart("models", "path", preexec_fn=lambda: os.close(closed))
    assert (said.returncode, said.stderr) == (0, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_in_its_help(yolov2, name):
    said = yolov2(name, "--help")
    assert (said.status, said.err) == (0, "")
    assert f"Usage: yolov2 {name}" in said.out
    assert f"Examples:\n    yolov2 {name}" in said.out


def test_help_names_every_command(yolov2):
    said = yolov2("--help")
    assert said.status == 0
    assert [name for name in COMMANDS if f"\n  {name}" not in said.out] == []


def test_the_version_is_the_packages(yolov2):
    assert yolov2("--version").out == f"yolov2 {dispatch.__version__}\n"


def test_a_mistyped_command_is_told_its_neighbour(yolov2):
    said = yolov2("detct")
    assert said.status == 2
    assert said.err.splitlines()[-1] == "Error: No such command 'detct'. Did you mean 'detect'?"


def test_a_picture_in_place_of_a_command_is_told_the_command(yolov2, here):
    said = yolov2("grey.jpg")
    assert said.status == 2
    assert said.err.endswith("To find objects in it, run: yolov2 detect grey.jpg\n")


def test_a_mistyped_option_is_told_its_neighbour(yolov2):
    said = yolov2("detect", "a.jpg", "--batsh", "2")
    assert (said.status, said.out) == (2, "")
    assert "--batsh" in said.err
    assert "--batch" in said.err


def test_no_command_is_a_mistake_that_shows_the_help(yolov2):
    said = yolov2()
    assert said.status == 2
    assert "Commands:" in said.err


def test_a_refusal_is_one_line_and_no_traceback(yolov2, here):
    said = yolov2("detect", "grey.jpg", "-m", "none.cfg", "--weights", "small.weights")
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("yolov2: none.cfg: ")
    assert said.err.count("\n") == 1


def test_debug_shows_the_traceback_too(yolov2, here):
    said = yolov2("detect", "grey.jpg", "-m", "none.cfg", "--weights", "small.weights", "--debug")
    assert said.status == 2
    assert said.err.startswith("Traceback (most recent call last):\n")
    assert said.err.splitlines()[-1].startswith("yolov2: none.cfg: ")


def test_a_warning_of_ours_is_one_line(yolov2, odd_command):
    odd_command(lambda: warnings.warn("names.txt: 3 names,\nfor 2 classes", Yolov2Warning, stacklevel=1))
    assert yolov2("odd") == (0, "", "warning: names.txt: 3 names,\\nfor 2 classes\n")
    assert yolov2("-q", "odd") == (0, "", "")


def test_the_same_warning_comes_as_often_as_it_is_given(yolov2, odd_command):
    odd_command(lambda: [warnings.warn("again", Yolov2Warning, stacklevel=1) for _ in range(2)] and None)
    assert yolov2("odd").err == "warning: again\n" * 2


def test_information_is_for_those_who_ask(yolov2, odd_command):
    odd_command(lambda: logging.getLogger("yolov2.graph").info("built"))
    assert yolov2("odd").err == ""
    assert yolov2("-v", "odd").err == "info: built\n"


def test_logging_is_as_before_after_a_run(yolov2, odd_command):
    log = logging.getLogger("yolov2")
    before = (log.level, log.propagate, list(log.handlers), warnings.showwarning)
    odd_command(lambda: None)
    yolov2("-vv", "odd")
    assert (log.level, log.propagate, list(log.handlers), warnings.showwarning) == before


def test_an_interrupt_has_status_130(yolov2, odd_command):
    def interrupted():
        raise KeyboardInterrupt

    odd_command(interrupted)
    said = yolov2("odd")
    assert said.status == 130
    assert said.err.strip() == "yolov2: interrupted"


def test_a_file_that_the_system_refuses_is_one_line(yolov2, odd_command):
    def refused():
        open("nowhere/at all").close()

    odd_command(refused)
    assert yolov2("odd") == (2, "", "yolov2: nowhere/at all: No such file or directory\n")


def test_too_little_memory_is_one_line(yolov2, odd_command):
    def refused():
        raise MemoryError

    odd_command(refused)
    said = yolov2("odd")
    assert said.status == 2
    assert said.err.startswith("yolov2: memory: found too little, ")


def test_a_fault_of_our_own_keeps_its_traceback(odd_command):
    odd_command(lambda: {}["missing"])
    with pytest.raises(KeyError, match="missing"):
        dispatch.main(["odd"])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this platform")
def test_output_that_can_not_be_written_is_one_line(here):
    command = [sys.executable, "-m", "yolov2", "info", "small.cfg"]
    with open("/dev/full", "w") as full:
        child = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (child.returncode, child.stderr) == (1, "yolov2: standard output: No space left on device\n")


def test_a_reader_that_leaves_ends_the_run_quietly(here):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "yolov2", "detect", "grey.jpg", "-m", "small.cfg", "--json"]
    child = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writer)
    assert (child.returncode, child.stderr) == (128 + signal.SIGPIPE, "")


def test_a_reader_that_leaves_does_not_end_the_work_on_files(here):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "yolov2", "-q", "detect", "grey.jpg", "-m", "small.cfg", "-o", "out"]
    child = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writer)
    assert (child.returncode, child.stderr) == (0, "")
    assert sorted(path.name for path in (here / "out").iterdir()) == ["detections.jsonl", "grey.jpg"]


def test_the_shell_can_complete_commands():
    environment = os.environ | {"_YOLOV2_COMPLETE": "bash_complete", "COMP_WORDS": "yolov2 de", "COMP_CWORD": "1"}
    child = run_apart(env=environment)
    assert (child.returncode, child.stdout) == (0, "plain,detect\n")


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("detect", "--help")], ids=" ".join)
def test_help_whose_reader_left_ends_as_every_command_does(words):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "yolov2", *words]
    child = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writer)
    assert (child.returncode, child.stderr) == (128 + signal.SIGPIPE, "")
