"""The books: the only package that speaks SQL. SQLite for one machine, PostgreSQL for a data centre."""
