"""The claims of the report as data: claims.toml has them, core.py and codebooks.py test them, table.py judges and prints.

Begin with claims.toml. A test gets the results that its entry declares and returns a verdict of verdicts.py with the
measured values in words.
"""
