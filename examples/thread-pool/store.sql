create table results (name text primary key, value text not null);
insert into results values ('read_db', 'read_db');
