"""Measures what Smoall costs, beside a stock django-tenants project with the very same apps (scripts/bench).

`figure` says what a figure is, `bench` sets everything up in a scratch folder, each other module measures one row of
the table or a group of them. `in_ours`, `in_stock`, `in_plain` and `asking` run inside the processes that are measured.
"""
