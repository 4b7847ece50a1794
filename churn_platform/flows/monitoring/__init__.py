"""Noticing: what is read each day, what the rooms make of it, and where it is recorded and shown.

What belongs here: one file per report, and what they read together (`inputs`). What does not: any judgement (`drift/`).
"""
