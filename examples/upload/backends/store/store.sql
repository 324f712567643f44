create table files (name text primary key, text text not null);
