import pytest

from churn_mlops.data.synthetic_streams import FIRST_DAY, Purpose, stream


def test_same_key_same_numbers():
    first = stream(7, Purpose.ACTIVITY, 3, 20).random(5)
    assert (first == stream(7, Purpose.ACTIVITY, 3, 20).random(5)).all()


@pytest.mark.parametrize(
    "other",
    [
        (8, Purpose.ACTIVITY, 3, 20),
        (7, Purpose.BILLING, 3, 20),
        (7, Purpose.ACTIVITY, 4, 20),
        (7, Purpose.ACTIVITY, 3, 21),
        (7, Purpose.ACTIVITY, 3, -365),
        (7, Purpose.ACTIVITY, 3),
    ],
)
def test_any_difference_gives_other_numbers(other):
    assert not (stream(7, Purpose.ACTIVITY, 3, 20).random(5) == stream(*other).random(5)).any()


def test_more_draws_begin_with_the_fewer():
    few, many = stream(1, Purpose.PLAN, 0).random((3, 2)), stream(1, Purpose.PLAN, 0).random((9, 2))
    assert (many[:3] == few).all()


def test_purposes_are_distinct():
    assert len({int(purpose) for purpose in Purpose}) == len(Purpose.__members__)


@pytest.mark.parametrize(("seed", "day"), [(-1, 0), (2**64, 0), (0, FIRST_DAY - 1)])
def test_refuses_what_has_no_stream(seed, day):
    with pytest.raises(ValueError, match=r"not in|before"):
        stream(seed, Purpose.PLAN, 0, day)
