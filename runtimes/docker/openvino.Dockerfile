# x86 with OpenVINO: the command line, the C++ library, its camera application and the GStreamer element. Not built here.
#   docker build -f runtimes/docker/openvino.Dockerfile -t restorect-edge .
FROM debian:12-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        cmake g++ libgstreamer-plugins-base1.0-dev libssl-dev ninja-build nlohmann-json3-dev pkg-config python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/restorect \
    && /opt/restorect/bin/pip install --no-cache-dir "openvino==2026.4.1"
COPY runtimes/cpp /src/runtimes/cpp
COPY runtimes/gstreamer /src/runtimes/gstreamer
RUN cmake -G Ninja -S /src/runtimes/cpp -B /build -DRESTORECT_TESTS=OFF \
        "-DOpenVINO_DIR=$(/opt/restorect/bin/python -c 'import openvino, pathlib; print(pathlib.Path(openvino.__file__).parent / "cmake")')" \
    && ninja -C /build \
    && cmake --install /build --prefix /opt/restorect
COPY . /src
RUN /opt/restorect/bin/pip install --no-cache-dir "/src[openvino,video]"

FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-tools libgstreamer-plugins-base1.0-0 libssl3 python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 restorect
COPY --from=build /opt/restorect /opt/restorect
ENV PATH=/opt/restorect/bin:$PATH \
    GST_PLUGIN_PATH=/opt/restorect/lib/x86_64-linux-gnu/gstreamer-1.0
USER 1000
WORKDIR /work
ENTRYPOINT ["restorect-edge"]
