"""The answer for several jobs on one machine, in the same parts as that for one."""

import json
from collections.abc import Iterator
from dataclasses import replace

from app.web.contexts.answer import AnswerView, PickView, answer_view, currency_of, machines_view, picked, rate_note
from app.web.contexts.findings import finding_views
from app.web.contexts.headline import joint_headline
from app.web.contexts.job import QuestionRow, question
from app.web.contexts.jobs import job_names, job_needs, joint_needs, joint_question, joint_summary, seats, titled
from app.web.contexts.levers import LinkTo
from app.web.contexts.values import MEAN, Document
from app.web.contexts.why_not import WhyNotView
from app.web.forms.documents import Names, entry_of_document


def answer_of(request: Document, advice: Document, names: Names, link_to: LinkTo) -> AnswerView:
    """The view of an advice document for the request of one job or of several, with every default written out."""
    return joint_answer_view(request, advice, names) if "workloads" in request else answer_view(request, advice, names, link_to)


def question_of(request: Document, names: Names) -> tuple[QuestionRow, ...]:
    """The question of a request document, of one job or of several, as a list."""
    if "workloads" in request:
        return joint_question(request, names)
    return question(entry_of_document(request, names), names, request["workload"])


def joint_answer_view(request: Document, advice: Document, names: Names) -> AnswerView:
    """The view of the advice for several jobs. Levers and sizes are those of one job: its own answer has them."""
    jobs = job_needs(request, advice, names)
    found = machines_view(request["limits"], advice, MEAN)
    request_json = json.dumps(request, separators=(",", ":"))
    return AnswerView(
        headline=joint_headline(request, advice, *found.in_and_over),
        summary=joint_summary(request, names),
        needs=joint_needs(advice, jobs, picked(advice, request["limits"]["objective"])),
        jobs=jobs,
        bar=None,
        bar_of_gpu=bool(advice["needs"]["gpu_memory_bytes"]),
        ledgers=titled(jobs),
        picks=tuple(_seated(pick, request, advice, names) for pick in found.picks),
        levers=None,
        what_if=None,
        tradeoff=found.tradeoff,
        frontier=found.frontier,
        ladder=found.ladder,
        near_misses=found.near_misses,
        rentals=found.rentals,
        findings=finding_views([*_of_each_job(request, advice, names), *advice["findings"]]),
        considered=advice["considered"],
        currency=currency_of(request["limits"]),
        rate_note=rate_note(advice["exchange"]),
        speed_unit=MEAN,
        why_not=WhyNotView(request_json=request_json),
        request_json=request_json,
    )


def _seated(pick: PickView, request: Document, advice: Document, names: Names) -> PickView:
    found = next(one["jobs"] for one in advice["picks"] if one["machine"]["id"] == pick.machine.id)
    return replace(pick, seats=seats(found, request, names))


def _of_each_job(request: Document, advice: Document, names: Names) -> Iterator[Document]:
    for name, estimate in zip(job_names(request["workloads"], names), advice["estimates"], strict=True):
        yield from ({**finding, "message": f"{name}: {finding['message']}"} for finding in estimate["findings"])
