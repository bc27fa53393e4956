CREATE ROLE quintet LOGIN CREATEDB PASSWORD 'quintet';
CREATE DATABASE quintet OWNER quintet;
CREATE DATABASE guid_db OWNER quintet;
CREATE DATABASE certificates_db OWNER quintet;
CREATE DATABASE movies_db OWNER quintet;
CREATE DATABASE orders_db OWNER quintet;
