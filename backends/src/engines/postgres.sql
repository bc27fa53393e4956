CREATE ROLE quintet LOGIN CREATEDB PASSWORD 'quintet';
CREATE DATABASE quintet OWNER quintet;
GRANT ALTER SYSTEM ON PARAMETER synchronous_standby_names TO quintet;
GRANT EXECUTE ON FUNCTION pg_reload_conf() TO quintet;
