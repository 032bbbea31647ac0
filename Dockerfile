# loadline and missiond on Debian 12, as an ordinary user.
#
#   docker build -t loadline .                         the load generator
#   docker build --target missiond -t missiond .       the reference service; shares all layers
#
# Where debian:bookworm-slim cannot be pulled, scripts/rig-images makes a stand-in.

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY scripts/setup scripts/packages.txt scripts/
RUN scripts/setup build
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY src src
COPY scenarios scenarios
RUN cmake --preset release -DLOADLINE_TESTS=OFF \
 && cmake --build --preset release --target bin/loadline bin/missiond -j2 \
 && strip build/release/bin/loadline build/release/bin/missiond

FROM debian:bookworm-slim AS run
COPY scripts/setup scripts/packages.txt /usr/local/share/loadline/scripts/
RUN /usr/local/share/loadline/scripts/setup image && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/build/release/bin/loadline /src/build/release/bin/missiond /usr/local/bin/
COPY scenarios /usr/local/share/loadline/scenarios
# /data: where missiond writes the users it seeded, and loadline reads them.
RUN useradd --uid 10001 --user-group --no-create-home loadline \
 && install -d -o loadline -g loadline /data
USER 10001:10001

FROM run AS missiond
EXPOSE 8080
ENTRYPOINT ["missiond"]

FROM run AS loadline
ENTRYPOINT ["loadline"]
