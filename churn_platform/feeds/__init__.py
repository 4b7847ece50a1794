"""Where the telco's data come from: the replayed IBM extract, a user's landed files, and the gate that every row passes.

What belongs here: turning a source into the six raw tables with dates, and splitting landed rows into accepted and quarantined.
Reading files, downloading and writing to the warehouse are adapters.
"""
