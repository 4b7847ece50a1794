"""The scoring API: predictions in real time, with reasons, under the rollout's plan.

The outermost door for other programs, as the command line is for people. What belongs here: requests, answers, limits, loading what
answers are made of. What does not: how a score or a reason is computed (the rooms), and the web framework outside `app.py`,
`requests.py` and `run.py`.
"""
