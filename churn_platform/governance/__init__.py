"""Who answers for what, and the proof of what was done: registration, the ledger, and the one spelling that digests rest on.

What belongs here: rules and values. What does not: storing them (`adapters/ops_store`), judging models (`evaluation`).
"""
