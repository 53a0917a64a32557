"""GraphQL over HTTP, WebSocket and server-sent events, and the web page that uses it."""
