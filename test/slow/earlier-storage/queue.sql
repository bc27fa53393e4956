pragma foreign_keys = off;
begin;
CREATE TABLE "kysely_migration" ("name" varchar(255) not null primary key, "timestamp" varchar(255) not null);
CREATE TABLE "kysely_migration_lock" ("id" varchar(255) not null primary key, "is_locked" integer default 0 not null);
CREATE TABLE "queue" ("name" text not null primary key, "depth" integer not null);
CREATE TABLE "message" ("id" integer primary key autoincrement, "queue" text not null, "message_id" text not null, "key" text, "body" text not null, "headers" text, "attempts" integer default 0 not null, "visible_at" integer, "published_at" integer not null, "failed_at" integer, "reason" text);
CREATE UNIQUE INDEX "message_identity" on "message" ("queue", "message_id");
CREATE INDEX "message_claim" on "message" ("queue", "visible_at" desc) where "visible_at" is not null;
CREATE INDEX message_key on message (queue, key) where key is not null and visible_at <> 0;
CREATE TRIGGER message_inserted after insert on message begin
      insert into queue (name, depth) values (new.queue, 1) on conflict (name) do update set depth = depth + 1;
    end;
CREATE TRIGGER message_deleted after delete on message begin
      update queue set depth = depth - 1 where name = old.queue;
    end;
CREATE TRIGGER message_followed after delete on message when old.key is not null and old.visible_at >= 0 begin
      update message set visible_at = 0 where id = (
        select id from message
         where queue = old.queue and key = old.key and visible_at <> 0 and visible_at = -1
         order by id limit 1);
    end;
CREATE TABLE "chunk" ("stream" text not null, "first" integer not null, "count" integer not null, "messages" text not null, "appended_at" integer not null, constraint "chunk_place" primary key ("stream", "first"));
CREATE TABLE "publication" ("id" integer primary key, "queue" text not null, "key" text not null, "message_id" text not null, "until" integer not null);
CREATE UNIQUE INDEX "publication_identity" on "publication" ("queue", "key");
CREATE INDEX "publication_until" on "publication" ("until");
insert into "kysely_migration" ("name", "timestamp") values ('0001-create-message', '2026-11-29T08:30:51.941Z');
insert into "kysely_migration" ("name", "timestamp") values ('0002-create-stream', '2026-11-29T08:30:51.942Z');
insert into "kysely_migration" ("name", "timestamp") values ('0003-create-publication', '2026-11-29T08:30:51.943Z');
insert into "kysely_migration_lock" ("id", "is_locked") values ('migration_lock', 0);
insert into "queue" ("name", "depth") values ('guid.commands', 0);
insert into "queue" ("name", "depth") values ('billing_queue', 1);
insert into "queue" ("name", "depth") values ('certificates.notifications', 1);
insert into "queue" ("name", "depth") values ('billing_queue.dead', 1);
insert into "message" ("id", "queue", "message_id", "key", "body", "headers", "attempts", "visible_at", "published_at", "failed_at", "reason") values (5, 'certificates.notifications', '01a2266d-b161-7968-813f-923a1a8684f3', '1', '{"event":"certificate.active_changed","body":"{\"id\":1,\"active\":false}"}', null, 3, 1795941059456.0881, 1795941052782, null, null);
insert into "message" ("id", "queue", "message_id", "key", "body", "headers", "attempts", "visible_at", "published_at", "failed_at", "reason") values (7, 'billing_queue.dead', 'poison-1', null, 'not an order', null, 1, null, 1795941059264, 1795941059294, 'The message is not JSON.');
insert into "message" ("id", "queue", "message_id", "key", "body", "headers", "attempts", "visible_at", "published_at", "failed_at", "reason") values (8, 'billing_queue', '01a2266d-d4b6-7629-87f2-9c3e27b57325', null, '{"user_id":"7","number_of_items":"1","total_amount":"9.99"}', '{"x-request-id":"3b1e4584aa-1","traceparent":"00-c01faacd24e9efb0a0fc5199b1dea2b1-499b8304f5eecd64-00"}', 0, 0, 1795941061814, null, null);
insert into "chunk" ("stream", "first", "count", "messages", "appended_at") values ('guid.events', 1, 1, '[{"id":"c6f97a59e3537d4f-1","key":"5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A","body":"{\"type\":\"guid.created\",\"guid\":\"5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A\",\"user\":\"ada\",\"expire\":253402300799,\"version\":1795941052227000}"}]', 1795941052242);
insert into "chunk" ("stream", "first", "count", "messages", "appended_at") values ('guid.events', 2, 3, '[{"id":"c6f97a59e3537d4f-2","key":"0000000000004000800000000000000A","body":"{\"type\":\"guid.created\",\"guid\":\"0000000000004000800000000000000A\",\"user\":\"Ελένη\",\"expire\":253402300799,\"version\":1795941052244000}"},{"id":"c6f97a59e3537d4f-3","key":"5E95AAD3B0D94B0F8C3D8A8F7E1C2B3B","body":"{\"type\":\"guid.created\",\"guid\":\"5E95AAD3B0D94B0F8C3D8A8F7E1C2B3B\",\"user\":\"soon\",\"expire\":1795941054,\"version\":1795941052249000}"},{"id":"c6f97a59e3537d4f-4","key":"5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A","body":"{\"type\":\"guid.updated\",\"guid\":\"5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A\",\"user\":\"ada lovelace\",\"expire\":253402300799,\"version\":1795941052252000}"}]', 1795941052259);
insert into "chunk" ("stream", "first", "count", "messages", "appended_at") values ('guid.events', 5, 2, '[{"id":"c6f97a59e3537d4f-7","key":"5E95AAD3B0D94B0F8C3D8A8F7E1C2B3D","body":"{\"type\":\"guid.created\",\"guid\":\"5E95AAD3B0D94B0F8C3D8A8F7E1C2B3D\",\"user\":\"gone\",\"expire\":253402300799,\"version\":1795941052274000}"},{"id":"c6f97a59e3537d4f-8","key":"5E95AAD3B0D94B0F8C3D8A8F7E1C2B3D","body":"{\"type\":\"guid.deleted\",\"guid\":\"5E95AAD3B0D94B0F8C3D8A8F7E1C2B3D\",\"user\":\"gone\",\"expire\":253402300799,\"version\":1795941052274000}"}]', 1795941052302);
insert into "chunk" ("stream", "first", "count", "messages", "appended_at") values ('guid.events', 7, 1, '[{"id":"c6f97a59e3537d4f-9","key":"5E95AAD3B0D94B0F8C3D8A8F7E1C2B3C","body":"{\"type\":\"guid.created\",\"guid\":\"5E95AAD3B0D94B0F8C3D8A8F7E1C2B3C\",\"user\":\"async\",\"expire\":253402300799,\"version\":1795941052305000}"}]', 1795941052359);
insert into "chunk" ("stream", "first", "count", "messages", "appended_at") values ('guid.events', 8, 1, '[{"id":"c6f97a59e3537d4f-10","key":"5E95AAD3B0D94B0F8C3D8A8F7E1C2B3B","body":"{\"type\":\"guid.expired\",\"guid\":\"5E95AAD3B0D94B0F8C3D8A8F7E1C2B3B\",\"user\":\"soon\",\"expire\":1795941054,\"version\":1795941052249000}"}]', 1795941054167);
insert into "publication" ("id", "queue", "key", "message_id", "until") values (1, 'billing_queue', '"one"', '7d2203cd-8abb-84c8-ad7c-c853ce3eeefe', 1796027452775);
delete from "sqlite_sequence";
insert into "sqlite_sequence" ("name", "seq") values ('message', 8);
commit;
