"""The simulated telco: a world with a known truth, and scenarios written as data.

What belongs here: customers who join, use, complain, pay, are called, stay and leave; the raw tables a telco would
land from it; the truth about it. What does not: files, clocks, and anything that learns from the data. Parts:
`profile` (figures of the real extract), `behaviour` (how lives go, chosen and calibrated), `draws` (randomness),
`customers`, `cycle`, `leaving`, `contacts` (life), `landing` (raw tables), `scenario` and `effects` (what changes),
`truth`, and `world`, which puts them together day by day."""
