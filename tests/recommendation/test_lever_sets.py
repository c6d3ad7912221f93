"""The smallest sets of options that reach a goal, against all sets there are."""

from collections.abc import Sequence
from itertools import combinations
from math import prod

from hypothesis import given
from hypothesis import strategies as st

from app.recommendation.lever_sets import MOST_JUDGED, LeverSets, Verdict

Option = tuple[int, float, int]  # its number, the share of the need that it leaves, its kind
OPTIONS = st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.7, 0.9, 1.0]), st.integers(0, 5)), max_size=7).map(
    lambda rows: [(number, share, kind) for number, (share, kind) in enumerate(rows)]
)
BEFORE = {"activations": 1.0}
GOALS = st.sampled_from([0.02, 0.1, 0.3, 0.5, 0.8])


def of_other_kinds(one: Option, other: Option) -> bool:
    return one[2] != other[2]


def left(members: Sequence[Option]) -> float:
    return prod(share for _, share, _ in members)


class Judge:
    """Says what sets do, where their parts add up, and keeps what it was asked."""

    def __init__(self, goal: float, impossible: frozenset[int] = frozenset()) -> None:
        self.goal, self.impossible = goal, impossible
        self.asked: list[Sequence[Option]] = []

    def __call__(self, members: Sequence[Option]) -> Verdict | None:
        self.asked.append(members)
        if self.impossible & {number for number, _, _ in members}:
            return None
        return Verdict(left(members) <= self.goal, {"activations": left(members)})


def every_smallest(options: Sequence[Option], goal: float) -> set[tuple[Option, ...]]:
    """By trying all."""
    sets = (one for size in (1, 2, 3) for one in combinations(options, size))
    reaching = [one for one in sets if left(one) <= goal and all(of_other_kinds(*pair) for pair in combinations(one, 2))]
    return {one for one in reaching if not any(set(other) < set(one) for other in reaching)}


@given(OPTIONS, GOALS)
def test_every_set_reaches_the_goal_holds_no_smaller_one_that_does_and_no_two_of_a_kind(options: list[Option], goal: float) -> None:
    found = LeverSets(options, BEFORE, Judge(goal), of_other_kinds).smallest()
    assert all(left(one) <= goal for one in found)
    assert not [one for one in found for other in found if set(other) < set(one)]
    assert set(found) <= every_smallest(options, goal)


@given(OPTIONS, GOALS)
def test_where_few_sets_are_possible_all_are_found_and_where_none_reaches_the_goal_none_is(options: list[Option], goal: float) -> None:
    assert set(LeverSets(options[:4], BEFORE, Judge(goal), of_other_kinds).smallest()) == every_smallest(options[:4], goal)


@given(OPTIONS, st.sets(st.integers(0, 6)))
def test_what_cannot_be_made_is_in_no_set(options: list[Option], impossible: set[int]) -> None:
    found = LeverSets(options, BEFORE, Judge(0.3, frozenset(impossible)), of_other_kinds).smallest()
    assert not [number for one in found for number, _, _ in one if number in impossible]


def test_the_number_of_sets_that_are_judged_is_bounded() -> None:
    options = [(number, 0.9, number) for number in range(20)]
    judge = Judge(0.9**9)
    assert LeverSets(options, BEFORE, judge, of_other_kinds).smallest() == ()
    assert len(judge.asked) <= len(options) + 1 + sum(MOST_JUDGED.values())


def test_one_look_at_all_changes_together_is_enough_where_nothing_can_help() -> None:
    options = [(number, 0.9, number) for number in range(8)]
    judge = Judge(0.01)
    assert LeverSets(options, BEFORE, judge, of_other_kinds).smallest() == ()
    assert len(judge.asked) == len(options) + 1


def test_two_changes_that_each_only_move_the_peak_are_tried_before_many_small_ones() -> None:
    """Adapters take the states of the optimizer away and checkpoints the activations; alone, each leaves the other's peak."""
    adapters, checkpoints = (0, 1.0, 0), (1, 0.6, 1)
    terms = {adapters: {"activations": 1.0}, checkpoints: {"optimizer_states": 0.6}}
    decoys = [(number, 0.8, number) for number in range(2, 14)]

    def judge(members: Sequence[Option]) -> Verdict:
        both = {adapters, checkpoints} <= set(members)
        known = terms.get(members[0]) if len(members) == 1 else None
        return Verdict(both, known or ({} if both else {"activations": 0.5 * left(members), "optimizer_states": 0.5 * left(members)}))

    search = LeverSets([adapters, checkpoints, *decoys], {"activations": 0.5, "optimizer_states": 0.5}, judge, of_other_kinds)
    assert search.smallest() == ((adapters, checkpoints),)
