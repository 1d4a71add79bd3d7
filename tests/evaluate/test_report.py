"""report.html: what is on it, that it needs nothing beside it, and that a browser shows it without complaint."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from scripted import OBJECTS, SAID, SPLITS, ScriptedDetector, pets
from small_sets import voc_object, voc_xml, write_voc
from yolov2.evaluate.evaluation import evaluate
from yolov2.evaluate.metrics_file import compare_runs, read_metrics, write_metrics
from yolov2.evaluate.report import page_of, write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
VOID = {"meta", "link", "br", "img", "input"}


@pytest.fixture(autouse=True)
def no_cache_of_mine(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))


@pytest.fixture
def run(tmp_path):
    return evaluate(pets(tmp_path), model=ScriptedDetector())


class Checked(HTMLParser):
    """Elements that are opened and closed in order, and what they refer to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.links += [value or "" for key, value in attrs if key in ("href", "src", "srcset", "data", "action")]
        self.ids += [value or "" for key, value in attrs if key == "id"]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_is_whole_and_refers_to_nothing_outside_itself(run):
    page = page_of(run)
    said = Checked(page)
    assert said.open == []
    inside = [link for link in said.links if not link.startswith("data:")]
    assert inside == [f"#{name}" for name in ("classes", "rules", "curves", "confusion", "calibration", "mistakes")]
    assert {link[1:] for link in inside} <= set(said.ids)
    assert "<script" not in page
    assert not re.findall(r"url\(|@import|https?://(?!www\.w3\.org)", page)
    assert "default-src 'none'" in page


def test_scores_and_classes_are_on_it(run):
    page = page_of(run)
    assert re.findall(r"<title>ScriptedDetector on (.*)</title>", page) == ["pets@val: 56.1 mAP"]
    (row,) = re.findall(r"<tr><td>fox</td>.*?</tr>", page)[:1]
    coco = f"{100 * run.coco.per_class[1]:.1f}"
    assert re.findall(r">([^<>]+)<", row) == ["fox", "2", "84.8", "83.3", coco, "0.80", "0.30", "0.67", "1.00"]
    assert "cat=0.253,fox=0.303" in page


def test_the_worst_mistakes_are_pictures_with_truth_and_detection(run):
    page = page_of(run)
    counts = dict(re.findall(r'<h3 id="(\w+)">[^<]* <span class="quiet">(\d+)</span>', page))
    assert counts == {"missed": "1", "class": "0", "box": "0", "background": "1", "twice": "1"}
    missed, background, twice = re.findall(r"<figure>(.*?)</figure>", page)
    assert re.findall(r'<rect class="(\w+)"', missed) == ["truth"]
    assert re.findall(r'<rect class="(\w+)"', background) == ["found"]
    assert re.findall(r'<rect class="(\w+)"', twice) == ["other", "truth", "found"]
    assert 'class="key truth">cat</span>' in missed
    assert 'class="key found">cat 0.95</span>' in background
    assert "<span>IoU 0.78</span>" in twice
    assert all("data:image/jpeg;base64," in card for card in (missed, background, twice))


def test_so_many_mistakes_are_shown_as_asked_for(run):
    assert page_of(run, cards=0).count("<figure>") == 0


def test_names_can_not_write_on_the_page(tmp_path):
    odd = '<b onclick="x">$body</b>'
    annotation = voc_xml(voc_object(odd.replace("<", "&lt;"), (11, 6, 30, 25)))
    folder = write_voc(tmp_path / "o&d <d>", {"<i>": annotation}, {"val": ["<i>"]})
    said = {"<i>": [(odd, 0.9, (10, 5, 30, 15))]}
    page = page_of(evaluate(folder, model=ScriptedDetector(said, names=(odd,))))
    assert Checked(page).open == []
    assert odd not in page
    assert "&lt;b onclick=" in page
    assert "<i>" not in page


def test_a_picture_that_is_gone_leaves_a_card_without_it(run, tmp_path):
    (tmp_path / "pets" / "JPEGImages" / "c.jpg").unlink()
    missed = re.findall(r"<figure>(.*?)</figure>", page_of(run))[0]
    assert "<image" not in missed
    assert '<rect class="truth"' in missed


def test_pictures_that_failed_and_classes_left_out_are_told_of(tmp_path):
    folder = pets(tmp_path)
    (folder / "JPEGImages" / "b.jpg").write_bytes(b"not a picture")
    page = page_of(evaluate(folder, model=ScriptedDetector({}, names=("cat",))))
    first, second = re.findall(r'<p class="warn">(.*?)</p>', page)
    assert first.startswith(f"1 picture could not be read and left out, the first: {folder}/JPEGImages/b.jpg: found ")
    assert second == "Left out, since the model does not have it: fox"


def test_two_runs_stand_side_by_side(run, tmp_path):
    said = SAID | {"c": [("cat", 0.99, (5, 5, 35, 35))]}
    write_metrics(tmp_path / "metrics.json", run)
    now = evaluate(tmp_path / "pets", model=ScriptedDetector(said))
    page = page_of(now, changes=compare_runs(now, read_metrics(tmp_path)))
    (row,) = re.findall(r"<tr><td>VOC 2012 mAP</td>.*?</tr>", page)
    assert re.findall(r"<td[^>]*>([^<>]+)<", row) == ["VOC 2012 mAP", "54.2", "83.3", "+29.2"]
    assert re.findall(r'class="up">([^<]+)', re.findall(r"<tr><td>cat</td>.*?</tr>", page)[0])[:2] == ["+57.6", "+58.3"]


def test_the_same_run_makes_the_same_page(run, tmp_path):
    write_report(tmp_path / "report.html", run)
    assert (tmp_path / "report.html").read_text() == page_of(run)


def test_a_run_that_found_nothing_has_a_page(tmp_path):
    page = page_of(evaluate(pets(tmp_path), model=ScriptedDetector({})))
    assert Checked(page).open == []
    assert re.findall(r'<h3 id="missed">Missed <span class="quiet">(\d)', page) == ["4"]


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium to open the page in")
def test_a_browser_shows_the_page_without_a_word(tmp_path):
    stems = {f"{stem}{number}": [*rows] for number in range(5) for stem, rows in OBJECTS.items()}
    many = {stem: voc_xml(*rows) for stem, rows in stems.items()}
    folder = write_voc(tmp_path / "many", many, {"val": list(many)})
    said = {f"{stem}{number}": SAID[stem] for number in range(5) for stem in OBJECTS}
    write_report(tmp_path / "report.html", evaluate(folder, model=ScriptedDetector(said)))
    shown, words = browse(tmp_path / "report.html", tmp_path)
    assert words == []
    assert Checked(shown).open == []
    assert shown.count("<figure>") == 15


def test_the_splits_of_the_small_set_are_as_these_tests_expect():
    assert SPLITS["val"] == sorted(OBJECTS)


def browse(page: Path, folder: Path) -> tuple[str, list[str]]:
    """The document as the browser has it when all is loaded, and what it wrote to its console."""
    assert BROWSER is not None
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"]
    options += [f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=5000", "--dump-dom"]
    child = subprocess.run([BROWSER, *options, page.as_uri()], capture_output=True, text=True, timeout=110, check=True)
    return child.stdout, [line for line in child.stderr.splitlines() if "CONSOLE" in line]
