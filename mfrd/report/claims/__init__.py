"""The claims of the report, each measured from results/ and judged by code; begin with rows.py, then table.py."""
