"""What prepares, checks and builds this repository; no part of the product."""
