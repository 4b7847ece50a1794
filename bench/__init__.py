"""What is measured, against what a user would pick instead. `python -m bench` runs all; `python -m bench NAME …` some.

Each module here has `measure() -> list[dict]` whose rows have `name`, `unit`, `ours`, `peer` (or null), `ratio` (peer over ours where
less is better, ours over peer where more is; null without a peer) and `versions`. Take ratios, not seconds: machines are noisy.
"""
