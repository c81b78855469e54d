"""What people say beside assets and activities: functional units, instruments, statements.

`rows` reads files, `kept` is what the journal holds of a sort of thing, and each sort has a module
of its own; `commands` is what their commands have in common.
"""
