"""How good a cohort's models are: every metric and the audit, beside real scans and generators of known fault."""
