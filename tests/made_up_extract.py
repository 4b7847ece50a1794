"""Made-up rows in IBM's layout, for tests of what reads an extract: seeded, with the classic 21 columns, and with something to learn."""

from __future__ import annotations

import numpy as np
import pandas as pd

from churn_platform.feeds.ibm import CLASSIC_COLUMNS

#: list prices in USD a month, rounded from the additive price structure visible in the public extract
PRICES = {"phone": 20.0, "line": 5.0, "dsl": 25.0, "fiber": 50.0, "addon": 5.0, "stream": 10.0}
ADDONS = ("OnlineSecurity", "OnlineBackup", "DeviceProtection", "TechSupport")
STREAMS = ("StreamingTV", "StreamingMovies")


def generate_extract(customers: int, rng: np.random.Generator) -> pd.DataFrame:
    """Generate `customers` made-up rows in the layout of IBM's classic extract.

    Churn follows a logistic in contract, tenure, internet service and payment method, so that a model has something to learn;
    the figures are invented, and nothing measured on them says anything about real customers.

    Args:
        customers: number of rows.
        rng: source of randomness; the same state gives the same rows.

    Returns:
        (customers, 21) frame with CLASSIC_COLUMNS; ids start with SIM.
    """
    n = customers

    def flag(share: float | np.ndarray) -> np.ndarray:
        return np.where(rng.random(n) < share, "Yes", "No")

    contract = rng.choice(["Month-to-month", "One year", "Two year"], n, p=[0.55, 0.21, 0.24])
    reach = np.select([contract == "Month-to-month", contract == "One year"], [18.0, 42.0], 57.0)
    tenure = np.clip(np.round(rng.gamma(2.0, reach / 2.0)), 0, 72).astype(int)
    internet = rng.choice(["DSL", "Fiber optic", "No"], n, p=[0.34, 0.44, 0.22])
    online = internet != "No"
    phone = np.where(internet == "DSL", flag(0.72), "Yes")
    lines = np.where(phone == "No", "No phone service", flag(0.45))
    payment = rng.choice(
        ["Bank transfer (automatic)", "Credit card (automatic)", "Electronic check", "Mailed check"],
        n,
        p=[0.22, 0.21, 0.34, 0.23],
    )
    rows = {
        "customerID": [f"SIM{i:05d}" for i in range(n)],
        "gender": rng.choice(["Female", "Male"], n),
        "SeniorCitizen": (rng.random(n) < 0.16).astype(int),
        "Partner": flag(0.48),
        "Dependents": flag(0.30),
        "tenure": tenure,
        "PhoneService": phone,
        "MultipleLines": lines,
        "InternetService": internet,
        **{name: np.where(online, flag(0.38), "No internet service") for name in (*ADDONS, *STREAMS)},
        "Contract": contract,
        "PaperlessBilling": flag(0.59),
        "PaymentMethod": payment,
    }
    price = PRICES["phone"] * (phone == "Yes") + PRICES["line"] * (lines == "Yes")
    price = price + PRICES["dsl"] * (internet == "DSL") + PRICES["fiber"] * (internet == "Fiber optic")
    for name in ADDONS:
        price = price + PRICES["addon"] * (rows[name] == "Yes")
    for name in STREAMS:
        price = price + PRICES["stream"] * (rows[name] == "Yes")
    monthly = np.round(price + rng.normal(0, 0.6, n), 2).clip(18)
    total = np.round(monthly * tenure * rng.normal(1, 0.03, n).clip(0.9, 1.1), 2)
    margin = (
        -0.6
        + 1.3 * (contract == "Month-to-month")
        - 1.2 * (contract == "Two year")
        - 0.045 * tenure
        + 0.9 * (internet == "Fiber optic")
        - 0.6 * (internet == "No")
        + 0.45 * (payment == "Electronic check")
        - 0.4 * (np.asarray(rows["TechSupport"]) == "Yes")
    )
    rows["MonthlyCharges"] = monthly
    rows["TotalCharges"] = np.where(tenure == 0, "", total.astype(str))
    rows["Churn"] = flag(1 / (1 + np.exp(-margin)))
    return pd.DataFrame(rows)[list(CLASSIC_COLUMNS)]
