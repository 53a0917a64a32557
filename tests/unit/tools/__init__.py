"""Tests of what prepares the checkout."""
