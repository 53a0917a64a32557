"""`make stack`: the topology of docker-compose.yml as processes of this machine, with the same configuration files."""
