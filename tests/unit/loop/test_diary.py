import json

from churn_mlops.loop import diary
from tests.unit.loop.lapse import day, waits


def test_what_is_written_is_read(tmp_path):
    days = [day(0), waits(1, "CHN502", "CHN506")]
    for one in days:
        diary.append(tmp_path, one)
    assert diary.read(tmp_path) == days
    lines = (tmp_path / diary.NAME).read_text().splitlines()
    assert [json.loads(line)["day"] for line in lines] == ["2025-05-01", "2025-05-02"]


def test_a_line_that_was_broken_off_is_not_there(tmp_path):
    diary.append(tmp_path, day(0))
    with (tmp_path / diary.NAME).open("a") as file:
        file.write(day(1).line()[:40])
    assert diary.read(tmp_path) == [day(0)]


def test_no_diary_no_days(tmp_path):
    assert diary.read(tmp_path) == []


def test_it_can_be_written_anew(tmp_path):
    diary.append(tmp_path, day(0))
    diary.write(tmp_path, [day(0, churn_true=0.2)])
    assert diary.read(tmp_path)[0].churn_true == 0.2
