from churn_mlops.report.lived import deeds, kinds, reigns
from tests.unit.report.lapse import NEW, OLD, lived


def test_days_that_wait_for_the_same_are_one_deed():
    found = deeds(lived())
    told = [(deed.kind, deed.number, len(deed.days)) for deed in found]
    assert told == [
        ("wait", None, 10),
        ("wait", None, 24),
        ("promoted", 1, 1),
        ("reverted", 2, 1),
        ("refused", 3, 1),
    ]
    assert str(found[0].first) == "2025-07-01"
    assert str(found[0].last) == "2025-07-10"


def test_waiting_begins_anew_after_a_day_without():
    days = lived()
    found = deeds([days[61], days[63]])
    assert [len(deed.days) for deed in found] == [1, 1]


def test_a_day_can_go_back_and_train():
    both = lived()[95].model_copy(update={"reverted": True})
    assert kinds(both) == ["reverted", "promoted"]
    assert kinds(both.model_copy(update={"gate": None})) == ["reverted", "trained"]


def test_a_model_that_comes_back_keeps_its_colour():
    found = reigns(lived())
    assert [(one.version, len(one.days), one.colour) for one in found] == [
        (OLD, 95, 0),
        (NEW, 5, 1),
        (OLD, 4, 0),
    ]
    assert found[0].realised == [0.92] * 95
