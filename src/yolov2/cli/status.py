"""What the program's exit status says."""

DONE = 0
SOME_FAILED = 1  # some inputs, or all
REFUSED = 2  # wrong usage, or nothing could start
INTERRUPTED = 130
NO_READER = 141  # nobody reads our output any more; as a shell reports SIGPIPE
