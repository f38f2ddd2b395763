"""An installed app of tests: jobs, mail checks and a saga whose effects can be counted as rows of the outbox."""
