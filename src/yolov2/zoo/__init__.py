"""Well-known models by name: where their files come from, and where they lie once pulled."""
