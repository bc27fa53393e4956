#!/usr/bin/env bash
# gateway-vm: gateway_app alone.
# shellcheck source=scripts/machine.sh
source "${QUINTET_PROJECT:-/vagrant}/scripts/machine.sh"
require GATEWAY_PORT INVENTORY_URL BILLING_URL QUEUE_URL ORDER_ID_KEY

install_node
install_project
write_settings HOST=0.0.0.0 "DATA_DIR=$state" "GATEWAY_PORT=$GATEWAY_PORT" "INVENTORY_URL=$INVENTORY_URL" "BILLING_URL=$BILLING_URL" \
  "QUEUE_URL=$QUEUE_URL" "ORDER_ID_KEY=$ORDER_ID_KEY" \
  OPERATIONS_PORT=9464 OPERATIONS_HOST=127.0.0.1
open_ports "$GATEWAY_PORT"
start_app gateway_app "$GATEWAY_PORT"
