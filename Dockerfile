# The base is the official image by the digest that its publishers list for 3.13-slim (CPython 3.13.14 on Debian 13, an index
# with linux/amd64 and linux/arm64 in it). Another base needs python3 >= 3.11 with pip, ldd and dpkg: docs/image.md.
ARG BASE=docker.io/library/python:3.13-slim@sha256:9662417aace5ae7b8e2609cce472b72a8958e134ba372808abe9cc1a0c0125e6

FROM ${BASE} AS build
ENV UV_PROJECT_ENVIRONMENT=/app \
    UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY tools/uv.txt tools/
# A network that signs its own certificates is given as a secret, so that neither they nor their place are in any layer.
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca PIP_CERT=/run/secrets/ca; fi; \
    python3 -m pip install --quiet --target /opt/uv --require-hashes --only-binary :all: --requirement tools/uv.txt
COPY pyproject.toml uv.lock ./
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi; \
    /opt/uv/bin/uv sync --quiet --locked --no-dev --no-install-project --no-build --python "$(command -v python3)"
COPY README.md LICENSE ./
COPY operator operator
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi; \
    /opt/uv/bin/uv sync --quiet --locked --no-dev --no-editable --python "$(command -v python3)"
RUN /opt/uv/bin/uv export --quiet --locked --no-dev --preview-features sbom-export --format cyclonedx1.5 \
    --output-file locked.json > /dev/null
COPY tools/image.py tools/
RUN python3 tools/image.py /app locked.json /image

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG BASE
LABEL org.opencontainers.image.title="runbook-operator" \
      org.opencontainers.image.description="A Kubernetes operator that makes a runbook enforceable" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="The Runbook Operator authors" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      dev.runbooks.image.made-from="${BASE}" \
      dev.runbooks.image.sbom="/usr/share/sbom/runbook-operator.cdx.json" \
      dev.runbooks.image.sbom.media-type="application/vnd.cyclonedx+json; version=1.5"
COPY --from=build /image /
# glibc lets the first large block that is freed raise the size from which it asks the system for memory of its own, and from
# then on what a burst or a long list took does not go back; a size that is set stays. And its arenas for threads are of no
# use to threads that take turns.
ENV PATH=/app/bin \
    LANG=C.UTF-8 \
    MALLOC_ARENA_MAX=1 \
    MALLOC_MMAP_THRESHOLD_=131072 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["/app/bin/runbook-operator"]
