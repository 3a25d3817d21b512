"""The picture of a time lapse: lines and strips over the same days, one below the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from functools import partial

from markupsafe import Markup

from churn_mlops.report import words
from churn_mlops.report.charts import Scale, ticks
from churn_mlops.report.lived import Course, Deed, Lived, deeds, reigns
from churn_mlops.report.markup import tag

WIDE, NARROW = 1_000, 400
LEFT, RIGHT, TOP = 46, 8, 58
FLAGS = TOP - 34
PANEL, GAP = 168, 44
STRIP, ROW, MARK = 20, 23, 9.0
COLOURS = 6
LETTER = 6.6
SIGNS = {"promoted": "promoted", "refused": "refused", "reverted": "put back", "trained": "trained"}

Value = Callable[[Lived], float | None]


class Board:
    """A picture under construction, from top to bottom.

    Parameters
    ----------
    days : sequence of Lived
        At least one, in order.
    course : Course
    width : int
        Of the drawing; text has the same size in all.
    """

    def __init__(self, days: Sequence[Lived], course: Course, width: int) -> None:
        self.days, self.course, self.width = days, course, width
        self.first, self.end = days[0].day, days[-1].day + timedelta(days=1)
        self._x = Scale(self.first.toordinal(), self.end.toordinal(), LEFT, width - RIGHT)
        self._parts: list[Markup] = []
        self._y = TOP

    def x(self, day: date, part: float = 0.0) -> float:
        """Where a day begins, or a part of it."""
        return self._x(day.toordinal() + part)

    def panel(
        self,
        title: str,
        show: words.Show,
        lines: Sequence[tuple[str, Value]],
        band: tuple[Value, Value] | None = None,
        most: float | None = None,
    ) -> None:
        """Draw lines over the days, the first one lowest, and a band below them."""
        values = [v for day in self.days for _, get in lines if (v := get(day)) is not None]
        ends = [v for day in self.days for get in band or () if (v := get(day)) is not None]
        self._title(title)
        if not values:
            self._text("nothing is known yet", LEFT, self._y + 20, "tick")
            self._y += 40 + GAP
            return
        low, high = _room([*values, *ends], most)
        y = Scale(low, high, self._y + PANEL, self._y)
        for value in ticks(low, high, 4):
            self._line("grid", LEFT, self.width - RIGHT, y(value), y(value))
            self._text(show(value), LEFT - 8, y(value) + 4, "tick", "end")
        if band:
            for part in _runs(self.days, band):
                lows = [(self.x(d.day, 0.5), y(band[0](d) or 0.0)) for d in part]
                highs = [(self.x(d.day, 0.5), y(band[1](d) or 0.0)) for d in part]
                around = " ".join(f"{a:.1f},{b:.1f}" for a, b in [*highs, *reversed(lows)])
                self._add("polygon", class_="area strong", points=around)
        for style, get in lines:
            for part in _runs(self.days, (get,)):
                points = [(self.x(d.day, 0.5), y(get(d) or 0.0)) for d in part]
                if len(points) == 1:
                    self._add("circle", class_=f"speck {style}", cx=points[0][0], cy=points[0][1],
                              r=1.6)  # fmt: skip
                where = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
                self._add("polyline", class_=f"line {style}", points=where)
        self._y += PANEL + GAP

    def drift(self) -> None:
        """Draw a field per day: what the drift check said."""
        self._title("Drift check")
        for day in self.days:
            level = "shut" if day.validation != "ok" else (day.drift or "none").lower()
            said = day.headline or day.validation
            self._parts.append(
                tag(
                    "rect", tag("title", f"{words.day(day.day)}: {said}"), class_=f"day {level}",
                    x=self.x(day.day), y=self._y, height=STRIP,
                    width=max(self.x(day.day, 1) - self.x(day.day) - 0.4, 0.6),
                )
            )  # fmt: skip
        self._y += STRIP + GAP

    def decisions(self) -> None:
        """Draw what was decided: waiting as bars, all else as numbered marks."""
        found = deeds(self.days)
        self._title("Decisions")
        if not found:
            self._text("no reason to train on any day", LEFT, self._y + 4, "tick")
            self._y += GAP
            return
        for deed in found:
            if deed.kind == "wait":
                self._wait(deed)
        base, rows = self._y + 24.0, [-1e9]
        marks = [deed for deed in found if deed.kind != "wait"]
        if not marks:
            self._y += GAP
            return
        for place, deed in enumerate(marks):
            at = self.x(deed.first, 0.5)
            row = next((n for n, end in enumerate(rows) if at - MARK > end), len(rows))
            if row == len(rows):
                rows.append(0.0)
            text = f"{SIGNS[deed.kind]}, {words.short_day(deed.first)}"
            nearest = self.x(marks[place + 1].first, 0.5) if place + 1 < len(marks) else 1e9
            fits = at + 2 * MARK + LETTER * len(text) < min(nearest - MARK, self.width)
            rows[row] = at + MARK + 2 + (LETTER * len(text) + 8 if fits else 0)
            self._mark(deed, at, base + row * ROW, text if fits else None)
        self._y = int(base + len(rows) * ROW + GAP - 8)

    def champions(self) -> None:
        """Draw who was champion when."""
        self._title("Champion")
        for reign in reigns(self.days):
            start, end = self.x(reign.days[0].day), self.x(reign.days[-1].day, 1)
            hint = f"{reign.version}: {words.days(len(reign.days))}"
            self._parts.append(
                tag(
                    "rect", tag("title", hint), class_=f"reign c{reign.colour % COLOURS}",
                    x=start, y=self._y, width=max(end - start - 1.5, 1), height=STRIP + 4, rx=2,
                )
            )  # fmt: skip
            name = reign.version[:7]
            if end - start > LETTER * len(name) + 12:
                self._text(name, start + 7, self._y + 16.5, "reign-name")
        self._y += STRIP + 4 + 8

    def svg(self, label: str) -> Markup:
        """Finish: the months, the bad days and the change go through everything."""
        bottom = self._y
        back: list[Markup] = []
        if self.course.bad_days:
            start, end = self.x(self.course.bad_days[0]), self.x(self.course.bad_days[-1], 1)
            back.append(tag("rect", tag("title", "bad days"), class_="bad-days", x=start,
                            y=FLAGS, width=end - start, height=bottom - FLAGS))  # fmt: skip
            self._flag("bad days", self.course.bad_days[0], bottom, "")
        elif self.course.change and self.first <= self.course.change < self.end:
            self._flag("the change", self.course.change, bottom, "change")
        if self.course.learnable and self.first <= self.course.learnable < self.end:
            self._flag("first labels", self.course.learnable, bottom, "labels")
        months = self._months(bottom)
        height = bottom + 26
        return tag(
            "svg", tag("title", label), *back, *months, *self._parts,
            class_="board", viewBox=f"0 0 {self.width} {height}", role="img", aria_label=label,
        )  # fmt: skip

    def _flag(self, text: str, day: date, bottom: float, style: str) -> None:
        """Name a day; where two may be close, each has its own line."""
        at, y = self.x(day), FLAGS + (10 if style == "labels" else -5)
        if style:
            self._line(f"flag {style}", at, at, FLAGS, bottom)
        right = at + 5 + LETTER * len(text) > self.width
        shift, anchor = (-5, "end") if right else (5, "start")
        self._text(text, at + shift, y, "flag-name", anchor)

    def _months(self, bottom: float) -> list[Markup]:
        parts = []
        month = self.first.replace(day=1)
        while month < self.end:
            if month >= self.first:
                at = self.x(month)
                parts.append(tag("line", class_="month", x1=at, x2=at, y1=TOP, y2=bottom))
                name = words.short_day(month)[2:]
                if at + LETTER * 4 < self.width:
                    parts.append(tag("text", name, class_="tick", x=at + 3, y=bottom + 18))
            month = (month + timedelta(days=32)).replace(day=1)
        return parts

    def _wait(self, deed: Deed) -> None:
        start, end = self.x(deed.first), self.x(deed.last, 1)
        checks = ", ".join(deed.days[0].waits_for)
        hint = f"{span(deed)}: waits for {checks}. {deed.days[-1].reason}"
        self._parts.append(
            tag("rect", tag("title", hint), class_="waiting", x=start, y=self._y,
                width=max(end - start - 0.6, 1.2), height=9, rx=1.5)
        )  # fmt: skip

    def _mark(self, deed: Deed, at: float, y: float, text: str | None) -> None:
        day = deed.days[0]
        hint = tag("title", f"{words.day(day.day)}: {SIGNS[deed.kind]}. {day.reason}")
        self._line("stem", at, at, self._y, y)
        self._parts.append(tag("circle", hint, class_=f"mark {deed.kind}", cx=at, cy=y, r=MARK))
        self._text(str(deed.number), at, y + 4, f"mark-name {deed.kind}", "middle")
        if text:
            self._text(text, at + MARK + 5, y + 4.5, "note")

    def _title(self, text: str) -> None:
        self._text(text, LEFT - 38, self._y - 12, "title")

    def _line(self, style: str, x1: float, x2: float, y1: float, y2: float) -> None:
        self._add("line", class_=style, x1=x1, x2=x2, y1=y1, y2=y2)

    def _text(self, text: str, x: float, y: float, style: str, anchor: str = "start") -> None:
        self._parts.append(tag("text", text, class_=style, x=x, y=y, text_anchor=anchor))

    def _add(self, name: str, **attributes: str | float | None) -> None:
        self._parts.append(tag(name, **attributes))


def board(days: Sequence[Lived], course: Course, width: int) -> Markup:
    """Draw a whole time lapse."""
    picture = Board(days, course, width)
    picture.panel(
        "Who leaves: expected by the list, and true",
        words.percent,
        [("truth", lambda day: day.churn_true), ("strong", lambda day: day.risk_mean)],
    )
    picture.panel(
        "How good the list is: PR AUC",
        partial(words.number, decimals=2),
        [
            ("chance", lambda day: day.oracle_pr_auc),
            ("strong thin", lambda day: day.pr_auc_estimated),
            ("truth", lambda day: day.pr_auc_realised),
        ],
        (lambda day: day.pr_auc_low, lambda day: day.pr_auc_high),
        most=1.0,
    )
    picture.drift()
    picture.decisions()
    picture.champions()
    about = f"{words.days(len(days))} from {words.day(days[0].day)}"
    return picture.svg(f"The course of {about}")


def span(deed: Deed) -> str:
    """The days of a deed."""
    if deed.first == deed.last:
        return words.middle_day(deed.first)
    return f"{words.short_day(deed.first)} to {words.middle_day(deed.last)}"


def _room(values: Sequence[float], most: float | None) -> tuple[float, float]:
    """A range around the values; the lowest hundredth of them may stick out of a long one."""
    low, high = min(values), max(values)
    air = (high - low) * 0.08 or 0.02
    return max(low - air, 0.0), high + air if most is None else min(high + air, most)


def _runs(days: Sequence[Lived], gets: Iterable[Value]) -> list[list[Lived]]:
    """Days in a row on which all values are there."""
    wanted = tuple(gets)
    found: list[list[Lived]] = []
    for day in days:
        if any(get(day) is None for get in wanted):
            continue
        if found and day.day - found[-1][-1].day == timedelta(days=1):
            found[-1].append(day)
        else:
            found.append([day])
    return found
