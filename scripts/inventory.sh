#!/usr/bin/env bash
# inventory-vm: inventory_app, and PostgreSQL with movies_db.
# shellcheck source=scripts/machine.sh
source "${QUINTET_PROJECT:-/vagrant}/scripts/machine.sh"
require GATEWAY_ADDRESS INVENTORY_PORT INVENTORY_DATABASE_URL

install_node
install_project
create_database "$INVENTORY_DATABASE_URL"
write_settings HOST=0.0.0.0 "DATA_DIR=$state" "INVENTORY_PORT=$INVENTORY_PORT" "INVENTORY_DATABASE_URL=$INVENTORY_DATABASE_URL" \
  "TRUSTED_PROXIES=127.0.0.1, ::1, $GATEWAY_ADDRESS" \
  OPERATIONS_PORT=9464 OPERATIONS_HOST=127.0.0.1
as_quintet node quintet.ts migrate up inventory
open_ports "$GATEWAY_ADDRESS:$INVENTORY_PORT"
start_app inventory_app "$INVENTORY_PORT"
