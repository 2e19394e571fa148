# aae on CPUs. Build: docker build --build-arg TORCH_INDEX=... -t aae . (an index with CPU builds of torch; without it,
# torch comes with CUDA and the image is several gigabytes larger).
# Run: docker run --rm -v "$PWD:/work" --user "$(id -u):$(id -g)" aae train few-labels --data photos --out run
FROM python:3.11-slim AS build

ARG TORCH_INDEX=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

RUN python -m venv /opt/aae
WORKDIR /source
COPY constraints.txt ./
# torch changes less often than the package, so it has a layer of its own.
RUN /opt/aae/bin/pip install --constraint constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN /opt/aae/bin/pip install --constraint constraints.txt ".[features,heic,hub,onnx,tables]"

FROM python:3.11-slim

COPY --from=build /opt/aae /opt/aae
RUN useradd --uid 1000 --create-home aae && install --directory --owner aae --group aae /work
# Any user may be given with --user: the caches lie in a folder that all can write to.
ENV PATH="/opt/aae/bin:$PATH" XDG_CACHE_HOME=/tmp/cache MPLCONFIGDIR=/tmp/matplotlib
USER 1000:1000
WORKDIR /work
ENTRYPOINT ["aae"]
CMD ["--help"]
