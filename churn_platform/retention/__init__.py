"""Retention: whom to contact, what it costs, and what it keeps.

What belongs here: the money of contacts as pure values. What does not: whether somebody will leave (`scoring`), and what really
happened (the marts).
"""
