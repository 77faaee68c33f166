"""Who may use the API: tokens, what each may do, and how often one may guess."""
