create table entry (id text primary key, what text not null, state text not null);
