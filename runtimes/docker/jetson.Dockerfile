# Jetson with JetPack 6 and TensorRT: the C++ library, its camera application and the GStreamer element. Not built here.
#   docker build -f runtimes/docker/jetson.Dockerfile -t restorect-jetson .
FROM nvcr.io/nvidia/l4t-jetpack:r36.4.0 AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        cmake g++ libgstreamer-plugins-base1.0-dev libssl-dev ninja-build nlohmann-json3-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
COPY runtimes/cpp /src/runtimes/cpp
COPY runtimes/gstreamer /src/runtimes/gstreamer
RUN cmake -G Ninja -S /src/runtimes/cpp -B /build -DRESTORECT_BACKEND=tensorrt -DRESTORECT_TESTS=OFF \
        -DCMAKE_CUDA_COMPILER=/usr/local/cuda/bin/nvcc -DCUDAToolkit_ROOT=/usr/local/cuda \
    && ninja -C /build \
    && cmake --install /build --prefix /opt/restorect

FROM nvcr.io/nvidia/l4t-jetpack:r36.4.0
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-tools libgstreamer-plugins-base1.0-0 python3-numpy \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 --groups video restorect
COPY --from=build /opt/restorect /opt/restorect
ENV PATH=/opt/restorect/bin:$PATH \
    GST_PLUGIN_PATH=/opt/restorect/lib/aarch64-linux-gnu/gstreamer-1.0
USER 1000
WORKDIR /work
ENTRYPOINT ["restorect-camera"]
