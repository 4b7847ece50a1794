"""From the extract's rows to a profile of figures.

What belongs here: every figure the world takes from the real data, computed. What does not: reading the files, or
choices that the extract cannot decide.

The extract is one snapshot; the world has to keep its mix over time. In a base that neither grows nor shrinks, each
kind of customer joins as fast as it leaves, so **joiners have the mix of leavers**: attributes that stay (age group,
household, lines, kind of internet) are counted with each row weighted by its fitted probability of leaving.
Attributes that change with tenure (contract, add-ons, payment) are counted among customers of at most three months,
and how they change comes from comparing them with customers of more than sixty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_platform.feeds.ibm import PROFILE_COLUMNS
from churn_platform.simulation.profile import ConditionalTable, Marginal, PriceList, Profile, Source

Floats = npt.NDArray[np.float64]

ADD_ONS = ("online_security", "online_backup", "device_protection", "tech_support", "streaming_tv", "streaming_movies")
TENURE_KNOTS = (0, 2, 6, 12, 24, 48, 72)
NEW, OLD = 3, 60

#: attribute, its parents, and the rows it is counted on; drawn in this order
STAYING = (
    ("internet_type", ()),
    ("senior_citizen", ("internet_type",)),
    ("partner", ("senior_citizen",)),
    ("dependents", ("partner", "senior_citizen")),
    ("gender", ()),
    ("phone_service", ("internet_type",)),
    ("paperless_billing", ("internet_type",)),
    ("unlimited_data", ("internet_type",)),
)
REFERRALS = ("number_of_referrals", ("partner",))
CHANGING = (
    ("multiple_lines", ("phone_service", "internet_type")),
    ("contract", ("internet_type",)),
    ("payment_method", ("internet_type", "paperless_billing")),
    ("online_security", ("internet_type",)),
    ("online_backup", ("internet_type", "online_security")),
    ("tech_support", ("internet_type", "online_security")),
    ("device_protection", ("internet_type", "tech_support")),
    ("streaming_tv", ("internet_type", "device_protection")),
    ("streaming_movies", ("internet_type", "streaming_tv")),
)


def profile_from_extract(
    classic: pd.DataFrame, services: pd.DataFrame, status: pd.DataFrame, sha256: Mapping[str, str]
) -> Profile:
    """Every figure of the profile.

    Args:
        classic: IBM's 21 columns, one row a customer.
        services: the extension's services table, by `Customer ID`.
        status: the extension's status table, by `Customer ID`.
        sha256: file name -> digest, kept as the source.

    Raises:
        ValueError: a table lacks customers or columns of another.
    """
    rows = _one_table(classic, services, status)
    left = np.where(rows["churn"] == "Yes", 1.0, 0.0)
    leaving, by_tenure, probability = _leaving(rows, left)
    internet = rows["internet_type"] != "None"
    new, old = rows["tenure_months"] <= NEW, rows["tenure_months"] > OLD
    referring = rows["tenure_months"] > 12
    everyone = np.ones(len(rows))
    joiners = [conditional_table(rows, name, given, probability) for name, given in STAYING]
    joiners += [conditional_table(rows[new], name, given, everyone[new]) for name, given in CHANGING]
    stock = [conditional_table(rows, name, given, everyone) for name, given in (*STAYING, REFERRALS)]
    joiners.append(
        conditional_table(rows[referring], "number_of_referrals", ("partner",), probability[referring.to_numpy()])
    )
    automatic = rows["payment_method"].str.contains("automatic").map({True: "Yes", False: "No"})
    uptake = {name: _uptake(rows[name][internet], new, old) for name in ADD_ONS} | {
        "automatic_payment": _uptake(automatic, new, old),
        "multiple_lines": _uptake(rows["multiple_lines"][rows["phone_service"] == "Yes"], new, old),
    }
    told = rows[left > 0]
    return Profile(
        source=Source(
            about="IBM telco customer churn, with the services and status tables of the Cognos sample 11.1.3+",
            rows=len(rows),
            churners=int(left.sum()),
            sha256=dict(sorted(sha256.items())),
        ),
        price_list=_price_list(rows),
        leaving=leaving,
        leaving_by_tenure=by_tenure,
        joiners=tuple(joiners),
        stock=tuple(stock),
        uptake=uptake,
        usage_gb={
            str(kind): _deciles(part["avg_monthly_gb"]) for kind, part in rows[internet].groupby("internet_type")
        },
        long_distance=_deciles(rows["long_distance"][rows["phone_service"] == "Yes"]),
        cltv=_line(rows["tenure_months"].clip(upper=72), rows["cltv"]),
        reasons={
            str(category): {
                name: round(share * len(part) / len(told), 4) for name, share in _shares(part["churn_reason"]).items()
            }
            for category, part in told.groupby("churn_category")
        },
        marginals=_marginals(rows),
        associations=associations(rows),
    )


def associations(rows: pd.DataFrame) -> dict[str, float]:
    """Figures of how attributes hang together, by the contract's column names; the world is held against them.

    Spearman correlations between numbers, Cramér's V between categories, means of one by the other.
    """
    numbers = ("tenure_months", "monthly_charges", "total_charges")
    ranks = np.corrcoef([rows[name].astype("float64").fillna(0.0).rank().to_numpy() for name in numbers])
    pairs = ((0, 1), (0, 2), (1, 2))
    out = {f"spearman {numbers[i]} ~ {numbers[j]}": float(ranks[i, j]) for i, j in pairs}
    for one, other in (("contract", "internet_service"), ("contract", "payment_method"), ("contract", "tech_support")):
        out[f"cramers_v {one} ~ {other}"] = _cramers_v(rows[one], rows[other])
    for name, by in (("tenure_months", "contract"), ("monthly_charges", "internet_service")):
        means = rows[name].astype("float64").groupby(rows[by].astype("str")).mean()
        out |= {f"mean {name}, {by} {value}": float(mean) for value, mean in means.items()}
    return {name: round(value, 4) for name, value in out.items()}


def _one_table(classic: pd.DataFrame, services: pd.DataFrame, status: pd.DataFrame) -> pd.DataFrame:
    rows = classic.rename(columns=PROFILE_COLUMNS | {"Churn": "churn"})
    rows["senior_citizen"] = pd.to_numeric(rows["senior_citizen"]).map({0: "No", 1: "Yes"})
    rows["total_charges"] = pd.to_numeric(rows["total_charges"], errors="coerce")
    by_id = services.set_index("Customer ID").reindex(rows["customer_id"])
    told = status.set_index("Customer ID").reindex(rows["customer_id"])
    if by_id["Internet Service"].isna().any() or told["Customer Status"].isna().any():
        raise ValueError("the services and status tables must hold every customer of the classic extract")
    rows["internet_type"] = by_id["Internet Type"].fillna("None").to_numpy()
    rows["unlimited_data"] = by_id["Unlimited Data"].to_numpy()
    rows["number_of_referrals"] = by_id["Number of Referrals"].to_numpy()
    rows["avg_monthly_gb"] = by_id["Avg Monthly GB Download"].to_numpy()
    rows["long_distance"] = by_id["Avg Monthly Long Distance Charges"].to_numpy()
    rows["cltv"] = told["CLTV"].to_numpy()
    rows["churn_category"] = told["Churn Category"].to_numpy()
    rows["churn_reason"] = told["Churn Reason"].to_numpy()
    return rows


def _leaving(rows: pd.DataFrame, left: Floats) -> tuple[dict[str, dict[str, float]], dict[int, float], Floats]:
    """Ridge logistic regression by Newton's method.

    Coefficients per value, log odds at the tenure knots, fitted probabilities.
    """
    referrals = rows["number_of_referrals"].clip(upper=2).map({0: "none", 1: "one", 2: "several"})
    categories: dict[str, pd.Series] = {
        name: rows[name]
        for name in (
            "contract", "internet_type", "payment_method", "senior_citizen", "partner", "dependents",
            "paperless_billing", "multiple_lines", *ADD_ONS, "unlimited_data",
        )
    } | {"number_of_referrals": referrals}  # fmt: skip
    names: list[tuple[str, str]] = []
    columns: list[Floats] = []
    for name, values in categories.items():
        for value in sorted(values.unique())[1:]:
            # "No internet service" says what internet_type None says already
            if value != "No internet service":
                names.append((name, str(value)))
                columns.append((values == value).to_numpy(dtype=np.float64))
    tenure = rows["tenure_months"].to_numpy(dtype=np.float64)
    hats = [np.interp(tenure, TENURE_KNOTS, np.eye(len(TENURE_KNOTS))[k]) for k in range(len(TENURE_KNOTS))]
    X = np.column_stack([*columns, *hats])
    beta = _ridge_logistic(X, left, penalty=1.0)
    out: dict[str, dict[str, float]] = {name: {str(min(values.unique())): 0.0} for name, values in categories.items()}
    for (name, value), coefficient in zip(names, beta[: len(names)], strict=True):
        out[name][value] = round(float(coefficient), 4)
    knots = {knot: round(float(b), 4) for knot, b in zip(TENURE_KNOTS, beta[len(names) :], strict=True)}
    return out, knots, 1.0 / (1.0 + np.exp(-X @ beta))


def _ridge_logistic(X: Floats, y: Floats, penalty: float) -> Floats:
    beta = np.zeros(X.shape[1])
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-X @ beta))
        step = np.linalg.solve(
            (X * (p * (1 - p))[:, None]).T @ X + penalty * np.eye(len(beta)), X.T @ (y - p) - penalty * beta
        )
        beta += step
        if np.abs(step).max() < 1e-10:
            break
    return beta


def _price_list(rows: pd.DataFrame) -> PriceList:
    yes: dict[str, Any] = {
        "phone_service": rows["phone_service"] == "Yes",
        "multiple_lines": rows["multiple_lines"] == "Yes",
    }
    yes |= {f"internet_service {kind}": rows["internet_service"] == kind for kind in ("DSL", "Fiber optic")}
    yes |= {name: rows[name] == "Yes" for name in ADD_ONS}
    X = np.column_stack([column.to_numpy(dtype=np.float64) for column in yes.values()])
    charges = rows["monthly_charges"].to_numpy(dtype=np.float64)
    prices = np.linalg.lstsq(X, charges, rcond=None)[0]
    residual = charges - X @ prices
    return PriceList(
        prices={name: round(float(price), 2) for name, price in zip(yes, prices, strict=True)},
        residual_sd=round(float(residual.std()), 3),
        step=0.05,
    )


def conditional_table(rows: pd.DataFrame, name: str, given: tuple[str, ...], weights: Floats) -> ConditionalTable:
    """Weighted shares of an attribute's values for each combination of its parents' values."""
    key = rows[list(given)].agg(" | ".join, axis=1) if given else pd.Series("", index=rows.index)
    counts = pd.Series(weights, index=rows.index).groupby([key, rows[name].astype("str")]).sum().unstack().fillna(0.0)
    shares = counts.div(counts.sum(axis=1), axis=0)
    return ConditionalTable(
        attribute=name,
        given=given,
        shares={
            str(k): {str(v): round(float(s), 4) for v, s in row.items() if s > 0}
            for k, row in shares.sort_index().iterrows()
        },
    )


def _uptake(values: pd.Series, new: pd.Series, old: pd.Series) -> tuple[float, float]:
    has = values == "Yes"
    return round(float(has[new].mean()), 4), round(float(has[old].mean()), 4)


def _deciles(values: pd.Series) -> tuple[float, ...]:
    return tuple(round(float(q), 2) for q in np.quantile(values.to_numpy(dtype=np.float64), np.linspace(0, 1, 11)))


def _line(x: pd.Series, y: pd.Series) -> dict[str, float]:
    slope, intercept = np.polyfit(x.to_numpy(dtype=np.float64), y.to_numpy(dtype=np.float64), 1)
    residual = y - (intercept + slope * x)
    figures = {
        "at_start": intercept,
        "per_month": slope,
        "residual_sd": residual.std(),
        "low": y.min(),
        "high": y.max(),
    }
    return {name: round(float(value), 2) for name, value in figures.items()}


def _shares(values: pd.Series) -> dict[str, float]:
    return {str(k): round(float(v), 4) for k, v in values.value_counts(normalize=True).sort_index().items()}


def _marginals(rows: pd.DataFrame) -> dict[str, Marginal]:
    categories = [name for name, _ in (*STAYING, *CHANGING)] + ["internet_service"]
    out = {name: Marginal(shares=_shares(rows[name])) for name in sorted(categories)}
    for name in ("avg_monthly_gb", "monthly_charges", "number_of_referrals", "tenure_months", "total_charges"):
        values = rows[name].to_numpy(dtype=np.float64)
        edges = np.unique(np.quantile(values[np.isfinite(values)], np.linspace(0.1, 0.9, 9))).round(2)
        out[name] = Marginal(shares=binned_shares(values, edges), edges=tuple(float(edge) for edge in edges))
    return out


def binned_shares(values: Floats, edges: Floats | tuple[float, ...]) -> dict[str, float]:
    """Shares of `values` in the right-closed bins between `edges`, blanks in a bin of their own.

    >>> binned_shares(np.array([0.0, 1.0, 2.0, np.nan]), (0.5, 1.5))
    {'0': 0.25, '1': 0.25, '2': 0.25, 'blank': 0.25}
    """
    bins = np.searchsorted(np.asarray(edges), values, side="left")
    labels = np.where(np.isnan(values), "blank", bins.astype("str"))
    names, counts = np.unique(labels, return_counts=True)
    return {str(name): round(float(count) / len(values), 4) for name, count in zip(names, counts, strict=True)}


def _cramers_v(one: pd.Series, other: pd.Series) -> float:
    table = pd.crosstab(one.astype("str"), other.astype("str")).to_numpy(dtype=np.float64)
    expected = table.sum(1, keepdims=True) @ table.sum(0, keepdims=True) / table.sum()
    return float(np.sqrt(((table - expected) ** 2 / expected).sum() / table.sum() / (min(table.shape) - 1)))
