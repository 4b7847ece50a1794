"""Use cases: load through adapters, call a room, store through adapters. No orchestration, no web, no decision of their own.

What belongs here: what one asset, one command or one request does from files to files. Doors (`defs/`, `cli.py`, `serving/`) call it
and dress the answer; rooms do the thinking. Each flow hands on facts (digests, never data), so that the next one loads what it needs.
"""
