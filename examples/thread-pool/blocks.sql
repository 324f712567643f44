-- The query of /blocking reads no table, but a database file needs something in it.
create table empty (id integer primary key);
