from __future__ import annotations

from churn_mlops.report.markup import tag


def test_text_and_attributes_are_escaped() -> None:
    made = str(tag("text", "<b>&", title='" onload="x'))
    assert made == '<text title="&#34; onload=&#34;x">&lt;b&gt;&amp;</text>'


def test_markup_inside_stays_and_braces_are_harmless() -> None:
    assert str(tag("g", tag("i", "{0} {x}"))) == "<g><i>{0} {x}</i></g>"


def test_numbers_are_short_and_none_is_left_out() -> None:
    made = str(tag("line", class_="a", x1=1.0, x2=2.25, y1=-0.001, y2=None, stroke_width=3))
    assert made == '<line class="a" x1="1" x2="2.25" y1="0" stroke-width="3"></line>'
