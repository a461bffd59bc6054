# dosebook links DuckDB, so the build needs a C compiler and the result glibc
# and libstdc++: Debian in both stages, of one release.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=1 go build -trimpath -ldflags="-s -w" -o /dosebook ./cmd/dosebook

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libstdc++6 tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin dosebook \
 && install -d -o dosebook -g dosebook -m 0700 /data
COPY --from=build /dosebook /usr/local/bin/dosebook
USER dosebook
ENV DOSEBOOK_DATA=/data
VOLUME /data
EXPOSE 8080
# bash opens the connection itself: no client to install and to keep patched.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["dosebook"]
CMD ["serve", "--listen", "0.0.0.0:8080"]
