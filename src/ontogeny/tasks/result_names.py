"""Names of what suites add to what their tasks measure (`metrics.of_suites`)."""

ALL_ROTATIONS = "acc_all_rotations"
"""Right in every rotation of the choices."""
PREFERRED = "preferred"
"""How often a judge prefers the answer to that of the other model; ties are halves."""
PREFERRED_AT_EQUAL_LENGTH = "preferred_at_equal_length"
"""The same, were both answers always of one length."""
