"""The speeds on the page of accuracy: its table, its drawing, its worst rows."""

from typing import Any

import pytest

from app.web.charts.scatter import scatter
from app.web.contexts.accuracy import accuracy_page
from app.web.contexts.speed_accuracy import speed_accuracy


def table() -> dict[str, Any]:
    row = {"id": "a-1", "unit": "1/s", "measured": 100.0, "estimate": 110.0, "error": 0.095}
    group = {"kind": "decode", "group": "source/model", "rows": 1, "median": 0.095, "rules": [0.3, None]}
    return {
        "rules": ["one rule", "another rule"], "kinds": {"decode": {"median": 0.095, "groups": 1, "rules": [0.3, 0.2]}}, "groups": [group],
        "rows": [row, {**row, "id": "a-2", "measured": 5000.0, "estimate": 5000.0}], "worst": [{**row, "explanation": "a reason"}],
        "ranking": {"right": 9, "pairs": 10}, "coverage": 0.93,
    }  # fmt: skip


def test_a_right_estimate_lies_on_the_diagonal_and_one_too_high_above_it() -> None:
    drawing = scatter([("right", 10.0, 10.0, ""), ("high", 10.0, 100.0, ""), ("low", 1000.0, 100.0, "low")])
    assert drawing
    right, high, low = drawing.dots
    assert right.y == pytest.approx(100 - right.x)
    assert high.y < 100 - high.x
    assert low.y > 100 - low.x


def test_nothing_to_draw_gives_no_drawing() -> None:
    assert scatter([]) is None


def test_the_view_tells_groups_rules_and_reasons() -> None:
    view = speed_accuracy(table())
    assert view.kinds[0].name == "Decoding"
    assert view.kinds[0].rules == (0.3, 0.2)
    assert view.groups[0].rules == (0.3, None)
    assert view.worst[0].explanation == "a reason"
    assert view.chart
    assert len(view.chart.dots) == len(view.rows) == 2


def test_the_table_that_comes_along_has_ten_worst_rows_each_with_what_is_known_of_it() -> None:
    speed = accuracy_page().speed
    assert speed
    assert len(speed.worst) == 10
    assert all(row.explanation for row in speed.worst)
    assert abs(speed.worst[0].error) == max(abs(row.error) for row in speed.rows)
    assert all(len(group.rules) == len(speed.rules) for group in (*speed.kinds, *speed.groups))
