"""The claims of the report as data.

Begin with claims.toml: each claim, the results it rests on, and the sentences that say what was measured. core.py and
codebooks.py test: a test gets the results that its entry declares and returns a Finding of verdicts.py, which verdicts
hold and the numbers that the sentences name. table.py judges, fills the sentences in and prints.
"""
