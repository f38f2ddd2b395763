"""A release of later, for both projects: one more migration of contacts, of the kinds that real releases bring."""
