"""Geometry of the drawings."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.charts.memory_bar import memory_bar
from app.web.charts.price_history import Sighting, price_history
from app.web.charts.scale import scale_for
from app.web.charts.scatter import scatter
from app.web.charts.tradeoff import Candidate, tradeoff

GIB = 2**30
TODAY = date(2026, 11, 20)

values = st.floats(min_value=0.01, max_value=1e12)


@given(st.lists(values, min_size=1, max_size=20))
def test_every_value_lies_on_its_scale_in_order(numbers: list[float]) -> None:
    scale = scale_for(numbers)
    percents = [scale.percent(number) for number in sorted(numbers)]
    assert percents == sorted(percents)
    assert all(0 <= percent <= 100 for percent in percents)


@given(st.lists(values, min_size=1, max_size=20))
def test_a_scale_has_ticks_inside_itself(numbers: list[float]) -> None:
    ticks = scale_for(numbers).ticks()
    assert ticks
    assert all(0 <= tick.percent <= 100 for tick in ticks)


def test_values_over_more_than_a_decade_are_drawn_logarithmically() -> None:
    assert scale_for([100, 900]).logarithmic is False
    assert scale_for([100, 1100]).logarithmic is True


@given(st.lists(st.integers(1, 500 * GIB), min_size=1, max_size=12))
def test_segments_follow_each_other_and_fill_what_the_total_fills(sizes: list[int]) -> None:
    bar = memory_bar([(f"term-{index}", "Term", size) for index, size in enumerate(sizes)], sum(sizes), sum(sizes))
    for before, after in zip(bar.segments, bar.segments[1:], strict=False):
        assert after.start == pytest.approx(before.start + before.width, abs=0.01)
    assert sum(segment.width for segment in bar.segments) == pytest.approx(bar.filled, abs=0.05)
    assert bar.filled <= 100


def test_the_bar_ends_at_the_smallest_card_that_holds_the_upper_end() -> None:
    bar = memory_bar([("weights", "Weights", 23 * GIB)], 22 * GIB, 25 * GIB)
    assert bar.marks[-1].label == "32 GB"
    assert bar.marks[-1].percent == 100
    assert bar.high == pytest.approx(25 / 32 * 100)


def test_a_need_beyond_every_card_is_drawn_against_servers() -> None:
    bar = memory_bar([("weights", "Weights", 700 * GIB)], 650 * GIB, 760 * GIB)
    assert bar.marks[-1].label == "16 \u00d7 80 GB"


def test_marks_leave_room_for_their_labels() -> None:
    bar = memory_bar([("weights", "Weights", 90 * GIB)], 80 * GIB, 95 * GIB)
    gaps = [after.percent - before.percent for before, after in zip(bar.marks, bar.marks[1:], strict=False)]
    assert min(gaps, default=100) >= 11


def machine(cost: int, speed: float, role: str = "") -> Candidate:
    return Candidate(anchor=f"m{cost}", title=f"{cost}", cost=cost, speed=speed, role=role)


def test_a_drawing_needs_two_machines_with_a_known_speed() -> None:
    assert tradeoff([machine(1000, 5.0), machine(2000, 0.0)]) is None


def test_dearer_is_further_right_and_faster_is_higher() -> None:
    chart = tradeoff([machine(1000, 5.0), machine(2000, 9.0)])
    assert chart is not None
    cheap, dear = chart.points
    assert cheap.x < dear.x
    assert cheap.y > dear.y


def test_the_front_leaves_out_machines_that_a_cheaper_one_beats() -> None:
    chart = tradeoff([machine(1000, 5.0), machine(1500, 4.0), machine(2000, 9.0)])
    assert chart is not None
    assert chart.front.count(",") == 2


def test_labels_of_near_points_do_not_cover_each_other() -> None:
    chart = tradeoff([machine(1000, 5.0, "Cheapest"), machine(1010, 5.1, "Best value"), machine(3000, 9.0, "Fastest")])
    assert chart is not None
    near = chart.points[:2]
    assert near[0].label_rise != near[1].label_rise


def seen(days_ago: int, price: int) -> Sighting:
    return Sighting(TODAY - timedelta(days=days_ago), price, f"{price}")


def test_a_price_line_stops_where_no_price_was_seen_for_long() -> None:
    history = price_history([seen(300, 100), seen(290, 120), seen(100, 150), seen(10, 140)], TODAY)
    assert history is not None
    assert [len(line.stretches) for line in history.lines] == [3]
    assert [days for _, days in history.gaps] == [190, 90]


def test_the_time_since_the_last_price_is_a_gap_too() -> None:
    history = price_history([seen(190, 100)], TODAY)
    assert history is not None
    assert [days for _, days in history.gaps] == [190]


def test_new_and_used_prices_are_lines_of_their_own() -> None:
    new, used = seen(20, 150), Sighting(TODAY - timedelta(days=10), 90, "90", "used")
    history = price_history([new, used], TODAY)
    assert history is not None
    assert [(line.name, len(line.dots)) for line in history.lines] == [("", 1), ("used", 1)]


def test_a_span_of_time_leaves_out_what_was_seen_before_it() -> None:
    history = price_history([seen(300, 900), seen(20, 150)], TODAY, since=TODAY - timedelta(days=90))
    assert history is not None
    assert sum(len(line.dots) for line in history.lines) == 1
    assert history.day_ticks[0].day == TODAY - timedelta(days=90)
    assert price_history([seen(300, 900)], TODAY, since=TODAY - timedelta(days=90)) is None


def test_a_price_never_drawn_is_no_drawing() -> None:
    assert price_history([], TODAY) is None


def test_the_money_axis_starts_at_nothing() -> None:
    history = price_history([seen(5, 50_000)], TODAY)
    assert history is not None
    assert history.price_ticks[0].value == 0
    assert history.price_ticks[0].percent == 100


def test_a_bar_of_ram_marks_what_memory_is_sold_in() -> None:
    bar = memory_bar([("tree_nodes", "Nodes", 80 * GIB)], 40 * GIB, 190 * GIB, of_ram=True)
    labels = [mark.label for mark in bar.marks]
    assert labels[-1] == "192 GB"
    assert "141 GB" not in labels


def test_names_of_points_close_to_each_other_stand_on_lines_of_their_own() -> None:
    drawing = scatter([("a", 10.0, 9.0, "a"), ("b", 11.0, 9.0, "b"), ("c", 10.0, 30.0, "c"), ("d", 1000.0, 1000.0, "")])
    assert drawing is not None
    left, right, above, _ = drawing.dots
    assert {left.rise, right.rise} == {16, 30}
    assert above.rise < 0
