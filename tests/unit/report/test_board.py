import xml.etree.ElementTree as ET
from datetime import date

import pytest

from churn_mlops.report.board import NARROW, WIDE, Board, board, span
from churn_mlops.report.lived import deeds
from tests.unit.report.lapse import course, lived

SVG = "svg"


def drawn(width=WIDE, name="price-change", days=None):
    return ET.fromstring(str(board(days or lived(), course(name), width)))


def of_class(tree, style):
    return [one for one in tree.iter() if style in one.get("class", "").split()]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nothing_lies_outside_the_drawing(width):
    tree = drawn(width)
    height = float(tree.get("viewBox").split()[3])
    for one in tree.iter():
        for name, most in (
            ("x", width),
            ("x1", width),
            ("x2", width),
            ("cx", width),
            ("y", height),
            ("y1", height),
            ("y2", height),
            ("cy", height),
        ):
            value = one.get(name)
            assert value is None or 0 <= float(value) <= most, (one.tag, one.attrib)


def test_every_day_has_its_field_with_what_the_check_said():
    tree = drawn()
    fields = of_class(tree, "day")
    assert len(fields) == len(lived())
    assert len([one for one in fields if "fail" in one.get("class")]) == 35
    assert len([one for one in fields if "shut" in one.get("class")]) == 1
    hints = [one[0].text for one in fields]
    assert "30 June 2025: FAIL: <b>minutes</b> moved".replace(" ", "\u00a0", 1) in hints


def test_decisions_are_marks_with_numbers_and_waiting_is_a_bar():
    tree = drawn()
    assert len(of_class(tree, "waiting")) == 2
    marks = of_class(tree, "mark")
    assert [one.get("class").split()[1] for one in marks] == ["promoted", "reverted", "refused"]
    assert [one.text for one in of_class(tree, "mark-name")] == ["1", "2", "3"]


def test_marks_never_cover_each_other():
    for width in (WIDE, NARROW):
        marks = of_class(drawn(width), "mark")
        places = [
            (float(one.get("cx")), float(one.get("cy")), float(one.get("r"))) for one in marks
        ]
        for i, (x, y, r) in enumerate(places):
            for a, b, _ in places[:i]:
                assert abs(x - a) >= 2 * r or abs(y - b) >= 2 * r


def test_champions_are_spans_in_their_colours():
    spans = of_class(drawn(), "reign")
    assert [one.get("class").split()[1] for one in spans] == ["c0", "c1", "c0"]
    widths = [float(one.get("width")) for one in spans]
    assert widths[0] > 10 * widths[1]


def test_a_change_and_its_first_labels_are_flagged():
    tree = drawn()
    assert [one.text for one in of_class(tree, "flag-name")] == ["the change", "first labels"]
    at = float(of_class(tree, "change")[0].get("x1"))
    assert at == pytest.approx(Board(lived(), course(), WIDE).x(date(2025, 6, 30)), abs=0.01)


def test_bad_days_are_shaded_for_as_long_as_they_last():
    tree = drawn(name="seconds")
    assert [one.text for one in of_class(tree, "flag-name")] == ["bad days"]
    width = float(of_class(tree, "bad-days")[0].get("width"))
    picture = Board(lived(), course("seconds"), WIDE)
    assert width == pytest.approx(
        picture.x(date(2025, 7, 7)) - picture.x(date(2025, 6, 30)), abs=0.1
    )


def test_lines_break_off_where_there_was_no_list():
    def pieces(tree):
        return len([one for one in of_class(tree, "strong") if one.tag == "polyline"])

    whole = [day.model_copy(update={"risk_mean": 0.1}) for day in lived()]
    assert pieces(drawn()) == pieces(drawn(days=whole)) + 1


def test_without_any_value_it_says_so():
    bare = [day.model_copy(update={"churn_true": None, "risk_mean": None}) for day in lived()[:3]]
    assert "nothing is known yet" in str(board(bare, course(), WIDE))


def test_a_deed_tells_its_days():
    found = deeds(lived())
    assert span(found[0]) == "1\u00a0Jul to 10\u00a0Jul\u00a02025"
    assert span(found[2]) == "4\u00a0Aug\u00a02025"


def test_a_quiet_time_has_no_decisions():
    quiet = drawn(days=lived()[:10])
    assert not of_class(quiet, "mark")
    assert not of_class(quiet, "waiting")
    assert "no reason to train on any day" in [one.text for one in quiet.iter()]
    waiting = drawn(days=lived()[60:70])
    assert len(of_class(waiting, "waiting")) == 1
    assert not of_class(waiting, "mark")
