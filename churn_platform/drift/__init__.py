"""What the champion saw when it was trained, against what arrives now.

What belongs here: the reference baseline (`reference.py`); the six kinds of drift are judged against it. What does not: alerts and
retraining, which act on findings.
"""
