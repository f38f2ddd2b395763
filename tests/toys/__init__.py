"""An installed app of tests: jobs, checks and a saga whose effects can be counted as rows of the outbox."""
