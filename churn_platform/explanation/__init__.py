"""Why the model says what it says: exact contributions that sum to the margin, told in business words.

`contributions` holds the numbers and the rule that they sum to the margin, `pattern_tables` computes them fast,
`reasons` picks the few that matter for a customer, `wording` says them as a retention manager would, `importance`
sums them up over customers. Nothing here draws except `plots`; nothing here reads or writes files.
"""
