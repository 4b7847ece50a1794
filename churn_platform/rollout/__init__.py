"""Bringing a model to the customers step by step: plans frozen before they start, and one pure decision for every tick.

`plan` is what was agreed, `evidence` what is known, `gates` judges it, `decision` says advance, hold, rollback or complete, `progress`
is where a rollout stands. One file per strategy makes its plan: `canary`, `shadow`, `blue_green`, `ab_test`. `assignment` says which
customers meet the challenger. Nothing here reads a clock, keeps state, or changes who is champion.
"""
