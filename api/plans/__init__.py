"""Operations as plans: one statement instead of a resolver for each field. What cannot be one takes the standard way."""
