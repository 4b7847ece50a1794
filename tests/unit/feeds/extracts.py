"""Small made-up extracts in IBM's layout, with the extension tables where a test asks for them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from made_up_extract import generate_extract

from churn_platform.feeds.ibm import Extract


def small_extract(customers: int = 200, *, extended: bool = False) -> Extract:
    rng = np.random.default_rng(5)
    churn = generate_extract(customers, rng)
    if not extended:
        return Extract(churn)
    ids = churn["customerID"]
    online = churn["InternetService"] != "No"
    services = pd.DataFrame(
        {
            "Customer ID": ids,
            "Internet Service": np.where(online, "Yes", "No"),
            "Internet Type": np.where(online, "Cable", None),
            "Unlimited Data": "Yes",
            "Number of Referrals": rng.integers(0, 5, customers),
            "Tenure in Months": churn["tenure"].clip(1),
            "Avg Monthly GB Download": rng.integers(0, 50, customers),
            "Total Extra Data Charges": 0,
            "Total Long Distance Charges": rng.gamma(2, 100, customers).round(2),
            "Total Charges": 100.0,
            "Total Refunds": 0.0,
        }
    )
    status = pd.DataFrame(
        {
            "Customer ID": ids,
            "CLTV": rng.integers(2000, 6000, customers),
            "Churn Category": np.where(churn["Churn"] == "Yes", "Price", None),
            "Churn Reason": np.where(churn["Churn"] == "Yes", "Price too high", None),
            "Churn Score": 50,
            "Satisfaction Score": 3,
        }
    )
    return Extract(churn, services, status)
