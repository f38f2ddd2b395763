"""The demo: three workspaces with up to a year behind them, an integrator, an operator. Nobody's real data.

words.py has the words, invented.py makes people, companies and numbers of them, diary.py gives what happened its
moment, workspace.py makes a workspace with its people, bakery.py, workshop.py and florist.py tell the three stories,
partners.py the rest. The command `demo` puts them together.
"""
