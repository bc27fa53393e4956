#!/bin/bash
# Signs in to the registry of Amazon ECR that the images are from, by the role of the server.
set -euo pipefail
registry=$(sed -nE 's#^ *image: *"?([0-9]+\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?)/.*#\1#p' docker-compose.yml | head -1)
[ -n "$registry" ] || exit 0
region=$(cut -d . -f 4 <<<"$registry")
aws ecr get-login-password --region "$region" | docker login --username AWS --password-stdin "$registry"
