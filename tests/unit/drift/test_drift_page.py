"""The baseline is read strictly; the page opens offline, is small, and holds no text that could end its script."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import made_days as made
import numpy as np
import pytest

from churn_platform.drift.baseline import Baseline
from churn_platform.drift.findings import judge_drift
from churn_platform.drift.reference import ReferenceBaselineError
from churn_platform.drift.report import PLOTLY, ReportAbout, drift_page


@pytest.fixture(scope="module")
def known() -> Baseline:
    return made.baseline(np.random.default_rng(1))


def page(known: Baseline, note: str = "made up") -> str:
    rows = made.customers(np.random.default_rng(3), made.LIVE_FROM, 40, 60)
    rows["monthly_charges"] *= 1.5
    judgement = judge_drift(made.context(known, rows, 30, 35))
    return drift_page(judgement, made.LIVE_FROM + timedelta(35), ReportAbout("churn-1", "world", True, note))


def test_the_page_names_the_likely_causes_where_they_were_asked_for(known: Baseline) -> None:
    rows = made.customers(np.random.default_rng(3), made.LIVE_FROM, 40, 60)
    rows["monthly_charges"] *= 1.5
    judgement, day = judge_drift(made.context(known, rows, 30, 35)), made.LIVE_FROM + timedelta(35)
    about = ReportAbout("churn-1", "world", True, "made up")
    causes = [{"cause": "pricing_change", "share": 0.8, "because": ["bills rose by <5 %>"]}]
    told = [
        replace(one, evidence={**one.evidence, "causes": causes}) if one.acts else one
        for one in judgement.findings[day]
    ]
    assert any(one.acts for one in told)
    asked, unasked = drift_page(judgement, day, about, told), drift_page(judgement, day, about)
    assert "pricing change" in asked
    assert "bills rose by &lt;5 %&gt;" in asked
    assert "Likely causes" not in unasked


def test_a_baseline_survives_being_written(known: Baseline) -> None:
    assert Baseline.from_dict(json.loads(json.dumps(known.to_dict()))) == known


def _longer_grid(content: dict[str, Any]) -> None:
    next(column for column in content["columns"] if column["grid"])["grid"].append(1e9)


def _lost_key(content: dict[str, Any]) -> None:
    del content["known_by"]


def _other_format(content: dict[str, Any]) -> None:
    content["format"] = 99


def _more_customers_than_rows(content: dict[str, Any]) -> None:
    content["customers"] = content["rows"] + 1


def _unknown_family(content: dict[str, Any]) -> None:
    content["columns"][0]["family"] = "stars"


@pytest.mark.parametrize("damage", [_longer_grid, _lost_key, _other_format, _more_customers_than_rows, _unknown_family])
def test_a_damaged_baseline_is_refused(known: Baseline, damage: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(json.dumps(known.to_dict()))
    damage(content)
    with pytest.raises(ReferenceBaselineError):
        Baseline.from_dict(content)


def test_the_page_is_whole_html_with_its_figures_and_nothing_from_elsewhere(known: Baseline) -> None:
    class Reader(HTMLParser):
        scripts: list[str | None] = []  # noqa: RUF012
        asked: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            values = dict(attributes)
            if tag == "script":
                self.scripts.append(values.get("src"))
            self.asked += [value or "" for name, value in attributes if name in ("src", "href")]

    text = page(known)
    reader = Reader()
    reader.feed(text)
    assert reader.scripts == [PLOTLY, None]
    assert reader.asked == [PLOTLY]
    assert text.count('draw("figure') == text.count('class="plot"') >= 4
    assert "monthly charges" in text
    assert "Simulated data" in text


def test_a_page_is_small(known: Baseline) -> None:
    assert len(page(known).encode()) < 300_000


def test_the_same_judgement_gives_the_same_page(known: Baseline) -> None:
    assert page(known) == page(known)


def test_text_from_data_can_end_neither_the_page_nor_its_script(known: Baseline) -> None:
    text = page(known, note="</script><script>alert(1)</script>")
    assert "<script>alert(1)" not in text
    assert text.count("</script>") == 2
