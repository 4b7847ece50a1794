"""The words for data: which tables and columns exist, what each may hold, and what may never be a feature.

`tables` names the raw tables and their columns, `features` the feature sets, `predictions` the daily scores, `leakage` what is
known only afterwards; `raw` turns the tables into pandera schemas. Everything may import this folder; it imports nothing of ours.
"""
