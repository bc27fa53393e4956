pragma foreign_keys = off;
begin;
CREATE TABLE "kysely_migration" ("name" varchar(255) not null primary key, "timestamp" varchar(255) not null);
CREATE TABLE "kysely_migration_lock" ("id" varchar(255) not null primary key, "is_locked" integer default 0 not null);
CREATE TABLE "user" ("id" integer primary key autoincrement, "name" varchar(256) not null, "email" varchar(254) not null, "email_key" varchar(1024) not null unique, "password_hash" varchar(512) not null, "version" bigint not null);
CREATE TABLE "certificate" ("id" integer primary key autoincrement, "uid" varchar(36) not null, "user_id" bigint not null references "user" ("id") on delete cascade, "active" integer not null, "version" bigint not null, "not_before" bigint, "not_after" bigint, "notice_at" bigint, "key_id" varchar(16) not null, "wrapped_key" varchar(128) not null, "ciphertext" text not null, "body" text not null, "x509" text);
CREATE INDEX "certificate_user" on "certificate" ("user_id", "id");
CREATE INDEX "certificate_key" on "certificate" ("key_id");
CREATE INDEX "certificate_end" on "certificate" ("not_after", "id") where "not_after" is not null;
CREATE INDEX "certificate_notice" on "certificate" ("notice_at") where "notice_at" is not null;
CREATE TABLE "notification" ("id" integer primary key autoincrement, "delivery_id" varchar(36) not null unique, "certificate_id" bigint not null references "certificate" ("id") on delete cascade, "event" varchar(32) not null, "body" text not null, "status" varchar(9) not null, "created_at" bigint not null, "changed_at" bigint not null);
CREATE INDEX "notification_certificate" on "notification" ("certificate_id", "id");
CREATE INDEX "notification_changed_at" on "notification" ("status", "changed_at");
CREATE TABLE "delivery_attempt" ("id" integer primary key autoincrement, "notification_id" bigint not null references "notification" ("id") on delete cascade, "at" bigint not null, "status" integer, "error" varchar(200));
CREATE INDEX "delivery_attempt_notification" on "delivery_attempt" ("notification_id", "id");
CREATE TABLE "idempotency" ("id" varchar(64) not null primary key, "fingerprint" varchar(64) not null, "status" integer not null, "headers" text not null, "body" text not null, "created_at" bigint not null);
CREATE INDEX "idempotency_created_at" on "idempotency" ("created_at");
CREATE TABLE "outbox" ("id" integer primary key autoincrement, "queue" varchar(128) not null, "message_id" varchar(128), "key" varchar(256) not null, "body" text not null, "created_at" bigint not null, "keys" text);
CREATE TABLE "outbox_relay" ("source" varchar(32) not null primary key, "holder" varchar(36), "lease_until" bigint not null);
insert into "kysely_migration" ("name", "timestamp") values ('0001-create-user-and-certificate', '2026-11-29T08:30:51.902Z');
insert into "kysely_migration" ("name", "timestamp") values ('0002-add-outbox-keys', '2026-11-29T08:30:51.903Z');
insert into "kysely_migration_lock" ("id", "is_locked") values ('migration_lock', 0);
insert into "user" ("id", "name", "email", "email_key", "password_hash", "version") values (1, 'User 1', 'ada@example.com', 'ada@example.com', '$argon2id$v=19$m=19456,t=2,p=1$Ffsdti7VLydCOJKYvFTBhw$fodiKZpvwg47YUOTikGo/uqZGSKFQA0zfe/ohMvgzuw', 1);
insert into "user" ("id", "name", "email", "email_key", "password_hash", "version") values (2, 'User 2', 'ΟΔΥΣΣΕΥΣ@example.com', 'οδυσσευς@example.com', '$argon2id$v=19$m=19456,t=2,p=1$q31i5KYQ6v/WYjfu6/Qn8A$qyWz/Oif31xnpNWJP+xz8TUkz4n9QQ8wjjCMq7a2Hvg', 1);
insert into "user" ("id", "name", "email", "email_key", "password_hash", "version") values (4, 'User 4', 'οδυσσευσ@example.com', 'οδυσσευσ@example.com', '$argon2id$v=19$m=19456,t=2,p=1$DBS91Z5FsB69Q3AA1rqIFw$NVN5QFVbfek8ZvWiV4/0EbflYJKP2rWwBEERPFj3XGg', 1);
insert into "user" ("id", "name", "email", "email_key", "password_hash", "version") values (5, 'User 5', 'straße@example.com', 'straße@example.com', '$argon2id$v=19$m=19456,t=2,p=1$CsKBTOlv3b7VUgiAsMngCg$Nvz/S+iawRZF2Jq7UZ3EJpTRKbLOHhdt1ej+c6mt2j4', 1);
insert into "user" ("id", "name", "email", "email_key", "password_hash", "version") values (6, 'User 6', 'STRASSE@example.com', 'strasse@example.com', '$argon2id$v=19$m=19456,t=2,p=1$BV5xrLLJd5p+4qyPoiluDw$yz0LcUv28u6extQvNJzQvz/54vXZdvXINBiNUnn4hRo', 1);
insert into "user" ("id", "name", "email", "email_key", "password_hash", "version") values (7, 'User 7', 'İ@example.com', cast(x'69cc87406578616d706c652e636f6d' as text), '$argon2id$v=19$m=19456,t=2,p=1$qxJitP6eMW0CIYeNHh8M/w$CAVgpyjaIySwWiBd+63Uc2k6JVr6M5B4yZ/jUnSTbU8', 1);
insert into "user" ("id", "name", "email", "email_key", "password_hash", "version") values (8, 'User 8', 'i@example.com', 'i@example.com', '$argon2id$v=19$m=19456,t=2,p=1$Fz6dQGXG+g3CqCdPtgbkzg$4yyQ1LgHxifqN2mxiM7PbVY6QxN0dTwMTqRGB84WpHQ', 1);
insert into "user" ("id", "name", "email", "email_key", "password_hash", "version") values (9, 'User 9', 'amélie@example.com', 'amélie@example.com', '$argon2id$v=19$m=19456,t=2,p=1$/h51/69W64tUjrGWX7IAbQ$fWtMcu+VnXOOnnMSH8Xtj7l3Jl++t+MhJU3iw7QE7xY', 1);
insert into "user" ("id", "name", "email", "email_key", "password_hash", "version") values (10, 'User 10', 'Grace.Hopper@Example.COM', 'grace.hopper@example.com', '$argon2id$v=19$m=19456,t=2,p=1$wvfjEsD48HbOV0hx8mWWfA$GXNHOCGXe07SOIKz8p8kJ4hltf3+Xh081HYcXAc65f4', 1);
insert into "certificate" ("id", "uid", "user_id", "active", "version", "not_before", "not_after", "notice_at", "key_id", "wrapped_key", "ciphertext", "body", "x509") values (1, '40c10442-ff0c-4aa6-90a3-cfe463c2849a', 1, 0, 2, null, null, null, '4773d12e2371bb93', 'T1+fQPBgFWnet75WM1ATZl2NPrrPfyeJxmtI0zkwr/LXz1QItCpV8XCR1zB4tywzMXEec9db0QWLH2rR', 'L7355KI/LT+/YDiIWUDuxtLbTEQ3ni/xOjmlgDlygtbb+YJJvkhs6gY=', 'test body', null);
insert into "certificate" ("id", "uid", "user_id", "active", "version", "not_before", "not_after", "notice_at", "key_id", "wrapped_key", "ciphertext", "body", "x509") values (2, '09ba922e-de1d-4e3f-8d51-98bd560e84d1', 1, 0, 1, 1767225600000, 4102444800000, 3324038400000, '4773d12e2371bb93', 'iPyotyFYzu366Hevp0D0m4P29eDQng+jVA8isEmwpveLNmrEfGfUV1OyDX14FCbRdIYeOjUQKU7gRjut', '2OZX6YafX+rLNijfFhomickmT3hAxvmgqIp6LnlFs/As8gH96INY6eOT40PqfIa3iNX6ZIupH6aFv3/oupgDJoDcxFebZxhTmkEwHCSAAbpoEKyin153sOPUEJzIh1ltVzbbZX/CHPyAnThgumFA8EUtRieg4WfB7S/tQMpjqbBBUbTE0btAOsN2z9aF8eQ9e1wNrIvegr7IGfg42GHWH7U5KEyfEkKvfgE0bso2muraexmxQjXPzKqcMdK0SaRe5jec+5HnJyMpxu2InuQikF46JnnQam9gN3rVgf/R2ggwfSVsXRFfneVWzU6e1MhWHv6ENYdO8KPziZo8vgG3IxlbUZAibtFtrOjM9MQ=', '-----BEGIN CERTIFICATE-----
MIIBWTCCAQCgAwIBAgIQSncsaPj0zCuzoNbJKoNpjzAKBggqhkjOPQQDAjAWMRQw
EgYDVQQDDAtleGFtcGxlLmNvbTAiGA8yMDI2MDEwMTAwMDAwMFoYDzIxMDAwMTAx
MDAwMDAwWjAWMRQwEgYDVQQDDAtleGFtcGxlLmNvbTBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABKW3BHiFTwn7CY6sW3d8z1LJYQgXdLlvYnR5LCz5DUJGDLJNqUlS
nfaHlm/xORuF8WWQbwM8QHioxVs4QMSVmSijLDAqMCgGA1UdEQQhMB+CC2V4YW1w
bGUuY29thhBzcGlmZmU6Ly90ZC9ucyxhMAoGCCqGSM49BAMCA0cAMEQCIAtP7Csy
Z2PJpIg/3SYE044p093Z0wVKUQM3lQL6kOuOAiBmYhCZqNAWPz6OkfZNtJYAPf/p
Zs+ygASXQKitpm4yEA==
-----END CERTIFICATE-----
', '{"subject":"CN=example.com","subject_alternative_names":["DNS:example.com","URI:\"spiffe://td/ns\\u002ca\""],"issuer":"CN=example.com","serial_number":"4A772C68F8F4CC2BB3A0D6C92A83698F","not_before":"2026-01-01T00:00:00.000Z","not_after":"2100-01-01T00:00:00.000Z","key_type":"ec prime256v1","fingerprint_sha256":"57606eb20c1a283317f5f7e758e7f5b2820939b97a0c60a6c38868604659cf12"}');
insert into "notification" ("id", "delivery_id", "certificate_id", "event", "body", "status", "created_at", "changed_at") values (1, '01a2266d-b161-7968-813f-923a1a8684f3', 1, 'certificate.active_changed', '{"id":1,"active":false}', 'pending', 1795941052770, 1795941055622);
insert into "delivery_attempt" ("id", "notification_id", "at", "status", "error") values (1, 1, 1795941052784, null, 'no response (bad port)');
insert into "delivery_attempt" ("id", "notification_id", "at", "status", "error") values (2, 1, 1795941053717, null, 'no response (bad port)');
insert into "delivery_attempt" ("id", "notification_id", "at", "status", "error") values (3, 1, 1795941055622, null, 'no response (bad port)');
insert into "outbox_relay" ("source", "holder", "lease_until") values ('b294e487afbac2c5', '25983ea5-4bfa-4b14-9dfe-20e23e76038f', 0);
delete from "sqlite_sequence";
insert into "sqlite_sequence" ("name", "seq") values ('user', 10);
insert into "sqlite_sequence" ("name", "seq") values ('certificate', 2);
insert into "sqlite_sequence" ("name", "seq") values ('notification', 1);
insert into "sqlite_sequence" ("name", "seq") values ('outbox', 1);
insert into "sqlite_sequence" ("name", "seq") values ('delivery_attempt', 3);
commit;
