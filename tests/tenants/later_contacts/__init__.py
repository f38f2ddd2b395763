"""The migrations of contacts as a release of later may have them: this release's, and one more."""
