"""The wing: what runs the notebooks, publishes figures and results, judges the claims and sets the paper.

Belongs here: the command line, the execution of notebooks, outputs, publication, plots, the explorer, claims, pages
and the paper. No room of the mathematics imports it.
Imports: every room.
Begin with: command.py, whose subcommands name the rest.
"""
