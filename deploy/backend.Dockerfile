# One image for every backend process; the command names the process: docker run IMAGE ingest run
FROM python:3.13-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
COPY requirements/run.txt /build/run.txt
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r /build/run.txt

FROM python:3.13-slim-bookworm
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY community community
COPY contracts contracts
COPY api api
COPY gateway_agent gateway_agent
COPY indexer indexer
COPY ingest ingest
COPY settlement settlement
COPY signer signer
COPY standalone standalone
COPY verifier verifier
RUN python -m compileall -q /app
# The files of the system are read-only at run time (docker-compose.yml); state lies in mounted folders only.
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
ENTRYPOINT ["python", "-m"]
CMD ["community.store", "check"]
