from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.governance.canonical import canonical_json
from churn_platform.governance.ledger import (
    EMPTY_HEAD,
    GENESIS,
    LedgerEntry,
    LedgerError,
    LedgerHead,
    RecordedRow,
    seal,
    utc_text,
    verify_chain,
    verify_rows,
)

NOW = datetime(2026, 5, 31, 6, 0, tzinfo=UTC)

words = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
details = st.dictionaries(st.text(max_size=4), json_values, max_size=3)


def chain(acts: list[tuple[str, dict[str, Any]]]) -> list[LedgerEntry]:
    entries: list[LedgerEntry] = []
    head = EMPTY_HEAD
    for i, (word, said) in enumerate(acts):
        entry = seal(head, NOW + timedelta(hours=i), word, "model.registered", f"churn-{i}", said)
        entries.append(entry)
        head = entry.head
    return entries


chains = st.lists(st.tuples(words, details), min_size=1, max_size=8).map(chain)


def kinds(entries: list[LedgerEntry], head: LedgerHead | None) -> list[str]:
    return [finding.kind for finding in verify_chain(entries, head).findings]


@given(chains)
def test_a_sealed_chain_is_whole(entries: list[LedgerEntry]) -> None:
    found = verify_chain(entries, entries[-1].head)
    assert (found.verdict, found.head, found.unanchored) == ("pass", entries[-1].head, 0)
    assert "whole" in found.summary


@given(chains, st.data())
def test_any_field_of_any_entry_changed_is_seen(entries: list[LedgerEntry], data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(entries) - 1))
    name = data.draw(st.sampled_from([field.name for field in dataclasses.fields(LedgerEntry)]))
    value = getattr(entries[i], name)
    changed = data.draw(st.integers(1, 20) if name == "sequence" else words)
    head = entries[-1].head
    tampered = [*entries[:i], dataclasses.replace(entries[i], **{name: changed}), *entries[i + 1 :]]
    assert verify_chain(tampered, head).verdict == ("pass" if changed == value else "fail")


@given(chains, st.data())
def test_an_entry_changed_and_sealed_anew_is_seen(entries: list[LedgerEntry], data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(entries) - 1))
    forged = dataclasses.replace(entries[i], actor="forger " + entries[i].actor)
    forged = dataclasses.replace(forged, digest=forged.expected_digest())
    found = kinds([*entries[:i], forged, *entries[i + 1 :]], entries[-1].head)
    assert found == (["head_differs"] if i == len(entries) - 1 else ["broken_link"])


@given(chains, st.data())
def test_any_cut_tail_is_seen_through_the_anchored_head_and_only_through_it(
    entries: list[LedgerEntry], data: st.DataObject
) -> None:
    kept = entries[: data.draw(st.integers(0, len(entries) - 1))]
    assert kinds(kept, entries[-1].head) == ["cut_tail"]
    own_head = kept[-1].head if kept else EMPTY_HEAD
    assert kinds(kept, own_head) == []  # the control: a chain alone cannot see it


@given(chains, st.data())
def test_any_reordering_is_seen(entries: list[LedgerEntry], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(entries))
    assert (verify_chain(shuffled, entries[-1].head).verdict == "pass") == (shuffled == entries)


@given(chains, st.data())
def test_any_entry_taken_out_or_repeated_is_seen(entries: list[LedgerEntry], data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(entries) - 1))
    head = entries[-1].head
    without = kinds([*entries[:i], *entries[i + 1 :]], head)
    assert without == (["cut_tail"] if i == len(entries) - 1 else ["missing_entry"])
    assert "repeated" in kinds([*entries[: i + 1], entries[i], *entries[i + 1 :]], head)


@given(chains)
def test_a_missing_anchor_is_a_finding_even_on_an_empty_ledger(entries: list[LedgerEntry]) -> None:
    assert kinds(entries, None) == ["head_missing"]
    assert kinds([], None) == ["head_missing"]
    assert kinds([], EMPTY_HEAD) == []


@given(chains, st.data())
def test_a_head_left_behind_counts_what_it_has_not_seen(entries: list[LedgerEntry], data: st.DataObject) -> None:
    seen = data.draw(st.integers(0, len(entries)))
    head = EMPTY_HEAD if seen == 0 else entries[seen - 1].head
    whole = verify_chain(entries, head)
    rest = verify_chain(entries[seen:], head, after=head)
    assert whole.verdict == rest.verdict == "pass"
    assert whole.unanchored == rest.unanchored == len(entries) - seen
    assert whole.head == rest.head == entries[-1].head


@given(chains)
def test_each_finding_says_what_and_the_way_out(entries: list[LedgerEntry]) -> None:
    for finding in verify_chain(entries[1:], LedgerHead(99, GENESIS)).findings:
        assert finding.reason.endswith("or accepted it with a recorded reason.")
        assert str(finding.sequence) in finding.reason


def test_an_entry_is_the_same_whatever_the_order_of_its_details_and_the_zone_of_its_time() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    one = seal(EMPTY_HEAD, NOW, "ada", "decided", "churn-1", {"a": 1, "b": (2, 3)})
    other = seal(EMPTY_HEAD, there, "ada", "decided", "churn-1", {"b": [2, 3], "a": 1})
    assert one == other


def test_times_as_text_sort_like_times() -> None:
    times = [NOW + timedelta(microseconds=step) for step in (0, 1, 999_999, 1_000_000, 3_600_000_000)]
    assert [utc_text(at) for at in times] == sorted(utc_text(at) for at in times)
    assert len({len(utc_text(at)) for at in times}) == 1


@pytest.mark.parametrize("field", ["actor", "action", "subject"])
@pytest.mark.parametrize(("word", "why"), [(" ", "is blank"), ("a\nb", "control characters")])
def test_an_entry_names_who_did_what_to_what(field: str, word: str, why: str) -> None:
    named = {"actor": "ada", "action": "decided", "subject": "churn-1", field: word}
    with pytest.raises(LedgerError, match=why):
        seal(EMPTY_HEAD, NOW, details={}, **named)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(LedgerError, match="has no zone"):
        utc_text(datetime(2026, 5, 31))  # noqa: DTZ001


# Rows of state against the entries that recorded them

ACTIONS = {"model.registered": "models"}


def row_of(entry: LedgerEntry, **changes: Any) -> RecordedRow:
    row = RecordedRow("models", entry.sequence, entry.at, entry.actor, entry.subject, entry.details_json)
    return dataclasses.replace(row, **changes)


@given(chains, st.data())
def test_any_row_edited_removed_or_added_is_seen(entries: list[LedgerEntry], data: st.DataObject) -> None:
    rows = [row_of(entry) for entry in entries]
    assert verify_rows(entries, rows, ACTIONS) == ()
    i = data.draw(st.integers(0, len(rows) - 1))
    field = data.draw(st.sampled_from(["at", "actor", "subject", "details_json"]))
    edited = dataclasses.replace(rows[i], **{field: getattr(rows[i], field) + "!"})
    cases = {
        "row_edited": [*rows[:i], edited, *rows[i + 1 :]],
        "row_missing": [*rows[:i], *rows[i + 1 :]],
        "row_unrecorded": [*rows, dataclasses.replace(rows[i], sequence=len(rows) + 1)],
    }
    for kind, tampered in cases.items():
        assert [finding.kind for finding in verify_rows(entries, tampered, ACTIONS)] == [kind]


def test_a_row_in_another_table_than_its_entry_recorded_is_seen() -> None:
    entries = chain([("ada", {})])
    found = verify_rows(entries, [row_of(entries[0], table="verdicts")], {**ACTIONS, "verdict.recorded": "verdicts"})
    assert sorted(finding.kind for finding in found) == ["row_missing", "row_unrecorded"]


def test_entries_that_write_no_row_ask_for_none() -> None:
    entries = [seal(EMPTY_HEAD, NOW, "ada", "ledger.accepted", "entry 0", {"reason": "moved"})]
    assert verify_rows(entries, [], ACTIONS) == ()


def test_details_are_read_back_as_values() -> None:
    assert seal(EMPTY_HEAD, NOW, "ada", "decided", "x", {"auc": float("nan"), "n": 3}).details == {"auc": "NaN", "n": 3}
    assert canonical_json({"auc": "NaN"}) == '{"auc":"NaN"}'
