from html.parser import HTMLParser

import pytest

from churn_mlops.report import timelapse
from churn_mlops.report.lived import Course
from churn_mlops.report.timelapse import alarms, api, decided, facts, promised, sentence
from tests.unit.report.lapse import course, diary, lived, summary


class Page(HTMLParser):
    """Collects what the page names and fetches."""

    def __init__(self, text):
        super().__init__()
        self.open, self.fetched, self.ids = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        told = dict(attributes)
        self.fetched += [told[name] for name in ("src", "href") if name in told]
        self.ids += [told["id"]] if "id" in told else []


def render(name="price-change"):
    return timelapse.render(summary(name), diary())


def test_the_page_needs_nothing_else():
    page = Page(render())
    assert page.fetched == []
    assert "<script" not in render()
    assert len(page.ids) == len(set(page.ids))


def test_the_same_inputs_give_the_same_page():
    assert render() == render()


def test_words_of_data_are_escaped():
    assert "<b>minutes</b>" not in render()
    assert "&lt;b&gt;minutes" in render()


def test_every_decision_is_in_the_table():
    page = render()
    for text in ("waits, 10\u00a0days", "waits, 24\u00a0days", "promoted: +0.02", "CHN506 too few"):
        assert text in page
    assert decided(lived()).startswith(
        "Of 3 decisions to act: 1 promoted, 1 refused and 1 put back"
    )
    assert decided(lived()[:10]) == "There was no reason to train on any day."


def of(**over):
    return Course.model_validate(summary() | over)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (course(), "The world changed: the alarm on day one, a new training 5\u00a0days after"
         " labels could tell."),
        (of(days_to_retrain=None, first_alarm="2025-07-03"), "The world changed: the alarm after"
         " 3\u00a0days, and no training since labels could tell."),
        (of(expected="nothing"), "A bad week: the alarm on day one, and nothing was learned from"
         " it."),
        (of(expected="nothing", retrains_on_bad_days=["2025-07-01"]), "A bad week: the alarm on day"
         " one, and 1 training on bad days."),
        (course("calm"), "104\u00a0days went by in which nothing happened: 2 trainings,"
         " 1 promotion."),
    ],
)  # fmt: skip
def test_the_first_sentence_is_what_it_came_to(told, said):
    assert sentence(told, lived()) == said


def test_numbers_below_it():
    told = dict(facts(course(), lived()))
    assert told["Trainings"] == "2: 1 promoted, 1 refused, 1 put back"
    assert told["Requests that failed"] == "0 of 936"
    assert dict(facts(of(retrains=[]), lived()))["Trainings"] == "none"


def test_promises_are_counted_where_the_truth_is_known():
    days = lived()[:4]
    days[0] = days[0].model_copy(update={"pr_auc_realised": 0.5})
    days[1] = days[1].model_copy(update={"pr_auc_realised": None})
    assert promised(days) == "2 of 3"
    assert promised([]) == "–"


def test_alarms_in_a_row_are_one():
    found = alarms(lived())
    assert [one["length"] for one in found] == ["35\u00a0days", "1\u00a0day"]
    assert found[0]["text"].startswith("FAIL: ")
    assert found[1]["text"] == "CHN105: 8 %"


def test_the_api_is_told_of_when_it_was_asked():
    said = api(course(), lived())
    assert "936 times" in said
    assert "all of them were answered" in said
    assert "still answered with the model before" in said
    assert api(course(), [day.model_copy(update={"api": None}) for day in lived()]) == ""
    assert "4 of them failed" in api(of(failed_requests=4), lived())


def test_a_page_without_days():
    assert "There was no reason" in timelapse.render(summary(), [])
