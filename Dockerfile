# docker buildx build --platform linux/amd64,linux/arm64 --build-arg REVISION=$(git rev-parse HEAD) -t REGISTRY/clarion:0.1.0 --push .
# One image for controller, speaker and all commands. It contains Node, the bundle and the addon, and no npm package.

# The current LTS, not the oldest that Clarion runs on. Both stages are the same Debian, so the addon finds the C library it was built for.
ARG NODE_VERSION=26

FROM node:${NODE_VERSION} AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc setup.mjs manifests/image/sbom.mjs ./
COPY src/ src/
# As on a developer's machine: npm ci, addon (this image has gcc and Node's headers), bundle.
RUN --mount=type=cache,target=/root/.npm node setup.mjs build
# The lab is for tests and the demo. What is in the bundle is what the lock file says.
RUN rm dist/lab-tool.js* dist/native.stamp \
 && npm sbom --package-lock-only --sbom-format=cyclonedx | node sbom.mjs >sbom.cdx.json

FROM node:${NODE_VERSION}-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Clarion" \
      org.opencontainers.image.description="LoadBalancer addresses for bare-metal Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV NODE_ENV=production
COPY --from=build /src/dist/ /opt/clarion/dist/
COPY --from=build /src/package.json /src/sbom.cdx.json /opt/clarion/
COPY LICENSE /opt/clarion/
RUN printf '#!/bin/sh\nexec node /opt/clarion/dist/main.js "$@"\n' >/usr/local/bin/clarion && chmod 755 /usr/local/bin/clarion
# The speakers' manifest says uid 0 for itself, with CAP_NET_RAW and nothing else.
USER 65532:65532
ENTRYPOINT ["node", "/opt/clarion/dist/main.js"]
