"""Tests of the framework that measures."""
