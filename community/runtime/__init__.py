"""What makes a process of it: settings, logs, the system clock, starting and stopping."""
