"""Alerts: findings become tickets, tickets become messages, and one incident never becomes two.

What belongs here: which signals there are and whom they concern (`signals`), which findings are one incident (`incidents`), a
ticket and how events change it (`tickets`), what new evidence does to the tickets (`consideration`), what time and people do
(`lifecycle`), which message goes where (`messages`), when it is tried again (`retrying`), and the weekly review
(`weekly_review`). All of it pure: findings, tickets, policy and times in, events and messages out. What does not: storing
(`adapters/ops_store`), sending (`adapters/notify`), measuring (`drift/`).
"""
