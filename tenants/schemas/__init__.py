"""The tables of every workspace: recorded once for a release, made in each schema, and the same in all of them.

snapshot.py is a release's tables, and makes them for a new workspace; script.py is the step from an older release, which
waves.py takes the fleet along; pool.py keeps schemas ready. releases.py says on which tables this code works, fingerprint.py
what a schema looks like, drift.py which are no longer what their release made. Who lags is fleet.py's matter, and what
stands in the tables that of each module. The reasons: docs/decisions/0022-fleet.md.
"""
