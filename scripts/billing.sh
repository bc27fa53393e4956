#!/usr/bin/env bash
# billing-vm: billing_app, PostgreSQL with orders_db, and RabbitMQ.
# shellcheck source=scripts/machine.sh
source "${QUINTET_PROJECT:-/vagrant}/scripts/machine.sh"
require GATEWAY_ADDRESS BILLING_PORT BILLING_DATABASE_URL QUEUE_URL ORDER_ID_KEY
[[ $QUEUE_URL =~ ^amqp://([A-Za-z0-9._~-]+):([A-Za-z0-9._~-]+)@127\.0\.0\.1:5672$ ]] ||
  fail 'QUEUE_URL must be amqp://user:password@127.0.0.1:5672, of letters, digits and . _ ~ -'
user=${BASH_REMATCH[1]} password=${BASH_REMATCH[2]}

install_node
install_project
create_database "$BILLING_DATABASE_URL"

# The files of a node are in a folder that is named after it, and the name of a machine may change.
put /etc/rabbitmq/rabbitmq-env.conf --mode 644 <<<'NODENAME=rabbit@localhost'
install_packages rabbitmq-server
systemctl enable --quiet rabbitmq-server
systemctl "${changed:+re}start" rabbitmq-server
rabbitmqctl --quiet await_startup
heading 'the user of RabbitMQ'
users=$(rabbitmqctl --quiet list_users)
# Standard input, and not an argument, has the password, since all users can read the latter.
if grep -q "^${user}[[:space:]]" <<<"$users"; then
  rabbitmqctl --quiet authenticate_user "$user" <<<"$password" || rabbitmqctl --quiet change_password "$user" <<<"$password"
else
  rabbitmqctl --quiet add_user "$user" <<<"$password"
fi
rabbitmqctl --quiet set_permissions "$user" '.*' '.*' '.*'
if grep -q '^guest[[:space:]]' <<<"$users"; then rabbitmqctl --quiet delete_user guest; fi

write_settings HOST=0.0.0.0 "DATA_DIR=$state" "BILLING_PORT=$BILLING_PORT" "BILLING_DATABASE_URL=$BILLING_DATABASE_URL" \
  "QUEUE_URL=$QUEUE_URL" "ORDER_ID_KEY=$ORDER_ID_KEY" "TRUSTED_PROXIES=127.0.0.1, ::1, $GATEWAY_ADDRESS" \
  OPERATIONS_PORT=9464 OPERATIONS_HOST=127.0.0.1
as_quintet node quintet.ts migrate up billing
open_ports "$GATEWAY_ADDRESS:$BILLING_PORT" "$GATEWAY_ADDRESS:5672"
start_app billing_app "$BILLING_PORT"
