import pytest
from hypothesis import given
from hypothesis import strategies as st

from small_sets import voc_object, voc_xml
from yolov2.data.entry import DIFFICULT, LARGEST_LABEL, Entry
from yolov2.data.voc_xml import parse_annotation, parse_voc

CAT = voc_object("cat", (1, 2, 30, 40))


def flaws(text):
    data = text.encode() if isinstance(text, str) else text
    return [
        (flaw.code, f"{flaw.place}: found {flaw.found}, expected {flaw.expected}; {flaw.repair}", flaw.is_error)
        for flaw in parse_annotation(data).flaws
    ]


def test_an_annotation_has_its_objects_as_written_each_with_its_line():
    dog = voc_object("dog", (3, 4.5, 5, 6), extra="<difficult>1</difficult>\n")
    entry = parse_annotation(voc_xml(CAT, dog).encode())
    assert entry == Entry((40, 60), "", ("cat", "dog"), (1, 2, 30, 40, 3, 4.5, 5, 6), (0, DIFFICULT), (6, 15))


def test_a_part_of_an_object_is_no_object():
    part = "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>"
    person = voc_object("person", (1, 2, 30, 40))
    for whole in (person.replace("</object>", f"{part}</object>"), person.replace("<object>", f"<object>{part}")):
        entry = parse_annotation(voc_xml(whole).encode())
        assert (entry.classes, entry.numbers) == (("person",), (1, 2, 30, 40))


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ("<size/>", None),
        ("<size><width>0</width><height>40</height></size>", None),
        ("<size><width>60</width><height>0</height></size>", None),
        ("<size><width>60</width><height>x</height></size>", None),
        ("<size><width>60</width><height>40</height></size>", (40, 60)),
    ],
)
def test_a_size_counts_only_where_it_is_one(said, size):
    assert parse_annotation(f"<annotation>{said}</annotation>".encode()).size == size


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252", "shift_jis", "gb18030"])
def test_an_annotation_is_read_in_the_encoding_that_it_names(encoding):
    name = "猫" if encoding in ("utf-8", "utf-16", "shift_jis", "gb18030") else "Kätzchen"
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n' + voc_xml(voc_object(name, (1, 2, 3, 4)))
    assert parse_annotation(text.encode(encoding)).classes == (name,)


def test_text_that_is_not_utf_8_and_names_no_encoding_is_read_as_latin_1_with_a_word():
    data = voc_xml(voc_object("Kätzchen", (1, 2, 3, 4))).encode("latin-1")
    assert parse_annotation(data).classes == ("Kätzchen",)
    assert flaws(data) == [
        ("encoding", "7: found text that is not UTF-8, expected UTF-8; read as Latin-1; save it as UTF-8", False)
    ]


BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]>
<annotation><object><name>&lol2;</name></object></annotation>"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            BOMB,
            (
                "xml-broken",
                ": found a document type declaration, expected XML without one; remove the lines from <!DOCTYPE to its >",
                True,
            ),
        ),
        (
            "<annotation>\n<object>\n</annotation>",
            (
                "xml-broken",
                "3: found XML that does not parse (mismatched tag), expected a VOC annotation; correct the line",
                True,
            ),
        ),
        (
            "",
            (
                "xml-broken",
                "1: found XML that does not parse (no element found), expected a VOC annotation; correct the line",
                True,
            ),
        ),
        (
            "<annotations/>",
            (
                "xml-broken",
                "1: found <annotations> around everything, expected <annotation>; give VOC annotations, or convert these to VOC",
                True,
            ),
        ),
        (
            '<?xml version="1.0" encoding="klingon"?><annotation/>',
            (
                "xml-broken",
                "1: found text in an encoding that can't be read (unknown encoding: klingon), expected the encoding that the first line names; save it as UTF-8",
                True,
            ),
        ),
        (
            voc_xml(CAT.replace("<xmax>30</xmax>", "<xmax>3O</xmax>")),
            ("label-number", "6: found <xmax>3O</xmax>, expected a number; correct or remove the object", True),
        ),
        (
            voc_xml(CAT.replace("<xmax>30</xmax>", "<xmax>nan</xmax>")),
            ("not-finite", "6: found the corners 1 2 nan 40, expected numbers; correct or remove the object", True),
        ),
        (
            voc_xml(CAT.replace("<ymax>40</ymax>\n", "")),
            ("xml-object", "6: found an object without <ymax>, expected xmin, ymin, xmax, ymax; add it", True),
        ),
        (
            voc_xml(CAT.replace("</object>", "<difficult>maybe</difficult></object>")),
            ("flag", "6: found <difficult>maybe</difficult>, expected 0 or 1; correct it; taken as 0", True),
        ),
        (
            voc_xml(CAT.replace("</bndbox>", "</bndbox><bndbox><xmin>5</xmin></bndbox>")),
            ("xml-object", "6: found two <bndbox> in one <object>, expected one; write an <object> for each", True),
        ),
    ],
)
def test_what_is_wrong_with_an_annotation_is_told_at_its_line(text, message):
    assert flaws(text) == [message]


def test_a_bad_object_leaves_the_others():
    entry = parse_annotation(voc_xml(CAT.replace("<xmax>30</xmax>", ""), voc_object("dog", (1, 2, 3, 4))).encode())
    assert (entry.classes, entry.numbers, entry.lines) == (("dog",), (1, 2, 3, 4), (15,))


def test_a_file_of_more_than_a_mebibyte_is_not_read(tmp_path):
    path = tmp_path / "a.xml"
    path.write_bytes(b" " * (LARGEST_LABEL + 1))
    flaw = parse_voc(str(path)).flaws[0]
    assert (flaw.code, flaw.found, flaw.expected) == (
        "label-unreadable",
        "1,048,577 bytes",
        "a VOC annotation of at most 1,048,576",
    )


@given(st.binary(max_size=200))
def test_any_bytes_are_an_annotation_or_a_flaw(data):
    entry = parse_annotation(data)
    assert entry.flaws or entry.lines == ()


@given(st.text(max_size=20), st.text(alphabet="<>&/axmin0123456789.-e \"'", max_size=60))
def test_any_text_in_an_object_is_an_object_or_a_flaw(name, inside):
    data = f"<annotation><object><name>{name}</name>{inside}</object></annotation>".encode(errors="surrogatepass")
    assert parse_annotation(data).flaws
