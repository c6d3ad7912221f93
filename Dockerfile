# Both stages start from one image; --build-arg PYTHON=...@sha256:... pins it to a digest.
# Build: dependencies first, so that a change of the program does not install them again. Node comes from PyPI for this stage only.
ARG PYTHON=python:3.13-slim-bookworm
FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
WORKDIR /source
COPY pyproject.toml constraints.txt ./
RUN sed -n '/^uv==/,/# via/p' constraints.txt > /tmp/uv.txt \
    && pip install --no-cache-dir --quiet --requirement /tmp/uv.txt \
    && uv venv /opt/rigwise \
    && uv pip install --no-cache --python /opt/rigwise --constraint constraints.txt \
       --requirement pyproject.toml --extra postgres --extra files
COPY . .
RUN uv pip install --no-cache --python /opt/rigwise --no-deps .

# Run: no compiler, no package manager's cache, no root. Everything that changes lives in /data; the rest may be mounted read-only.
FROM ${PYTHON}
ENV PATH=/opt/rigwise/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RIGWISE_DATABASE_URL=sqlite:////data/rigwise.sqlite
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin rigwise \
    && install -d -o 10001 -g 10001 -m 0750 /data
COPY --from=build /opt/rigwise /opt/rigwise
COPY scripts/container.py /opt/rigwise/container.py
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "/opt/rigwise/container.py", "healthcheck"]
ENTRYPOINT ["python", "/opt/rigwise/container.py"]
