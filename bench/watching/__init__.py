"""What the bench of subscribers needs: ten thousand WebSockets in a process of their own."""
