"""The promises of the privacy policy, P01 to P44: what keeps each, when it was last looked at, and what a look can't see.

catalogue.py the texts; checking.py and checks/ the looks at the running system; document.py the signed results.
"""
